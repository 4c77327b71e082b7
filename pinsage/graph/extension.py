"""Adding edges to a CSR: where the new ones go between the old ones, and the merged rows in pieces."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

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
    is_known = rows < len(offsets) - 1
    known = np.minimum(rows, len(offsets) - 2)
    ends = np.where(is_known, offsets[known + 1], len(others)).astype(np.int64)
    points, stops = np.where(is_known, offsets[known], len(others)).astype(np.int64), ends.copy()
    while (open_ := np.flatnonzero(points < stops)).size:
        middle = (points[open_] + stops[open_]) // 2
        is_less = others[middle] < added[open_]
        points[open_] = np.where(is_less, middle + 1, points[open_])
        stops[open_] = np.where(is_less, stops[open_], middle)
    inside = np.flatnonzero(points < ends)
    points[inside[others[points[inside]] == added[inside]]] = -1
    return points


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
