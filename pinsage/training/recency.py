"""Which pairs a training draws: newer ones more often, for what was taken last month says more about the next one."""

from __future__ import annotations

import numpy as np

MIN_EFFECTIVE_SHARE = 0.25


def draw_weights(ages: np.ndarray, half_life_days: float) -> np.ndarray:
    """Relative frequencies w = 2^(-age / half-life) of pairs.

    Where most pairs are old, a short half-life would draw a few recent ones again and again. So it is doubled until the
    effective number of pairs, (sum w)^2 / sum w^2 (Kish 1965), is at least a quarter of all.

    Args:
        ages: float32 [n], days.
        half_life_days: 0 = all alike.

    Returns:
        float64 [n].
    """
    if half_life_days == 0 or not len(ages):
        return np.ones(len(ages))
    youngest = ages.min()
    while True:
        weights = np.exp2(-(ages - youngest).astype(np.float64) / half_life_days)
        if weights.sum() ** 2 >= MIN_EFFECTIVE_SHARE * len(ages) * (weights**2).sum():
            return weights
        half_life_days *= 2
