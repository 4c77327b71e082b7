"""Rows read from mapped files are the rows, whatever the view and the order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinsage.arrays.mapped_rows import LONGEST, PAGE, page_spans, read_rows


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


@settings(deadline=None)  # the first example compiles
@given(
    st.integers(0, 2**47),
    st.sampled_from([4, 200, 1024, 5000, 200_000]),
    st.integers(0, 3000),
    st.lists(st.integers(0, 3000), min_size=1, max_size=300),
)
def test_every_page_of_a_row_is_asked_for_once_in_short_questions(
    base: int, row_bytes: int, gap: int, rows: list[int]
) -> None:
    page, stride = int(PAGE), row_bytes + gap
    spans = page_spans(base, stride, row_bytes, np.sort(rows)).tolist()
    starts = [base + row * stride for row in rows]
    wanted = {number for first in starts for number in range(first // page, (first + row_bytes - 1) // page + 1)}
    asked = [number for low, high in spans for number in range(low // page, high // page)]
    assert asked == sorted(wanted)
    assert all(low % page == high % page == 0 for low, high in spans)
    assert all(high - low <= max(int(LONGEST), row_bytes + 2 * page) for low, high in spans)
