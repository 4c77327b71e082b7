"""Arrays in huge pages: walks read at random, and with pages of 4 KB most reads also miss the tables of the pages."""

from __future__ import annotations

import mmap

import numpy as np

HUGE_PAGE_BYTES = 2**21


def in_huge_pages(array: np.ndarray) -> np.ndarray:
    """A read-only copy in memory of its own, for which the kernel is asked for pages of 2 MB.

    Mapped files can't have them. Where the system gives none, this is an ordinary copy.

    Args:
        array: One dimension, any type.
    """
    pages = -(-max(array.nbytes, 1) // HUGE_PAGE_BYTES)
    memory = mmap.mmap(-1, pages * HUGE_PAGE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    copy = np.frombuffer(memory, array.dtype, len(array))
    copy[:] = array
    copy.flags.writeable = False
    return copy
