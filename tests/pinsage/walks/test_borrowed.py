"""Neighborhoods borrowed from similar items, by hand."""

from __future__ import annotations

import numpy as np

from pinsage.walks.borrowed import borrowed_neighborhoods


def test_neighborhoods_are_merged_by_similarity() -> None:
    similarities = np.array([[0.8, 0.4, -0.5], [0.0, -1.0, 0.0]], np.float32)
    neighbors = np.array([[[5, 7], [7, -1], [9, 9]]] * 2, np.int32)
    importances = np.array([[[0.5, 0.5], [1.0, 0.0], [1.0, 0.0]]] * 2, np.float32)
    rows, weights = borrowed_neighborhoods(similarities, neighbors, importances)
    assert rows.tolist() == [[7, 5], [-1, -1]]
    np.testing.assert_allclose(weights, [[2 / 3, 1 / 3], [0, 0]], rtol=1e-6)
