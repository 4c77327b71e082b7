"""Adding edges to a CSR equals building it with them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pinsage.graph.bipartite import build_graph
from pinsage.graph.extension import find_edges, with_inserted
from tests.strategies import saves


@given(saves(), st.integers(1, 12), st.integers(0, 60))
def test_inserted_edges_equal_built_ones(
    drawn: tuple[np.ndarray, np.ndarray, int, int], num_known: int, num_first: int
) -> None:
    items, boards, num_items, num_boards = drawn
    num_known = min(num_known, num_items)
    first = (np.arange(len(items)) < num_first) & (items < num_known)
    before = build_graph(items[first], boards[first], num_known, num_boards)
    edges = np.unique(np.stack([items[~first], boards[~first]]), axis=1)
    rows, added = edges[0].astype(np.int32), edges[1].astype(np.int32)
    points, is_there = find_edges(before.item_offsets, before.item_boards, rows, added)
    present = {(row, board) for row, board in zip(items[first].tolist(), boards[first].tolist(), strict=True)}
    assert is_there.tolist() == [edge in present for edge in zip(*edges.tolist(), strict=True)]
    merged = np.concatenate(list(with_inserted(before.item_boards, points[~is_there], added[~is_there])))
    np.testing.assert_array_equal(merged, build_graph(items, boards, num_items, num_boards).item_boards)
