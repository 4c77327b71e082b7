"""What the peers of `benchmarks.index` share: unit vectors, queries, exact answers, and the search for an effort.

It is read by two environments, that of the project and that of the peers, and needs numpy alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

Search = Callable[[np.ndarray, int, int], np.ndarray]


def unit_vectors(num_items: int, width: int, seed: int) -> np.ndarray:
    """Unit vectors around 1,000 centers of a space of 32 dimensions, with noise in all of them; float32 [n, width]."""
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((1_000, 32))[rng.integers(0, 1_000, num_items)]
    latent = latent + 0.6 * rng.standard_normal(latent.shape)
    vectors = latent @ rng.standard_normal((32, width)) + rng.standard_normal((num_items, width))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def exact_neighbors(vectors: np.ndarray, query_rows: np.ndarray, k: int) -> np.ndarray:
    """Rows [q, k] of the nearest vectors of each query, itself left out."""
    scores = vectors[query_rows] @ vectors.T
    scores[np.arange(len(query_rows)), query_rows] = -np.inf
    return np.argpartition(-scores, k - 1, axis=1)[:, :k]


def least_effort(
    search: Search, vectors: np.ndarray, query_rows: np.ndarray, exact: np.ndarray, target: float, efforts: list[int]
) -> dict[str, Any]:
    """Recall and queries per second, one query after the other, at the first effort that reaches the target.

    Args:
        search: (query vector, neighbors wanted, effort) -> rows.
        vectors: What is indexed.
        query_rows: Rows asked.
        exact: Their exact neighbors [q, k].
        target: Recall wanted; the last effort counts when none reaches it.
        efforts: Ascending.
    """
    k = exact.shape[1]
    measured: dict[str, Any] = {}
    for row in query_rows:  # maps what is searched
        search(vectors[row], k + 1, efforts[0])
    for effort in efforts:
        started = time.perf_counter()
        found = [search(vectors[row], k + 1, effort) for row in query_rows]
        seconds = time.perf_counter() - started
        hits = [
            len(np.intersect1d(rows[rows != row][:k], truth))
            for row, rows, truth in zip(query_rows, map(np.asarray, found), exact, strict=True)
        ]
        measured = {
            "recall": round(float(np.mean(hits)) / k, 4),
            "queries_per_second": round(len(query_rows) / seconds, 1),
            "effort": effort,
        }
        if measured["recall"] >= target:
            break
    return measured
