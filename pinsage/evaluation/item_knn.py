"""Baseline: item-kNN, the cosine of two items' sets of boards (Sarwar et al. 2001; Deshpande and Karypis 2004).

    s(q, i) = |B_q and B_i| / sqrt(|B_q| |B_i|)

with all neighbors kept. Items that share no board with the query score 0 and tie.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pinsage.evaluation.ranking import Ranks, Rows, rank_by_sparse_scores


def item_knn_ranks(
    item_offsets: NDArray[np.int64],
    item_boards: NDArray[np.integer],
    num_boards: int,
    queries: Rows,
    positives: Rows,
    *,
    threads: int = 2,
) -> Ranks:
    """Ranks by the cosine of co-occurrence on boards.

    Args:
        item_offsets: CSR offsets of the boards of each item, [num_items + 1].
        item_boards: the boards, without duplicates within an item, [num_edges].
        num_boards: boards in the graph.
        queries: query rows, -1 = unknown, [n].
        positives: rows of the positives, -1 = unknown, [n].
        threads: blocks of queries scored at once; changes no result.

    Returns:
        float64 [n].
    """
    num_items = len(item_offsets) - 1
    ones = np.ones(len(item_boards), dtype=np.float32)
    boards_of_items = sparse.csr_array((ones, item_boards, item_offsets), shape=(num_items, num_boards))
    degrees = np.maximum(np.diff(item_offsets), 1)
    weights = np.repeat(1 / np.sqrt(degrees), np.diff(item_offsets)).astype(np.float32)
    scaled = sparse.csr_array((weights, item_boards, item_offsets), shape=(num_items, num_boards)).T.tocsr()

    def score_rows(rows: NDArray[np.int64]) -> sparse.csr_array:
        return boards_of_items[rows] @ scaled  # |B_q| is the same for every item, and left out

    return rank_by_sparse_scores(score_rows, num_items, queries, positives, threads=threads)
