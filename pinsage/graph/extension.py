"""Adding edges to a CSR: where the new ones go between the old ones, and the merged rows in pieces."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numba import njit

PIECE_EDGES = 4_194_304


def insertion_points(offsets: np.ndarray, others: np.ndarray, rows: np.ndarray, added: np.ndarray) -> np.ndarray:
    """Where new edges belong in a CSR.

    Args:
        offsets: Offsets of the CSR, [num_rows + 1].
        others: Its edges, ascending within a row, int32 [num_edges].
        rows: Row of each new edge, int32 [n]; rows from ``num_rows`` on are new, too.
        added: The other side of each new edge, int32 [n].

    Returns:
        int64 [n], the place in ``others`` before which each edge belongs; -1 for one that is there already.
    """
    points = np.empty(len(rows), np.int64)
    _find(offsets, others, rows, added, points)
    return points


@njit(cache=True, nogil=True)
def _find(offsets: np.ndarray, others: np.ndarray, rows: np.ndarray, added: np.ndarray, points: np.ndarray) -> None:
    for edge in range(len(rows)):
        if rows[edge] >= len(offsets) - 1:
            points[edge] = len(others)
            continue
        start, stop = np.int64(offsets[rows[edge]]), np.int64(offsets[rows[edge] + 1])
        end = stop
        while start < stop:
            middle = (start + stop) // 2
            if others[middle] < added[edge]:
                start = middle + 1
            else:
                stop = middle
        points[edge] = -1 if start < end and others[start] == added[edge] else start


def with_inserted(others: np.ndarray, points: np.ndarray, added: np.ndarray) -> Iterator[np.ndarray]:
    """The merged edges, a few million at a time.

    Args:
        others: Edges of the CSR, may be memory-mapped.
        points: Ascending places before which the new edges go.
        added: The new edges, in order.
    """
    for start in range(0, max(len(others), 1), PIECE_EDGES):
        stop = min(start + PIECE_EDGES, len(others))
        first = np.searchsorted(points, start)
        last = np.searchsorted(points, stop) if stop < len(others) else len(points)
        yield np.insert(others[start:stop], points[first:last] - start, added[first:last])
