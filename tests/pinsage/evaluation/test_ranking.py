"""Ranks in the whole catalogue against brute force, and the metrics on them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from pinsage.evaluation.hit_rate import hit_rate
from pinsage.evaluation.ranking import rank_by_sparse_scores, rank_by_vectors
from pinsage.evaluation.reciprocal_rank import mean_reciprocal_rank


def brute_force(scores: np.ndarray, query: int, positive: int) -> float:
    others = np.delete(np.arange(len(scores)), [query, positive])
    return 1 + (scores[others] > scores[positive]).sum() + (scores[others] == scores[positive]).sum() / 2


@pytest.mark.parametrize("columns", [1, 7, 30, 100])
def test_vectors_and_sparse_scores_rank_like_brute_force(columns: int) -> None:
    rng = np.random.default_rng(5)
    scores = rng.integers(0, 4, (30, 30)).astype(np.float32)  # many ties and zeros
    queries, positives = rng.integers(0, 30, 200), rng.integers(0, 30, 200)
    kept = queries != positives
    queries, positives = queries[kept], positives[kept]
    expected = [brute_force(scores[q], q, p) for q, p in zip(queries, positives, strict=True)]
    by_vectors = rank_by_vectors(scores, np.eye(30, dtype=np.float32), queries, positives, block=7, columns=columns)
    np.testing.assert_allclose(by_vectors, expected)
    found = sparse.csr_array(scores)
    np.testing.assert_allclose(rank_by_sparse_scores(lambda rows: found[rows], 30, queries, positives), expected)


@pytest.mark.parametrize("length", [1.0, 10.0, 100.0])
@pytest.mark.parametrize("columns", [7, 63, 1000])
def test_equal_vectors_tie_wherever_they_stand(length: float, columns: int) -> None:
    rng = np.random.default_rng(7)
    distinct = rng.standard_normal((40, 256))
    distinct *= length / np.linalg.norm(distinct, axis=1, keepdims=True)
    kind = rng.integers(0, 40, 400)
    queries, positives = rng.integers(0, 400, 475), rng.integers(0, 400, 475)
    kept = queries != positives
    queries, positives = queries[kept], positives[kept]
    scores = (distinct @ distinct.T)[kind][:, kind]
    expected = [brute_force(scores[q], q, p) for q, p in zip(queries, positives, strict=True)]
    vectors = distinct.astype(np.float32)[kind]
    for block in (64, 256):
        ranks = rank_by_vectors(vectors, vectors, queries, positives, block=block, columns=columns)
        np.testing.assert_allclose(ranks, expected)


def test_vectors_that_are_not_finite_have_no_rank() -> None:
    vectors = np.eye(4, dtype=np.float32)
    vectors[2] = np.nan
    ranks = rank_by_vectors(vectors, vectors, np.array([0, 2, 0]), np.array([1, 1, 2]))
    assert np.isnan(ranks).tolist() == [False, True, True]


def test_a_popularity_term_counts_in_full_for_every_query() -> None:
    rng = np.random.default_rng(6)
    vectors = rng.standard_normal((40, 5)).astype(np.float32)
    queries, positives = np.arange(40), (np.arange(40) + 1) % 40
    scores = vectors[:, :4] @ vectors[:, :4].T + vectors[:, 4]
    expected = [brute_force(scores[q], q, p) for q, p in zip(queries, positives, strict=True)]
    ranks = rank_by_vectors(vectors, vectors, queries, positives, popularity=True)
    np.testing.assert_allclose(ranks, expected)
    assert (ranks != rank_by_vectors(vectors, vectors, queries, positives)).any()


def test_unknown_items_are_undefined_and_not_zero() -> None:
    vectors = np.eye(4, dtype=np.float32)
    ranks = rank_by_vectors(vectors, vectors, np.array([0, -1, 2]), np.array([1, 1, -1]))
    assert np.isnan(ranks).tolist() == [False, True, True]
    assert np.isnan(hit_rate(ranks[1:], 10))


def test_metrics_by_hand() -> None:
    ranks = np.array([1.0, 100.0, 101.0, 500.5, np.nan])
    assert hit_rate(ranks, 100) == pytest.approx(0.5)
    assert mean_reciprocal_rank(ranks) == pytest.approx(np.mean([1, 1 / 100, 1 / 101, 1 / 500.5]))
    assert mean_reciprocal_rank(ranks, 100) == pytest.approx(np.mean([1, 1, 1 / 2, 1 / 6]))
