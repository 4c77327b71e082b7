"""Graph baselines and intervals against what they are by definition."""

from __future__ import annotations

import numpy as np
import pytest

from pinsage.evaluation.bootstrap import Resamples
from pinsage.evaluation.config import LIBRARIES, EvaluationConfig
from pinsage.evaluation.item_knn import item_knn_ranks
from pinsage.evaluation.matrix_factorisation import item_factors, matrix_factorisation_ranks
from pinsage.evaluation.popularity import popularity_ranks
from pinsage.evaluation.random_walk import random_walk_ranks
from pinsage.evaluation.ranking import rank_by_vectors
from pinsage.evaluation.slices import few_saves_slice
from pinsage.graph.bipartite import build_graph
from tests.pinsage.training.planted import planted_graph


def test_item_knn_is_the_cosine_of_board_sets() -> None:
    rng = np.random.default_rng(8)
    graph = build_graph(rng.integers(0, 40, 200), rng.integers(0, 25, 200), 40, 25)
    dense = np.zeros((40, 25), np.float32)
    dense[np.repeat(np.arange(40), graph.item_degrees()), graph.item_boards] = 1
    dense /= np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1)
    queries, positives = np.divmod(rng.permutation(40 * 40)[:300], 40)
    kept = queries != positives
    queries, positives = queries[kept], positives[kept]
    found = item_knn_ranks(graph.item_offsets, graph.item_boards, 25, queries, positives)
    np.testing.assert_allclose(found, rank_by_vectors(dense, dense, queries, positives))


def test_random_walk_ranks_inside_the_neighborhood_and_ties_behind_it() -> None:
    neighbors = np.array([[3, 1, 2], [0, -1, -1], [-1, -1, -1], [0, -1, -1], [0, -1, -1]], np.int32)
    importances = np.array([[0.5, 0.25, 0.25], [1, 0, 0], [0, 0, 0], [1, 0, 0], [1, 0, 0]], np.float32)
    ranks = random_walk_ranks(neighbors, importances, np.array([0, 0, 0, 1, 2]), np.array([3, 1, 4, 4, 0]))
    # 2 and 1 tie for places 2 and 3; 4 is the one left; 1 has three unranked for places 2 to 4; 2 knows nobody.
    np.testing.assert_allclose(ranks, [1, 2.5, 4, 3, 2.5])


def test_matrix_factorisation_finds_communities_with_any_number_of_threads() -> None:
    pytest.importorskip("implicit")
    graph = planted_graph()
    for array in filter(lambda each: each is not None, vars(graph).values()):
        array.flags.writeable = False  # as they come from the store
    saved = np.flatnonzero(graph.item_degrees())
    factors = item_factors(graph, factors=16, iterations=8, seed=3, threads=2)
    assert not factors[graph.item_degrees() == 0].any()
    cosines = factors[saved] @ factors[saved].T
    same = saved[:, None] % 8 == saved % 8
    assert cosines[same].mean() > 0.6
    assert cosines[~same].mean() < 0.2
    queries, positives = saved[:-8], saved[8:]
    found = [
        matrix_factorisation_ranks(graph, queries, positives, factors=16, iterations=8, seed=3, threads=threads)
        for threads in (1, 2)
    ]
    np.testing.assert_array_equal(found[0], found[1])
    assert np.median(found[0]) < 50


def test_a_baseline_without_its_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIBRARIES, "matrix_factorisation", "no_such_library")
    config = EvaluationConfig()
    assert config.absent_baselines == ("matrix_factorisation",)
    assert "matrix_factorisation" not in config.measurable.baselines
    assert config.measurable.absent_baselines == ()


def test_popularity_leaves_the_query_out() -> None:
    ranks = popularity_ranks(np.array([9, 5, 5, 1]), np.array([0, 3]), np.array([1, 0]))
    np.testing.assert_allclose(ranks, [1.5, 1])


def test_interval_covers_the_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        boards = np.arange(300) // 3
        values = (rng.random(100) < 0.3).astype(float)[boards]  # the pairs of a board succeed together
        low, high = Resamples(boards, num_samples=200, seed=seed).interval(values)
        covered += low <= 0.3 <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_interval_of_nothing_is_undefined() -> None:
    assert np.isnan(Resamples(np.array([0, 1]), num_samples=20, seed=0).interval(np.array([np.nan, np.nan]))).all()


def test_slice_holds_the_share_and_all_ties() -> None:
    members, bound = few_saves_slice(np.array([5, 1, 1, 9, 1, 7]), 1 / 3)
    assert bound == 1
    assert members.tolist() == [False, True, True, False, True, False]
    assert few_saves_slice(np.array([], dtype=np.int64), 0.5).max_saves == pytest.approx(0)
