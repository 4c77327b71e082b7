"""Alias tables give every edge exactly its share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from pinsage.graph.alias import edge_aliases
from pinsage.graph.bipartite import BipartiteGraph
from tests.strategies import weighted_graphs


@settings(deadline=None)
@given(weighted_graphs())
def test_every_edge_is_drawn_by_its_weight(graph: BipartiteGraph) -> None:
    for offsets, neighbors, weights, aliases in (
        (graph.item_offsets, graph.item_boards, graph.item_edge_weights, graph.item_aliases),
        (graph.board_offsets, graph.board_items, graph.board_edge_weights, graph.board_aliases),
    ):
        kept, other = aliases >> np.uint64(32), (aliases & np.uint64(0xFFFFFFFF)).astype(np.int64)
        for start, stop in zip(offsets[:-1], offsets[1:], strict=True):
            share = dict.fromkeys(neighbors[start:stop].tolist(), 0.0)
            for edge in range(start, stop):
                # A draw keeps the edge when its low half is at most `kept`.
                keeps = (int(kept[edge]) + 1) / 2**32
                share[int(neighbors[edge])] += keeps / (stop - start)
                share[int(other[edge])] += (1 - keeps) / (stop - start)
            expected = weights[start:stop].astype(float) / weights[start:stop].astype(float).sum()
            np.testing.assert_allclose(list(share.values()), expected, atol=1e-8)


def test_impossible_weights_are_refused() -> None:
    offsets, neighbors = np.array([0, 2]), np.array([0, 1], np.int32)
    for weights in ([1.0, 0.0], [1.0, np.nan], [1.0, np.inf], [-1.0, 1.0]):
        with pytest.raises(ValueError, match="above 0"):
            edge_aliases(offsets, neighbors, np.array(weights, np.float32))
    with pytest.raises(ValueError, match="1 edge weights for 2 edges"):
        edge_aliases(offsets, neighbors, np.ones(1, np.float32))
