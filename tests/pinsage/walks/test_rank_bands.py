"""Hard negative pools against plain loops over the same stream, and against exact PageRank."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pinsage.graph.bipartite import BipartiteGraph, build_graph
from pinsage.walks.config import HardNegativeConfig, WalkConfig
from pinsage.walks.rank_bands import hard_negative_pools, rank_band
from tests import naive
from tests.strategies import graphs


def pools_of(
    graph: BipartiteGraph, config: HardNegativeConfig, positives: dict[int, list[int]], threads: int = 1
) -> np.ndarray:
    offsets = np.cumsum([0] + [len(positives.get(row, [])) for row in range(graph.num_items)]).astype(np.int64)
    flat = np.array([item for row in range(graph.num_items) for item in sorted(positives.get(row, []))], dtype=np.int32)
    queries = np.arange(graph.num_items, dtype=np.int32)
    return hard_negative_pools(graph, queries, offsets, flat, config, threads=threads)


@settings(max_examples=40, deadline=None)
@given(graphs(), st.integers(0, 5))
def test_pools_are_the_band_of_the_same_walks(graph: BipartiteGraph, seed: int) -> None:
    config = HardNegativeConfig(
        band_low=2, band_high=4, num_walks=60, walk_length=3, restart=0.3, pool_size=8, seed=seed
    )
    walk = WalkConfig(num_walks=60, walk_length=3, restart=0.3, top_t=1000, seed=seed)
    positives = {0: [graph.num_items - 1]}
    pools = pools_of(graph, config, positives)
    assert (pools == pools_of(graph, config, positives, threads=2)).all()
    for row in range(graph.num_items):
        ranked = [item for item, _ in naive.neighborhood(graph, row, walk)[0]]
        first, last = (1, 4) if len(ranked) >= 4 else (len(ranked) // 4, len(ranked))
        expected = set(ranked[first:last]) - set(positives.get(row, []))
        drawn = pools[row][pools[row] >= 0].tolist()
        assert len(drawn) == len(set(drawn)) == len(expected)
        assert set(drawn) == expected


def test_long_walks_rank_as_exact_pagerank_does() -> None:
    rng = np.random.default_rng(2)
    graph = build_graph(rng.integers(0, 40, 200), rng.integers(0, 12, 200), 40, 12)
    config = HardNegativeConfig(
        band_low=1, band_high=5, num_walks=200_000, walk_length=20, restart=0.2, pool_size=5, seed=1
    )
    step = np.zeros((40, 40))
    for item in range(40):
        boards = graph.item_boards[graph.item_offsets[item] : graph.item_offsets[item + 1]]
        for board in boards:
            members = graph.board_items[graph.board_offsets[board] : graph.board_offsets[board + 1]]
            step[item, members] += 1 / (len(boards) * len(members))
    pools = pools_of(graph, config, {})
    agreeing = total = 0
    for row in range(40):
        mass, score = np.eye(40)[row], np.zeros(40)
        for _ in range(20):
            mass = mass @ step
            score, mass = score + mass, mass * 0.8
        score[row] = -1
        best = set(np.argsort(-score)[:5].tolist())
        agreeing, total = agreeing + len(best & set(pools[row].tolist())), total + 5
    assert agreeing / total > 0.9


def test_a_band_in_shares_scales_with_the_catalogue() -> None:
    assert rank_band(HardNegativeConfig(band_low=0.02, band_high=0.05), 1000) == (20, 50)
    assert rank_band(HardNegativeConfig(band_low=2000, band_high=5000), 1000) == (2000, 5000)
