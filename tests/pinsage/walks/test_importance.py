"""Importance neighborhoods against the plain-loop reference, and their properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from pinsage.graph.bipartite import BipartiteGraph, build_graph
from pinsage.walks.config import WalkConfig
from pinsage.walks.importance import importance_neighborhoods
from tests import naive
from tests.strategies import graphs, weighted_graphs

CONFIGS = st.builds(
    WalkConfig,
    num_walks=st.integers(1, 30) | st.integers(250, 600),
    walk_length=st.integers(1, 4),
    restart=st.sampled_from([0.0, 0.3, 1.0]),
    top_t=st.integers(1, 8),
    enough_items=st.integers(0, 5),
    enough_visits=st.integers(1, 100),
    seed=st.integers(0, 2**63 - 1),
)


@settings(deadline=None)
@given(graphs() | weighted_graphs(), CONFIGS)
def test_equals_the_plain_loops(graph: BipartiteGraph, config: WalkConfig) -> None:
    neighbors, importances, walks_made = importance_neighborhoods(graph, range(graph.num_items), config)
    for row in range(graph.num_items):
        expected, made = naive.neighborhood(graph, row, config)
        assert walks_made[row] == made
        kept = neighbors[row] >= 0
        assert neighbors[row][kept].tolist() == [item for item, _ in expected]
        visits = np.array([count for _, count in expected], dtype=float)
        np.testing.assert_array_equal(importances[row][kept], (visits / max(visits.sum(), 1)).astype(np.float32))
        assert not importances[row][~kept].any()


@settings(deadline=None)
@given(graphs(), CONFIGS)
def test_walks_stay_in_their_component_and_weights_sum_to_one(graph: BipartiteGraph, config: WalkConfig) -> None:
    neighbors, importances, _ = importance_neighborhoods(graph, range(graph.num_items), config)
    shared = csr_matrix(
        (np.ones(graph.num_edges), graph.item_boards, graph.item_offsets), shape=(graph.num_items, graph.num_boards)
    )
    _, component = connected_components(shared @ shared.T)
    for row, found in enumerate(neighbors):
        kept = found[found >= 0]
        assert row not in kept
        assert (component[kept] == component[row]).all()
        assert importances[row].sum() == pytest.approx(1.0 if len(kept) else 0.0, abs=1e-6)


def test_threads_and_chunks_change_nothing() -> None:
    rng = np.random.default_rng(7)
    graph = build_graph(rng.zipf(1.5, 200_000) % 40_000, rng.integers(0, 5_000, 200_000), 40_000, 5_000)
    config = WalkConfig(num_walks=10, top_t=5, seed=3)
    whole = importance_neighborhoods(graph, range(graph.num_items), config)
    for threads, chunk_rows in ((2, 40_000), (1, 4_096), (2, 10_000)):
        parts = [
            importance_neighborhoods(graph, range(start, min(start + chunk_rows, 40_000)), config, threads=threads)
            for start in range(0, 40_000, chunk_rows)
        ]
        for side in (0, 1):
            np.testing.assert_array_equal(np.concatenate([part[side] for part in parts]), whole[side])


def test_rows_outside_the_graph_are_refused() -> None:
    graph = build_graph(np.array([0]), np.array([0]), 1, 1)
    with pytest.raises(ValueError, match="within 0 to 1"):
        importance_neighborhoods(graph, range(2), WalkConfig())
