"""Edges as 64-bit keys, the row of one side above the row of the other: sorting keys makes a CSR."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

MAX_ROWS = 2**31 - 1  # rows are int32 everywhere
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


class Edges(NamedTuple):
    """Edges, and what else is known of each.

    Attributes:
        keys: uint64 [n].
        days: int32 [n], the day of the newest save; None where it does not count.
        weights: float32 [n], the weights of all saves together; None where edges have none.
    """

    keys: np.ndarray
    days: np.ndarray | None = None
    weights: np.ndarray | None = None

    def taken(self, places: np.ndarray) -> Edges:
        """The edges at some places, or those that a mask keeps."""
        days, weights = (None if column is None else column[places] for column in (self.days, self.weights))
        return Edges(self.keys[places], days, weights)


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


def ordered(edges: Edges) -> Edges:
    """Edges by ascending key, repeated ones in the order in which they came."""
    if edges.days is None and edges.weights is None:
        return Edges(np.sort(edges.keys))
    return edges.taken(np.argsort(edges.keys, kind="stable"))


def merge(edges: Edges) -> Edges:
    """Sort edges and drop repetitions: the newest day counts, and weights are summed in the order in which they came.

    The sum is rounded to float32 after every summand. It can therefore be gone on with where it was stored, and is the
    same however many times edges are merged, as long as their order is kept.
    """
    edges = ordered(edges)
    is_first = _starts(edges.keys)
    starts = np.flatnonzero(is_first)
    days, weights = edges.days, edges.weights
    if days is not None:
        days = np.maximum.reduceat(days, starts) if len(starts) else days
    if weights is not None:
        summands, weights = weights, np.zeros(len(starts), np.float32)
        np.add.at(weights, np.cumsum(is_first) - 1, summands)
    return Edges(edges.keys[starts], days, weights)


def degrees(keys: np.ndarray) -> tuple[int, np.ndarray]:
    """The first row of sorted keys, and the number of edges of it and every row up to the last, int64."""
    if not len(keys):
        return 0, np.zeros(0, np.int64)
    rows = high(keys)
    return int(rows[0]), np.bincount(rows - rows[0]).astype(np.int64)


def _starts(ordered: np.ndarray) -> np.ndarray:
    return np.concatenate([np.ones(min(len(ordered), 1), bool), ordered[1:] != ordered[:-1]])
