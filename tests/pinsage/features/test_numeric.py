"""Standardised numbers: the same as the plain formula, and finite for every finite double."""

from __future__ import annotations

import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pinsage.features.config import FeatureConfig
from pinsage.features.numeric import NumericEncoder

doubles = st.floats(allow_nan=True, allow_infinity=True, width=64)
columns = arrays.arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(1, 3)), elements=doubles)


@given(columns)
def test_every_double_is_standardised_to_a_finite_number(values: np.ndarray) -> None:
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        encoder = NumericEncoder.fit(values, FeatureConfig())
        encoded = encoder.encode(values)
    assert np.isfinite(encoded).all()
    assert np.isfinite([*encoder.means, *encoder.deviations]).all()
    assert (np.abs(encoded) <= max(encoder.clip, 1)).all()


@given(arrays.arrays(np.float64, (7, 2), elements=st.floats(-1e18, 1e18)))
def test_usual_numbers_are_standardised_by_mean_and_deviation(values: np.ndarray) -> None:
    encoder = NumericEncoder.fit(values, FeatureConfig())
    deviations = values.std(axis=0)
    deviations[deviations <= 1e-12 * np.maximum(1, np.abs(values.mean(axis=0)))] = 1
    expected = np.clip((values - values.mean(axis=0)) / deviations, -encoder.clip, encoder.clip) / np.sqrt(2)
    np.testing.assert_allclose(encoder.encode(values), expected, rtol=1e-5, atol=1e-5)


def test_the_largest_double_beside_others_is_clipped() -> None:
    values = np.array([[sys.float_info.max], *[[float(row)] for row in range(99)]])
    encoded = NumericEncoder.fit(values, FeatureConfig()).encode(values)
    assert encoded[0] > encoded[1:].max()
