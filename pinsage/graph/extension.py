"""Adding edges to a CSR: where the new ones go between the old ones, and the merged rows in pieces."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

PIECE_EDGES = 4_194_304


def find_edges(
    offsets: np.ndarray, others: np.ndarray, rows: np.ndarray, added: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where edges are, or belong, in a CSR.

    Args:
        offsets: Offsets of the CSR, [num_rows + 1].
        others: Its edges, ascending within a row, int32 [num_edges].
        rows: Row of each edge, int32 [n]; rows from ``num_rows`` on are new.
        added: The other side of each edge, int32 [n].

    Returns:
        The place of each edge in ``others``, or before which it belongs, int64 [n]; and which are there, bool [n].
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
    is_there = points < ends
    inside = np.flatnonzero(is_there)
    is_there[inside] = others[points[inside]] == added[inside]
    return points, is_there


def with_inserted(
    values: np.ndarray,
    points: np.ndarray,
    added: np.ndarray,
    changed: tuple[np.ndarray, np.ndarray] | None = None,
) -> Iterator[np.ndarray]:
    """The edges of a CSR or their weights, with new ones between them, a few million at a time.

    Args:
        values: One for each edge, may be memory-mapped.
        points: Ascending places before which the new ones go.
        added: The new ones, in order.
        changed: Ascending places of values that are replaced, and what is there instead.
    """
    for start in range(0, max(len(values), 1), PIECE_EDGES):
        stop = min(start + PIECE_EDGES, len(values))
        first = np.searchsorted(points, start)
        last = np.searchsorted(points, stop) if stop < len(values) else len(points)
        piece = values[start:stop]
        if changed is not None:
            inside = slice(*np.searchsorted(changed[0], [start, stop]))
            piece = piece.copy()
            piece[changed[0][inside] - start] = changed[1][inside]
        yield np.insert(piece, points[first:last] - start, added[first:last])
