"""Pooling part by part, against the naive sum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinsage.model.pooling import pool
from tests.naive import pooled as naive_pooled


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cuts=st.lists(st.integers(0, 30), max_size=4), threads=st.integers(1, 3))
def test_equals_the_naive_sum_for_any_parts_and_threads(seed: int, cuts: list[int], threads: int) -> None:
    rng = np.random.default_rng(seed)
    projected = rng.standard_normal((30, 7)).astype(np.float32)
    neighbors = rng.integers(-1, 30, (11, 4)).astype(np.int32)
    importances = rng.random((11, 4)).astype(np.float32)
    parts = np.split(projected, sorted(cuts))
    found = pool(parts, neighbors, importances, threads=threads)
    np.testing.assert_allclose(found, naive_pooled(projected, neighbors, importances), rtol=1e-5, atol=1e-6)
    assert np.array_equal(found, pool([projected], neighbors, importances))


def test_bfloat16_parts_are_widened() -> None:
    projected = np.array([[1.5, -2.0], [0.25, 8.0]], np.float32)
    bits = (projected.view(np.uint32) >> 16).astype(np.uint16)
    found = pool([bits], np.array([[1, 0]], np.int32), np.array([[2.0, 1.0]], np.float32))
    assert found.tolist() == [[2.0, 14.0]]


def test_neighbor_outside_the_layer_is_named() -> None:
    with pytest.raises(IndexError, match="neighbor 9 is no row of a layer of 4 rows"):
        pool([np.ones((4, 2), np.float32)], np.array([[1, 9]], np.int32), np.ones((1, 2), np.float32))
