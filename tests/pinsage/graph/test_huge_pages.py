"""Copies in huge pages are copies."""

from __future__ import annotations

import numpy as np
import pytest

from pinsage.graph.huge_pages import in_huge_pages


@pytest.mark.parametrize("size", [0, 1, 524_288, 600_001])
@pytest.mark.parametrize("kind", [np.int32, np.int64, np.float32])
def test_equal_and_read_only(size: int, kind: type) -> None:
    array = np.arange(size).astype(kind)
    copy = in_huge_pages(array)
    assert copy.dtype == array.dtype
    np.testing.assert_array_equal(copy, array)
    array[:] = 7
    assert size < 2 or copy[1] == 1
    with pytest.raises(ValueError, match="read-only"):
        copy[:] = 0
