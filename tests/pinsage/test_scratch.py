"""Arrays in files without names: zeros at first, gone afterwards, an error where they do not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pinsage.arrays.scratch import Scratch


def test_arrays_are_zeros_in_files_without_names(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "made", chunk_rows=4096)
    array = scratch.array((10_000, 3), np.uint16)
    assert array.shape == (10_000, 3)
    assert not array.any()
    array[:] = 7
    assert (array == 7).all()
    assert not list((tmp_path / "made").iterdir())
    assert scratch.array((0, 3), np.float32).shape == (0, 3)
    assert [(rows.start, rows.stop) for rows in scratch.chunks(10_000)] == [(0, 4096), (4096, 8192), (8192, 10_000)]


def test_without_a_folder_arrays_are_in_memory() -> None:
    assert Scratch().array((2, 3), np.float32).tolist() == [[0, 0, 0]] * 2
    assert Scratch().array((2, 3), np.float32).flags.owndata


def test_a_full_disk_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=f"bytes of scratch: .*PINSAGE_CACHE.*{tmp_path}"):
        Scratch(tmp_path).array((2**50, 1), np.uint8)
