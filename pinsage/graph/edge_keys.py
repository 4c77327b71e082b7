"""Edges as 64-bit keys, the row of one side above the row of the other: sorting keys makes a CSR."""

from __future__ import annotations

import numpy as np

MAX_ROWS = 2**31 - 1  # rows are int32 everywhere
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


def pack(high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Keys, uint64 [num_edges]: ``high * 2**32 + low``, for rows that are not negative."""
    return (high.astype(np.uint64) << _HALF) | low.astype(np.uint64)


def high(keys: np.ndarray) -> np.ndarray:
    """The rows that keys are sorted by, int32."""
    return (keys >> _HALF).astype(np.int32)


def low(keys: np.ndarray) -> np.ndarray:
    """The rows on the other side, int32."""
    return (keys & _LOW).astype(np.int32)


def swap(keys: np.ndarray) -> np.ndarray:
    """The same edges seen from the other side; no longer sorted."""
    return (keys << _HALF) | (keys >> _HALF)


def first_of_row(keys: np.ndarray) -> np.ndarray:
    """The smallest key that the rows of these keys may have."""
    return keys & ~_LOW


def merge(keys: np.ndarray, days: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Sort edges and drop repetitions.

    Args:
        keys: uint64 [n], any order.
        days: int32 [n], the day of each edge, of which the newest is kept; or None.

    Returns:
        Keys, ascending and distinct, and the newest day of each (or None).
    """
    if days is None:
        ordered = np.sort(keys)
        return ordered[_starts(ordered)], None
    order = np.argsort(keys)
    ordered = keys[order]
    starts = np.flatnonzero(_starts(ordered))
    return ordered[starts], np.maximum.reduceat(days[order], starts) if len(starts) else days[:0]


def degrees(keys: np.ndarray) -> tuple[int, np.ndarray]:
    """The first row of sorted keys, and the number of edges of it and every row up to the last, int64."""
    if not len(keys):
        return 0, np.zeros(0, np.int64)
    rows = high(keys)
    return int(rows[0]), np.bincount(rows - rows[0]).astype(np.int64)


def _starts(ordered: np.ndarray) -> np.ndarray:
    return np.concatenate([np.ones(min(len(ordered), 1), bool), ordered[1:] != ordered[:-1]])
