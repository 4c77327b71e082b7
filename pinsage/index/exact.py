"""Exact nearest neighbors by brute force: what the index is measured against."""

from __future__ import annotations

import numpy as np

from pinsage.index.geometry import Geometry, row_blocks


def exact_top_k(
    embeddings: np.ndarray, rows: np.ndarray, query_rows: np.ndarray, k: int, geometry: Geometry
) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` best items of every query item, itself left out.

    Args:
        embeddings: float [num_items, width], may be memory mapped: it is read block by block.
        rows: int [n] ascending item rows that may be answered.
        query_rows: int [q] item rows asked.
        k: neighbors a query, at most n - 1.
        geometry: how the model scores.

    Returns:
        Item rows int64 [q, k] and their scores float32 [q, k], best first; equal scores by ascending item row.
    """
    queries = geometry.queries(embeddings[query_rows])
    best_scores = np.full((len(queries), 0), -np.inf, dtype=np.float32)
    best_rows = np.zeros((len(queries), 0), dtype=np.int64)
    for block in row_blocks(len(rows), 32_768):
        block_rows = rows[block]
        scores = geometry.scores(queries, embeddings[block_rows])
        scores[query_rows[:, None] == block_rows[None, :]] = -np.inf
        best_scores = np.hstack([best_scores, scores])
        best_rows = np.hstack([best_rows, np.broadcast_to(block_rows, scores.shape)])
        if best_scores.shape[1] > k:
            kept = np.argpartition(-best_scores, k - 1, axis=1)[:, :k]
            best_scores = np.take_along_axis(best_scores, kept, axis=1)
            best_rows = np.take_along_axis(best_rows, kept, axis=1)
    order = np.lexsort((best_rows, -best_scores), axis=1)[:, :k]
    return np.take_along_axis(best_rows, order, axis=1), np.take_along_axis(best_scores, order, axis=1)


def recall_at_k(found_scores: list[np.ndarray], exact_scores: np.ndarray, tolerance: float = 1e-5) -> np.ndarray:
    """recall@K of every query: the share of its K exact neighbors that were found, float64 [q].

    An item counts when its score reaches that of the K-th exact neighbor, so that items of equal score stand for each
    other.

    Args:
        found_scores: per query, scores of the answered items, float [at most K].
        exact_scores: float [q, K], best first.
        tolerance: absolute difference of scores taken as equal (float32 sums in another order).
    """
    k = exact_scores.shape[1]
    return np.array(
        [
            np.count_nonzero(found[:k] >= exact[-1] - tolerance) / k
            for found, exact in zip(found_scores, exact_scores, strict=True)
        ]
    )
