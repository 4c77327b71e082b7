"""Importance pooling over a layer that does not fit into memory: the join of section 3.4, part by part.

A layer's projections come as parts, contiguous ranges of item rows; while one part is open, every item adds the
neighbors that lie in it. Neighbors are added in order of their rows, so that no bit of a sum depends on the parts.

Shapes: ``N`` items, ``M`` items pooled for, ``T`` neighbors, ``H`` width.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import overload

SORTED_ROWS = 4096  # at once: small enough for a cache


def pool(
    parts: Iterable[np.ndarray],
    neighbors: np.ndarray,
    importances: np.ndarray,
    *,
    pooling: str = "importance",
    threads: int = 1,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Neighbors' projections, summed up by importance; or their mean or maximum.

    Args:
        parts: float32, or uint16 with the bits of bfloat16, [rows, H]; together the N rows of a layer in order. Each
            is opened when its turn comes and may be closed after it; at least one.
        neighbors: int32 [M, T] item rows, -1 for padding.
        importances: float32 [M, T], 0 for padding.
        pooling: ``importance``, ``mean`` or ``max``; the last of projections that are not negative.
        threads: Threads that share the M items; changes no bit.
        out: float32 [M, H], overwritten; new memory when None.

    Returns:
        ``out``, float32 [M, H]; 0 without neighbors.

    Raises:
        IndexError: A neighbor is no row of the layer.
    """
    rows, weights = sorted_by_row(neighbors, importances)
    if pooling == "mean":
        weights = mean_weights(weights)
    add_part = _raise_to_part if pooling == "max" else _add_part
    done = np.zeros(len(rows), np.int32)
    pooled = out
    if pooled is not None:
        pooled.fill(0)
    share = max(1, -(-len(rows) // threads))
    cuts = [slice(start, start + share) for start in range(0, len(rows), share)]
    first = 0
    with ThreadPoolExecutor(threads) as executor:
        for part in parts:
            if pooled is None:
                pooled = np.zeros((len(rows), part.shape[1]), np.float32)
            add = partial(add_part, part, np.uint32(first))
            list(executor.map(add, *([array[cut] for cut in cuts] for array in (rows, weights, done, pooled))))
            first += len(part)
    assert pooled is not None, "a layer has at least one part"
    largest = neighbors.max(initial=-1)
    if largest >= first:
        raise IndexError(
            f"pooling: neighbor {largest} is no row of a layer of {first} rows; sample the neighborhoods again"
        )
    return pooled


def sorted_by_row(neighbors: np.ndarray, importances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Neighbors in order of their rows, padding last.

    Returns:
        uint32 [M, T], padding as the largest number, and float32 [M, T].
    """
    rows, weights = np.empty(neighbors.shape, np.uint32), np.empty(neighbors.shape, np.float32)
    for start in range(0, len(rows), SORTED_ROWS):
        block = slice(start, start + SORTED_ROWS)
        given = neighbors[block].astype(np.int32).view(np.uint32), importances[block].astype(np.float32).view(np.uint32)
        pairs = given[0].astype(np.uint64) << np.uint64(32) | given[1]  # sorted together, as the halves of one number
        pairs.sort(axis=1)
        rows[block], weights[block] = pairs >> np.uint64(32), pairs.astype(np.uint32).view(np.float32)
    return rows, weights


def mean_weights(importances: np.ndarray) -> np.ndarray:
    """The same weight for every neighbor of an item, summing up to 1; float32 [M, T], 0 for padding."""
    present = importances > 0
    return (present / np.maximum(present.sum(axis=1, keepdims=True), 1)).astype(np.float32)


def widen(value: Any) -> Any:
    """The float32 that a stored value stands for (compiled code only)."""
    raise NotImplementedError("compiled code only")


@overload(widen)
def _widen(value: Any) -> Any:
    def same(value: Any) -> Any:
        return value

    def upper_half(value: Any) -> Any:  # a bfloat16 is the upper half of a float32
        return np.uint32(np.uint32(value) << np.uint32(16)).view(np.float32)

    return same if isinstance(value, types.Float) else upper_half


@njit(nogil=True, cache=True, fastmath={"contract"})
def _add_part(
    part: np.ndarray, first: int, rows: np.ndarray, weights: np.ndarray, done: np.ndarray, pooled: np.ndarray
) -> None:
    """Add the neighbors first <= row < first + len(part) to ``pooled``.

    Args:
        part: [rows, H].
        first: uint32, the item row of ``part[0]``.
        rows: uint32 [M, T], ascending; those below ``first`` are added already.
        weights: float32 [M, T].
        done: int32 [M], neighbors added; raised.
        pooled: float32 [M, H], added to.
    """
    stop = np.uint32(first + np.uint32(len(part)))
    for item in range(len(rows)):
        place = done[item]
        while place < rows.shape[1] and rows[item, place] < stop:
            source = part[np.uint32(rows[item, place] - first)]
            weight = weights[item, place]
            for column in range(part.shape[1]):
                pooled[item, column] += weight * widen(source[column])
            place += 1
        done[item] = place


@njit(nogil=True, cache=True)
def _raise_to_part(
    part: np.ndarray, first: int, rows: np.ndarray, weights: np.ndarray, done: np.ndarray, pooled: np.ndarray
) -> None:
    """Raise ``pooled`` to the maximum of the neighbors in ``part``; arguments as in `_add_part`."""
    stop = np.uint32(first + np.uint32(len(part)))
    for item in range(len(rows)):
        place = done[item]
        while place < rows.shape[1] and rows[item, place] < stop:
            if weights[item, place] > 0:
                source = part[np.uint32(rows[item, place] - first)]
                for column in range(part.shape[1]):
                    pooled[item, column] = max(pooled[item, column], widen(source[column]))
            place += 1
        done[item] = place
