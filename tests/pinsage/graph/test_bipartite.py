"""CSR both ways."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from pinsage.graph.bipartite import BipartiteGraph, build_graph
from tests.strategies import saves


@given(saves())
def test_both_sides_hold_exactly_the_distinct_saves(drawn: tuple[np.ndarray, np.ndarray, int, int]) -> None:
    item_rows, board_rows, num_items, num_boards = drawn
    graph = build_graph(*drawn)
    expected = set(zip(item_rows.tolist(), board_rows.tolist(), strict=True))
    items = np.repeat(np.arange(num_items), np.diff(graph.item_offsets))
    boards = np.repeat(np.arange(num_boards), np.diff(graph.board_offsets))
    assert sorted(expected) == list(zip(items.tolist(), graph.item_boards.tolist(), strict=True))
    assert expected == set(zip(graph.board_items.tolist(), boards.tolist(), strict=True))
    assert graph.num_edges == len(expected)
    assert graph.item_degrees().sum() == len(expected)


def test_order_of_saves_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    items, boards = rng.integers(0, 50, 500), rng.integers(0, 9, 500)
    order = rng.permutation(500)
    one, two = build_graph(items, boards, 50, 9), build_graph(items[order], boards[order], 50, 9)
    np.testing.assert_array_equal(one.board_items, two.board_items)


def test_bad_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="item rows from 0 to 3, expected 0 to 2"):
        build_graph(np.array([0, 3]), np.array([0, 0]), 3, 1)
    with pytest.raises(ValueError, match="must ascend"):
        BipartiteGraph(np.array([0, 2]), np.array([0], np.int32), np.array([0, 1]), np.array([0], np.int32))
