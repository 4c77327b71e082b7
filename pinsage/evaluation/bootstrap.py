"""Bootstrap intervals of means (Efron 1979), resampling whole boards.

Pairs of one board (one basket) succeed and fail together. Resampling single pairs would pretend that they are
independent and give intervals that are too narrow, so boards are drawn, and with a board all of its pairs. All methods
are resampled with the same boards, which makes their differences comparable.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Interval(NamedTuple):
    """Bounds of a percentile interval, both inclusive; NaN where the mean is undefined."""

    low: float
    high: float


class Resamples:
    """Draws of G groups with replacement, made once and shared by every measure.

    Args:
        groups: the group (board) of each value, any integers, [n].
        num_samples: resamples B.
        seed: seed of the draws.
    """

    def __init__(self, groups: NDArray[np.integer], *, num_samples: int, seed: int) -> None:
        _, self._group = np.unique(groups, return_inverse=True)
        self._num_groups = int(self._group.max()) + 1 if len(groups) else 0
        rng = np.random.default_rng(seed)
        self._weights = np.zeros((num_samples, self._num_groups), dtype=np.float32)
        for row in self._weights:
            if self._num_groups:
                draws = rng.integers(self._num_groups, size=self._num_groups)
                row[:] = np.bincount(draws, minlength=self._num_groups)

    def means(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The mean of ``values`` [n] in every resample, [B]; NaN values are left out, NaN if none remains."""
        defined = ~np.isnan(values)
        sums = np.bincount(self._group[defined], values[defined], minlength=self._num_groups)
        counts = np.bincount(self._group[defined], minlength=self._num_groups).astype(np.float64)
        # einsum and not matmul: its order of summation does not depend on BLAS and its threads
        total, number = (np.einsum("bg,g->b", self._weights, column, dtype=np.float64) for column in (sums, counts))
        return np.divide(total, number, out=np.full(len(total), np.nan), where=number > 0)

    def interval(self, values: NDArray[np.float64], level: float = 0.95) -> Interval:
        """Percentile interval of the mean of ``values`` [n] that holds a share ``level`` of the resamples."""
        means = self.means(values)
        if np.isnan(means).all():
            return Interval(float("nan"), float("nan"))
        low, high = np.nanquantile(means, [(1 - level) / 2, (1 + level) / 2])
        return Interval(float(low), float(high))
