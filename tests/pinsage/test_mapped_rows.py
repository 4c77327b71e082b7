"""Rows read from mapped files are the rows, whatever the view and the order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pinsage.mapped_rows import read_rows
from pinsage.scratch import Scratch


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


def test_scratch_arrays_are_zeros_in_files_without_names(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "made", chunk_rows=4096)
    array = scratch.array((10_000, 3), np.uint16)
    assert array.shape == (10_000, 3)
    assert not array.any()
    array[:] = 7
    assert (array == 7).all()
    assert not list((tmp_path / "made").iterdir())
    assert scratch.array((0, 3), np.float32).shape == (0, 3)
    assert [(rows.start, rows.stop) for rows in scratch.chunks(10_000)] == [(0, 4096), (4096, 8192), (8192, 10_000)]


def test_a_full_disk_is_an_error_and_not_a_signal(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left|File too large"):
        Scratch(tmp_path).array((2**50, 1), np.uint8)
