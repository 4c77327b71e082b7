"""Baseline: the same list for every query, most saved first. Strong wherever baskets are filled with staples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pinsage.evaluation.ranking import Ranks, Rows, rank_by_item_score


def popularity_ranks(degrees: NDArray[np.integer], queries: Rows, positives: Rows) -> Ranks:
    """Ranks by number of saves as of the as-of day.

    Args:
        degrees: boards that each item is saved to, [num_items].
        queries: query rows, -1 = unknown, [n].
        positives: rows of the positives, -1 = unknown, [n].

    Returns:
        float64 [n]; ties share the middle of their places.
    """
    return rank_by_item_score(np.asarray(degrees, dtype=np.float64), queries, positives)
