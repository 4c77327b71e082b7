"""Plain-loop references that the kernels are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pinsage.graph.bipartite import BipartiteGraph
from pinsage.walks.config import WalkConfig

_WORD = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15


def rows_by_day(days: Sequence[Sequence[Any]]) -> dict[Any, int]:
    """The row of every id: by (first day, id)."""
    rows: dict[Any, int] = {}
    for ids in days:
        for new in sorted(set(ids) - rows.keys()):
            rows[new] = len(rows)
    return rows


def edges_by_row(
    items: Sequence[Sequence[Any]], saves: Sequence[Sequence[tuple[Any, Any]]]
) -> tuple[dict[Any, int], dict[Any, int], list[tuple[int, int]]]:
    """Rows of the items, rows of the boards, and the sorted distinct (item row, board row) of days of (board, item)."""
    item_rows = rows_by_day(items)
    board_rows = rows_by_day([[board for board, _ in day] for day in saves])
    return item_rows, board_rows, sorted({(item_rows[item], board_rows[board]) for day in saves for board, item in day})


def mix(word: int) -> int:
    word = (word + _GOLDEN) & _WORD
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _WORD
    return word ^ (word >> 31)


def draw(key: int, counter: int) -> int:
    return mix(key ^ ((counter * _GOLDEN) & _WORD)) >> 32


def neighborhood(graph: BipartiteGraph, row: int, config: WalkConfig) -> list[tuple[int, int]]:
    """(neighbor, visits) of one item, most visited first, ties by first visit."""
    visits: dict[int, int] = {}
    boards_of = np.split(graph.item_boards, graph.item_offsets[1:-1])
    items_of = np.split(graph.board_items, graph.board_offsets[1:-1])
    if len(boards_of[row]) == 0:
        return []
    for walk in range(config.num_walks):
        key = mix(mix(config.seed ^ mix(row)) ^ walk)
        item, counter = row, 0
        for step in range(config.walk_length):
            if step > 0:
                ends = draw(key, counter) < int(config.restart * 2**32)
                if ends:
                    break
                counter += 1
            boards = boards_of[item]
            items = items_of[boards[(draw(key, counter) * len(boards)) >> 32]]
            item = int(items[(draw(key, counter + 1) * len(items)) >> 32])
            counter += 2
            if item != row:
                visits[item] = visits.get(item, 0) + 1
    return sorted(visits.items(), key=lambda entry: -entry[1])[: config.top_t]


def pooled(projected: np.ndarray, neighbors: np.ndarray, importances: np.ndarray) -> np.ndarray:
    """Sum of the neighbors' projections, weighted by importance; -1 is padding."""
    sums = np.zeros((len(neighbors), projected.shape[1]))
    for item, row in enumerate(neighbors):
        for neighbor, importance in zip(row, importances[item], strict=True):
            if neighbor >= 0:
                sums[item] += importance * projected[neighbor]
    return sums
