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


def edge_weights(saves: Sequence[Sequence[tuple[Any, Any, float]]]) -> dict[tuple[Any, Any], np.float32]:
    """Of each (board, item) the sum of its weights over days of (board, item, weight), in single precision."""
    sums: dict[tuple[Any, Any], np.float32] = {}
    for board, item, weight in (save for day in saves for save in day):
        sums[board, item] = sums.get((board, item), np.float32(0)) + np.float32(weight)
    return sums


def mix(word: int) -> int:
    word = (word + _GOLDEN) & _WORD
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _WORD
    return word ^ (word >> 31)


def draw(row: int, seed: int, walk: int, number: int) -> int:
    """64 bits of the walks' random stream."""
    key = mix(mix(seed) ^ row) + walk * 0x8EBC6AF09C88C6E3
    counter = (key + number * 0xA0761D6478BD642F) & _WORD
    product = counter * (counter ^ 0xE7037ED1A0B428DB)
    return (product >> 64) ^ (product & _WORD)


def visits_in_order(
    graph: BipartiteGraph, row: int, seed: int, walks: range, walk_length: int, restart: float
) -> list[int]:
    """The items, without ``row``, that walks from ``row`` visit: by traversal, then by walk."""

    def choose(offsets: np.ndarray, neighbors: np.ndarray, aliases: np.ndarray, node: int, word: int) -> int:
        start, stop = int(offsets[node]), int(offsets[node + 1])
        edge = start + ((word >> 32) * (stop - start) >> 32)
        kept, alias = divmod(int(aliases[edge]), 2**32) if len(aliases) else (2**32 - 1, 0)
        return int(neighbors[edge]) if word % 2**32 <= kept else alias

    visits: list[int] = []
    going = dict.fromkeys(walks, row) if graph.item_degrees()[row] else {}
    for traversal in range(walk_length):
        for walk, item in list(going.items()):
            words = [draw(row, seed, walk, 3 * traversal + number) for number in range(3)]
            board = choose(graph.item_offsets, graph.item_boards, graph.item_aliases, item, words[0])
            going[walk] = choose(graph.board_offsets, graph.board_items, graph.board_aliases, board, words[1])
            visits += [going[walk]] if going[walk] != row else []
            if words[2] >> 32 < int(restart * 2**32):
                del going[walk]
    return visits


def neighborhood(graph: BipartiteGraph, row: int, config: WalkConfig) -> tuple[list[tuple[int, int]], int]:
    """(neighbor, visits) of one item, most visited first, ties by first visit; and the walks made."""
    visits: dict[int, int] = {}
    made = 0
    while made < config.num_walks:
        walks = range(made, min(made + 256, config.num_walks))
        for item in visits_in_order(graph, row, config.seed, walks, config.walk_length, config.restart):
            visits[item] = visits.get(item, 0) + 1
        made = walks.stop
        if 0 < config.enough_items <= sum(count >= config.enough_visits for count in visits.values()):
            break
    return sorted(visits.items(), key=lambda entry: -entry[1])[: config.top_t], made


def pooled(projected: np.ndarray, neighbors: np.ndarray, importances: np.ndarray) -> np.ndarray:
    """Sum of the neighbors' projections, weighted by importance; -1 is padding."""
    sums = np.zeros((len(neighbors), projected.shape[1]))
    for item, row in enumerate(neighbors):
        for neighbor, importance in zip(row, importances[item], strict=True):
            if neighbor >= 0:
                sums[item] += importance * projected[neighbor]
    return sums
