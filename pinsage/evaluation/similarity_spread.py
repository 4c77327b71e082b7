"""How far embeddings spread: the distribution of cosine similarities of random item pairs (section 4.3, figure 4).

Embeddings that all point the same way say little, and hashing them for retrieval collides; the paper reports a wider
spread (lower kurtosis) for PinSage than for content embeddings.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pinsage.arrays.unit_rows import unit_rows


def similarity_spread(vectors: NDArray[np.float32], *, num_samples: int, seed: int) -> dict[str, float]:
    """Mean, standard deviation, kurtosis and quartiles of the cosine similarity of random pairs of distinct rows.

    Args:
        vectors: item vectors [num_items, d]; rows of zeros take no part.
        num_samples: pairs drawn.
        seed: seed of the draw.

    Returns:
        ``mean``, ``std``, ``kurtosis`` (Pearson: 3 for a normal distribution), ``p05``, ``p25``, ``p50``, ``p75``,
        ``p95``; all NaN with fewer than two non-zero vectors.
    """
    return spread_of(random_cosines(vectors, num_samples=num_samples, seed=seed))


def spread_of(cosines: NDArray[np.float64]) -> dict[str, float]:
    """What `similarity_spread` returns, of cosines [n] that were drawn already."""
    names = ("mean", "std", "kurtosis", "p05", "p25", "p50", "p75", "p95")
    if not len(cosines):
        return dict.fromkeys(names, float("nan"))
    mean, std = float(cosines.mean()), float(cosines.std())
    kurtosis = float(np.mean((cosines - mean) ** 4) / std**4) if std > 1e-9 else float("nan")
    quantiles = np.quantile(cosines, [0.05, 0.25, 0.5, 0.75, 0.95])
    return dict(zip(names, (mean, std, kurtosis, *(float(q) for q in quantiles)), strict=True))


def random_cosines(vectors: NDArray[np.float32], *, num_samples: int, seed: int) -> NDArray[np.float64]:
    """Cosine similarities of random pairs of distinct rows, float64 [num_samples]; none of fewer than two usable rows.

    Arguments as for `similarity_spread`.
    """
    usable = np.flatnonzero(np.any(vectors != 0, axis=1))
    if len(usable) < 2:
        return np.empty(0)
    rng = np.random.default_rng(seed)
    first = rng.integers(len(usable), size=num_samples)
    second = (first + rng.integers(1, len(usable), size=num_samples)) % len(usable)
    cosines = np.empty(num_samples)
    for start in range(0, num_samples, 16_384):  # bounded memory: two gathered blocks at a time
        rows = slice(start, start + 16_384)
        left, right = unit_rows(vectors[usable[first[rows]]]), unit_rows(vectors[usable[second[rows]]])
        cosines[rows] = np.einsum("ij,ij->i", left, right, dtype=np.float64)
    return cosines
