"""Numbers to vectors: standardised, cut at a few deviations, with a flag where a value is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pinsage.features.config import FeatureConfig

# Squares of larger numbers are not added up as they are.
_LARGEST_SQUARED = 2.0**400


@dataclass(frozen=True)
class NumericEncoder:
    """Fitted means and deviations of m numeric columns.

    Args:
        means: mean of the known values of each column, [m].
        deviations: their standard deviation, [m]; 1 where it is 0.
        flagged: which columns had missing values when fitted, and so get a second column that says so.
        clip: largest absolute standardised value.
    """

    means: tuple[float, ...]
    deviations: tuple[float, ...]
    flagged: tuple[bool, ...]
    clip: float

    @property
    def width(self) -> int:
        """Columns of what `encode` returns: m, and one for every flagged column."""
        return len(self.means) + sum(self.flagged)

    @classmethod
    def fit(cls, values: NDArray[np.float64], config: FeatureConfig) -> NumericEncoder:
        """Means and deviations of ``values`` [n, m]; NaN and infinities count as missing."""
        # Scaled by a power of two, which changes no digit: neither sums nor squares of the largest doubles overflow.
        known, scales = _scaled(np.where(np.isfinite(values), values, np.nan))
        counts = np.isfinite(known).sum(axis=0)
        means = np.divide(np.nansum(known, axis=0), counts, out=np.zeros(len(counts)), where=counts > 0)
        squares = np.nansum((known - means) ** 2, axis=0)
        deviations = np.sqrt(np.divide(squares, counts, out=np.zeros(len(counts)), where=counts > 0))
        means, deviations = means * scales, deviations * scales
        deviations[~(deviations > 1e-12 * np.maximum(1, np.abs(means)))] = 1
        return cls(
            means=tuple(float(mean) for mean in means),
            deviations=tuple(float(deviation) for deviation in deviations),
            flagged=tuple(bool(flag) for flag in counts < len(values)),
            clip=config.numeric_clip,
        )

    def encode(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        """``values`` [n, m] standardised, float32 [n, width], scaled so that a typical row has length 1.

        Missing values become 0, the mean.

        Raises:
            ValueError: ``values`` has another number of columns than were fitted.
        """
        if values.ndim != 2 or values.shape[1] != len(self.means):
            raise ValueError(f"numeric features: got shape {values.shape}, expected [n, {len(self.means)}]")
        missing = ~np.isfinite(values)
        means, deviations = np.asarray(self.means), np.asarray(self.deviations)
        # Halves of numbers, whose difference does not overflow; their ratio may, and is clipped.
        with np.errstate(over="ignore"):
            standardised = (np.where(missing, means, values) / 2 - means / 2) / (deviations / 2)
        columns = [np.clip(standardised, -self.clip, self.clip), missing[:, np.asarray(self.flagged, dtype=bool)]]
        return (np.concatenate(columns, axis=1) / np.sqrt(max(len(self.means), 1))).astype(np.float32)

    def state(self) -> dict[str, Any]:
        """The encoder as JSON; `from_state` is the way back."""
        return {
            "means": list(self.means),
            "deviations": list(self.deviations),
            "flagged": list(self.flagged),
            "clip": self.clip,
        }

    @classmethod
    def from_state(cls, document: Mapping[str, Any]) -> NumericEncoder:
        """The encoder that `state` wrote down."""
        return cls(
            means=tuple(document["means"]),
            deviations=tuple(document["deviations"]),
            flagged=tuple(bool(flag) for flag in document["flagged"]),
            clip=float(document["clip"]),
        )


def _scaled(known: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Columns over powers of two, so that sums of squares stay finite, and these powers [m]: 1 for usual numbers."""
    largest = np.max(np.abs(known), axis=0, initial=0, where=~np.isnan(known))
    _, exponents = np.frexp(largest)
    scales = np.where(largest > _LARGEST_SQUARED, np.ldexp(1.0, exponents - 1), 1.0)
    return known / scales, scales
