"""Numbers to vectors: standardised, cut at a few deviations, with a flag where a value is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pinsage.features.config import FeatureConfig


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
        """Columns of what :meth:`encode` returns: m, and one for every flagged column."""
        return len(self.means) + sum(self.flagged)

    @classmethod
    def fit(cls, values: NDArray[np.float64], config: FeatureConfig) -> NumericEncoder:
        """Means and deviations of ``values`` [n, m]; NaN and infinities count as missing."""
        known = np.where(np.isfinite(values), values, np.nan)
        counts = np.isfinite(known).sum(axis=0)
        means = np.divide(np.nansum(known, axis=0), counts, out=np.zeros(len(counts)), where=counts > 0)
        squares = np.nansum((known - means) ** 2, axis=0)
        deviations = np.sqrt(np.divide(squares, counts, out=np.zeros(len(counts)), where=counts > 0))
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
        standardised = (np.where(missing, np.asarray(self.means), values) - self.means) / self.deviations
        columns = [np.clip(standardised, -self.clip, self.clip), missing[:, np.asarray(self.flagged, dtype=bool)]]
        return (np.concatenate(columns, axis=1) / np.sqrt(max(len(self.means), 1))).astype(np.float32)

    def state(self) -> dict[str, Any]:
        """The encoder as JSON; :meth:`from_state` is the way back."""
        return {
            "means": list(self.means),
            "deviations": list(self.deviations),
            "flagged": list(self.flagged),
            "clip": self.clip,
        }

    @classmethod
    def from_state(cls, document: Mapping[str, Any]) -> NumericEncoder:
        """The encoder that :meth:`state` wrote down."""
        return cls(
            means=tuple(document["means"]),
            deviations=tuple(document["deviations"]),
            flagged=tuple(bool(flag) for flag in document["flagged"]),
            clip=float(document["clip"]),
        )
