"""Rows scaled to length 1, where zero stays zero: shared by features, evaluation and index."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def unit_rows(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row divided by its Euclidean length, float32 [n, d]; rows of zeros and rows that are not finite become 0."""
    lengths = np.sqrt(np.einsum("ij,ij->i", matrix, matrix, dtype=np.float64))
    usable = np.isfinite(lengths) & (lengths > 1e-12)
    scaled = np.zeros_like(matrix, dtype=np.float32)
    np.divide(matrix, lengths[:, None], out=scaled, where=usable[:, None], casting="same_kind")
    return scaled
