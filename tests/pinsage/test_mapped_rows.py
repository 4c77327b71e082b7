"""Rows read from mapped files are the rows, whatever the view and the order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pinsage.mapped_rows import read_rows


@pytest.mark.parametrize("mapped", [True, False])
def test_rows_of_views_in_any_order(tmp_path: Path, mapped: bool) -> None:
    rng = np.random.default_rng(2)
    whole = rng.standard_normal((9000, 37)).astype(np.float32)
    np.save(tmp_path / "whole.npy", whole)
    opened = np.load(tmp_path / "whole.npy", mmap_mode="r" if mapped else None)
    rows = rng.integers(0, len(whole), 500).astype(np.int32)
    for view, expected in (
        (opened, whole),
        (np.asarray(opened)[:, :5], whole[:, :5]),
        (opened[100:], whole[100:]),
        (opened[:, 0], whole[:, 0]),
    ):
        inside = rows[rows < len(view)]
        found = read_rows(view, inside)
        assert np.array_equal(found, expected[inside])
        assert not np.shares_memory(found, view)
        assert read_rows(view, inside[:0]).shape == (0, *view.shape[1:])
