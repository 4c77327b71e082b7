"""Random rows of an array that is mapped from a file larger than memory: one wait for all of them, not one for each."""

from __future__ import annotations

import mmap

import numpy as np
from numba import njit, types

_madvise = types.ExternalFunction("madvise", types.int32(types.uintp, types.uintp, types.int32))
PAGE = np.uint64(mmap.PAGESIZE)
WILL_NEED = np.int32(mmap.MADV_WILLNEED)


def read_rows(array: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """``array[rows]``; of a mapped file, the system fetches all pages that are missing at once.

    Otherwise every one of them would be waited for, and the system would guess that what follows it is wanted, too: on
    a disk that reads ahead 8 MB, a row of 1 KB costs 8 MB.

    Args:
        array: [n, ...], rows contiguous.
        rows: Integers [m] from 0 to n - 1, in any order.

    Returns:
        A copy in memory [m, ...].
    """
    mapped = _map_of(array)
    if mapped is None or not len(rows):
        return array[rows]
    mapped.madvise(mmap.MADV_RANDOM)  # nothing beside a page that is missing in spite of the asking
    try:
        _ask(np.uint64(array.ctypes.data), np.uint64(array.strides[0]), np.uint64(array[:1].nbytes), np.sort(rows))
        return array[rows]
    finally:
        mapped.madvise(mmap.MADV_NORMAL)


def _map_of(array: np.ndarray) -> mmap.mmap | None:
    owner: object = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    return owner if isinstance(owner, mmap.mmap) else None


@njit(nogil=True, cache=True)
def _ask(base: int, stride: int, row_bytes: int, rows: np.ndarray) -> None:
    """Ask for the pages of ascending rows; neighbors together, for every question costs a system call."""
    start = stop = np.uint64(0)
    for row in rows:
        first = base + np.uint64(row) * stride
        low = first - first % PAGE
        last = first + row_bytes + PAGE - np.uint64(1)
        high = last - last % PAGE
        if low <= stop:
            stop = max(stop, high)
            continue
        if stop:
            _madvise(start, stop - start, WILL_NEED)
        start, stop = low, high
    _madvise(start, stop - start, WILL_NEED)
