"""Walks cut into hops, over parts of a graph, give the bits of the kernel that has it all."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pinsage.graph.bipartite import BipartiteGraph
from pinsage.walks.config import WalkConfig
from pinsage.walks.importance import importance_neighborhoods, walk_plan
from pinsage.walks.shuffled import (
    Crowd,
    hop_crowd,
    neighborhoods_of_visits,
    start_crowd,
    still_going,
    visit_orders,
)
from pinsage.walks.walkers import graph_sides
from tests.pinsage.walks.test_importance import CONFIGS
from tests.strategies import graphs, weighted_graphs


@settings(deadline=None, max_examples=50)
@given(graphs() | weighted_graphs(), CONFIGS, st.randoms(use_true_random=False))
def test_equals_the_walk_in_one_memory(graph: BipartiteGraph, config: WalkConfig, chance: object) -> None:
    plan, rows = walk_plan(config), range(graph.num_items)
    crowd = start_crowd(rows, graph.item_degrees(), config.num_walks)
    visits = []
    for traversal in range(config.walk_length):
        for step, side in enumerate(graph_sides(graph)):
            # Walkers arrive in any order.
            order = np.random.default_rng(chance.randrange(100)).permutation(len(crowd.rows))  # type: ignore[attr-defined]
            crowd = Crowd(*(array[order] for array in crowd))
            crowd = crowd._replace(nodes=hop_crowd(side, 0, crowd, 3 * traversal + step, plan))
        visits.append((crowd.rows, crowd.nodes, visit_orders(crowd.walks, traversal, plan)))
        going = still_going(crowd, traversal, plan)
        crowd = Crowd(*(array[going] for array in crowd))
    visiting, visited, orders = (np.concatenate(arrays) for arrays in zip(*visits, strict=True))
    made = neighborhoods_of_visits(rows, visiting, visited, orders, plan, config.top_t)
    for array, expected in zip(made, importance_neighborhoods(graph, rows, config), strict=True):
        np.testing.assert_array_equal(array, expected)
