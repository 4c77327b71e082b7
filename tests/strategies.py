"""Hypothesis strategies: bipartite graphs with isolated nodes, single edges, repeated saves and hubs."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from pinsage.graph.bipartite import BipartiteGraph, build_graph


@st.composite
def saves(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, int, int]:
    """(item rows, board rows, num_items, num_boards), repeated saves and isolated nodes included."""
    num_items, num_boards = draw(st.integers(1, 12)), draw(st.integers(1, 6))
    edges = draw(st.lists(st.tuples(st.integers(0, num_items - 1), st.integers(0, num_boards - 1)), max_size=40))
    if draw(st.booleans()):
        edges += [(item, 0) for item in range(num_items)]  # a hub
    rows = np.array(edges, dtype=np.int64).reshape(-1, 2)
    return rows[:, 0], rows[:, 1], num_items, num_boards


def graphs() -> st.SearchStrategy[BipartiteGraph]:
    return saves().map(lambda drawn: build_graph(*drawn))
