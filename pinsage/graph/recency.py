"""Weights of edges by the age of their newest save."""

from __future__ import annotations

import numpy as np


def recency_weights(ages: np.ndarray, half_life_days: float) -> np.ndarray:
    """``0.5 ** (age / half life)``, float32 [num_edges]; never zero, so that every edge can still be walked.

    Args:
        ages: Days, int [num_edges], not negative.
        half_life_days: Above 0.
    """
    table = 0.5 ** (np.arange(int(ages.max(initial=0)) + 1) / half_life_days)
    return np.maximum(table, np.finfo(np.float32).tiny).astype(np.float32)[ages]
