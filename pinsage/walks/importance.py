"""Importance neighborhoods (Ying et al. 2018, section 3.2). The walks are in `kernel.py`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from pinsage.graph.bipartite import BipartiteGraph
from pinsage.walks.config import WalkConfig
from pinsage.walks.kernel import walk_rows

# Rows that a thread takes at a time; it has no influence on the result.
_ROWS_PER_CALL = 16_384


def importance_neighborhoods(
    graph: BipartiteGraph, rows: range, config: WalkConfig, *, threads: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """The T most visited items of short random walks from each item, and their L1-normalised visit counts.

    Args:
        graph: The graph to walk.
        rows: Item rows, ascending by one.
        config: Walks, length, restart, T and seed.
        threads: Threads that share the rows; the result is the same for any number.

    Returns:
        Neighbors int32 [len(rows), T], most visited first, ties by first visit, padded with -1; importances float32
        [len(rows), T] that sum to 1 in every row, or to 0 for an item whose walks met nobody else.

    Raises:
        ValueError: A row is outside the graph.
    """
    if rows.step != 1 or (len(rows) and (rows.start < 0 or rows.stop > graph.num_items)):
        raise ValueError(f"rows {rows}: expected a range within 0 to {graph.num_items}")
    neighbors = np.empty((len(rows), config.top_t), np.int32)
    visits = np.empty((len(rows), config.top_t), np.int32)

    def fill(start: int) -> None:
        stop = min(start + _ROWS_PER_CALL, len(rows))
        walk_rows(
            graph.item_offsets,
            graph.item_boards,
            graph.board_offsets,
            graph.board_items,
            rows.start + start,
            config.seed,
            config.num_walks,
            config.walk_length,
            np.uint64(config.restart * 2**32),
            neighbors[start:stop],
            visits[start:stop],
        )

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(0, len(rows), _ROWS_PER_CALL)))
    totals = np.maximum(visits.sum(axis=1, keepdims=True, dtype=np.int64), 1)
    return neighbors, (visits / totals).astype(np.float32)
