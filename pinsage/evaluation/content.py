"""Baseline: cosine of the items' own features, without any graph (the content baselines of section 4.1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pinsage.arrays.unit_rows import unit_rows
from pinsage.evaluation.ranking import Ranks, Rows, rank_by_vectors


def content_ranks(content: NDArray[np.float32], queries: Rows, positives: Rows, *, threads: int = 2) -> Ranks:
    """Ranks by cosine similarity of content.

    A query without content scores every item 0, and its positive gets the middle of the catalogue.

    Args:
        content: the features without the log degree, which is of the graph and not of the item, [num_items, d].
        queries: query rows, -1 = unknown, [n].
        positives: rows of the positives, -1 = unknown, [n].
        threads: blocks of queries scored at once; changes no result.

    Returns:
        float64 [n].
    """
    vectors = unit_rows(content)
    return rank_by_vectors(vectors, vectors, queries, positives, threads=threads)
