"""Weights of edges by the age of their newest save."""

from __future__ import annotations

import numpy as np


def decayed(weights: np.ndarray, ages: np.ndarray, half_life_days: float) -> np.ndarray:
    """``weight * 0.5 ** (age / half life)``, float32 [num_edges]; never zero, so that every edge can still be walked.

    Args:
        weights: float32 [num_edges] above 0, or [1] for all.
        ages: Days, int [num_edges], not negative.
        half_life_days: Above 0.
    """
    table = 0.5 ** (np.arange(int(ages.max(initial=0)) + 1) / half_life_days)
    return np.maximum(weights * table[ages], np.finfo(np.float32).tiny).astype(np.float32)
