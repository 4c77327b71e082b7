"""Hypothesis strategies: bipartite graphs with isolated nodes, single edges, repeated saves and hubs."""

from __future__ import annotations

from dataclasses import replace

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


@st.composite
def weighted_graphs(draw: st.DrawFn) -> BipartiteGraph:
    """Graphs of which every save has a weight, the same from both sides; some dwarf the others."""
    graph = draw(graphs())
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    weights = (10.0 ** rng.uniform(-6, 2, graph.num_edges)).astype(np.float32)
    items = np.repeat(np.arange(graph.num_items), graph.item_degrees())
    from_boards = np.lexsort((items, graph.item_boards))
    return replace(graph, item_edge_weights=weights, board_edge_weights=weights[from_boards])
