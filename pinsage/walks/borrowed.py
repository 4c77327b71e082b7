"""Neighborhoods for items that no walk starts from: borrowed from the items that are alike in content.

No part of the paper, whose pins all lie on boards.
"""

from __future__ import annotations

import numpy as np


def borrowed_neighborhoods(
    similarities: np.ndarray, neighbors: np.ndarray, importances: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Merge the neighborhoods of the items that each item is alike to.

    Args:
        similarities: float32 [n, C], of C items to each item; those of 0 or below lend nothing.
        neighbors: int32 [n, C, T], their neighbors, -1 for padding.
        importances: float32 [n, C, T].

    Returns:
        int32 and float32 [n, T]: the neighbors with the highest sum of similarity times importance, the most important
        first, equal ones by row; importances sum to 1, or to 0 where nobody lends.
    """
    num_items, _, top_t = neighbors.shape
    merged = np.full((num_items, top_t), -1, np.int32)
    weights = np.zeros((num_items, top_t), np.float32)
    lent = np.maximum(similarities, 0)[:, :, None] * np.where(neighbors >= 0, importances, 0)
    for item in range(num_items):
        rows, places = np.unique(neighbors[item], return_inverse=True)
        sums = np.bincount(places.ravel(), lent[item].ravel())
        best = np.lexsort((rows, -sums))[:top_t]
        best = best[sums[best] > 0]
        merged[item, : len(best)] = rows[best]
        weights[item, : len(best)] = sums[best] / sums[best].sum() if len(best) else 0
    return merged, weights
