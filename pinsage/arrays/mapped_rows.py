"""Random rows of an array that is mapped from a file larger than memory: one wait for all of them, not one for each."""

from __future__ import annotations

import mmap

import numpy as np
from numba import njit, types

_madvise = types.ExternalFunction("madvise", types.int32(types.uintp, types.uintp, types.int32))
# Addresses are unsigned, and numba makes floats of sums with signed numbers.
PAGE = np.uint64(mmap.PAGESIZE)
# Of a longer question the kernel hears as much as the disk reads ahead.
LONGEST = np.uint64(128 * 1024)
WILL_NEED = np.int32(mmap.MADV_WILLNEED)


def read_rows(array: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """``array[rows]``; of a mapped file, the system fetches all pages that are missing at once.

    Otherwise every one of them would be waited for, and the system would guess that what follows it is wanted, too: on
    a disk that reads ahead 8 MB, a row of 1 KB costs 8 MB.

    Args:
        array: [n, ...], rows contiguous and in order.
        rows: Integers [m] from 0 to n - 1, in any order.

    Returns:
        A copy in memory [m, ...].
    """
    mapped = _map_of(array)
    if mapped is None or not len(rows):
        return array[rows]
    mapped.madvise(mmap.MADV_RANDOM)  # nothing beside a page that is missing in spite of the asking
    try:
        _ask(page_spans(array.ctypes.data, array.strides[0], array[:1].nbytes, np.sort(rows)))
        return array[rows]
    finally:
        mapped.madvise(mmap.MADV_NORMAL)


def page_spans(base: int, stride: int, row_bytes: int, rows: np.ndarray) -> np.ndarray:
    """Ranges of whole pages that hold some rows, in order, apart, none longer than `LONGEST` or a row.

    Args:
        base: Address of row 0.
        stride: Bytes from one row to the next.
        row_bytes: Bytes of a row.
        rows: Ascending integers [m].

    Returns:
        uint64 [k, 2], first address and the one after the last.
    """
    return _page_spans(np.uint64(base), np.uint64(stride), np.uint64(row_bytes), rows)


@njit(nogil=True, cache=True)
def _page_spans(base: np.uint64, stride: np.uint64, row_bytes: np.uint64, rows: np.ndarray) -> np.ndarray:
    spans = np.empty((len(rows), 2), np.uint64)
    found = 0
    for row in rows:
        first = base + np.uint64(row) * stride
        low = first - first % PAGE
        last = first + row_bytes + PAGE - np.uint64(1)
        high = last - last % PAGE
        if found:
            if high <= spans[found - 1, 1]:
                continue
            if low <= spans[found - 1, 1]:
                if high - spans[found - 1, 0] <= LONGEST:
                    spans[found - 1, 1] = high
                    continue
                low = spans[found - 1, 1]
        spans[found, 0], spans[found, 1] = low, high
        found += 1
    return spans[:found]


def _map_of(array: np.ndarray) -> mmap.mmap | None:
    owner: object = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    return owner if isinstance(owner, mmap.mmap) else None


@njit(nogil=True, cache=True)
def _ask(spans: np.ndarray) -> None:
    for span in range(len(spans)):
        _madvise(spans[span, 0], spans[span, 1] - spans[span, 0], WILL_NEED)
