"""Slices of the evaluated pairs: by the saves of their targets."""

from __future__ import annotations

import numpy as np

from pinsage.evaluation.slices import cold_slice, few_saves_slice


def test_few_saves_are_the_lowest_share_with_all_ties() -> None:
    degrees = np.array([5, 1, 1, 9, 1, 0])
    few = few_saves_slice(degrees, 1 / 3)
    assert few.max_saves == 1
    assert few.members.tolist() == [False, True, True, False, True, True]


def test_cold_targets_have_no_saves() -> None:
    cold = cold_slice(np.array([5, 0, 1, 0]))
    assert (cold.members.tolist(), cold.max_saves) == ([False, True, False, True], 0)


def test_without_pairs_slices_are_empty() -> None:
    nothing = np.zeros(0, np.int64)
    assert not few_saves_slice(nothing, 0.5).members.size
    assert not cold_slice(nothing).members.size
