"""Importance neighborhoods (Ying et al. 2018, section 3.2). The walks are in `kernel.py`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from pinsage.graph.bipartite import BipartiteGraph
from pinsage.walks.config import WalkConfig
from pinsage.walks.kernel import walk_rows
from pinsage.walks.walkers import WalkPlan, graph_sides

# Rows that a thread takes at a time; it has no influence on the result.
_ROWS_PER_CALL = 16_384


class Neighborhoods(NamedTuple):
    """Importance neighborhoods of a range of items.

    Attributes:
        neighbors: int32 [rows, T], most visited first, ties by first visit, padded with -1.
        importances: float32 [rows, T], sum 1 in every row, or 0 for an item whose walks met nobody else.
        walks_made: int32 [rows]; fewer than configured where they ended early.
    """

    neighbors: np.ndarray
    importances: np.ndarray
    walks_made: np.ndarray


def importance_neighborhoods(
    graph: BipartiteGraph, rows: range, config: WalkConfig, *, threads: int = 1
) -> Neighborhoods:
    """The T most visited items of short random walks from each item, and their L1-normalised visit counts.

    Args:
        graph: The graph to walk.
        rows: Item rows, ascending by one.
        config: Walks, length, restart, T and seed.
        threads: Threads that share the rows; the result is the same for any number.

    Raises:
        ValueError: A row is outside the graph.
    """
    if rows.step != 1 or (len(rows) and (rows.start < 0 or rows.stop > graph.num_items)):
        raise ValueError(f"rows {rows}: expected a range within 0 to {graph.num_items}")
    made = Neighborhoods(
        neighbors=np.empty((len(rows), config.top_t), np.int32),
        importances=np.empty((len(rows), config.top_t), np.float32),
        walks_made=np.empty(len(rows), np.int32),
    )
    items, boards = graph_sides(graph)
    plan = walk_plan(config)

    def fill(start: int) -> None:
        part = slice(start, min(start + _ROWS_PER_CALL, len(rows)))
        walk_rows(items, boards, rows.start + start, plan, *(array[part] for array in made))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(0, len(rows), _ROWS_PER_CALL)))
    return made


def walk_plan(config: WalkConfig) -> WalkPlan:
    """The configuration in the kernel's types."""
    return WalkPlan(
        seed=np.uint64(config.seed),
        num_walks=np.uint64(config.num_walks),
        walk_length=np.uint64(config.walk_length),
        restart_below=np.uint64(config.restart * 2**32),
        enough_items=np.uint64(config.enough_items),
        enough_visits=np.uint64(config.enough_visits),
    )
