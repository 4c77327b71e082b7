"""The random stream of the walks: uniform, and independent along rows, walks and draws, by chi-square tests.

Seeds are fixed, so a test passes always or never; a p-value outside 1e-4 to 1 - 1e-4 fails.
"""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit
from scipy.stats import chi2

from pinsage.graph.bipartite import build_graph
from pinsage.walks.config import WalkConfig
from pinsage.walks.importance import importance_neighborhoods
from pinsage.walks.random_stream import below, draw, row_key, walk_key
from tests import naive

NUM = 1 << 20


@njit
def fill_draws(seed: np.uint64, rows: np.ndarray, walks: np.ndarray, numbers: np.ndarray, words: np.ndarray) -> None:
    for place in range(len(words)):
        words[place] = draw(walk_key(row_key(seed, rows[place]), walks[place]), numbers[place])


def words_along(axis: str, seed: int) -> np.ndarray:
    """Draws uint64 [NUM] of which one coordinate counts up."""
    fixed = {"row": 12_345, "walk": 3, "number": 4}
    coordinates = [
        np.arange(NUM, dtype=np.uint64) if name == axis else np.full(NUM, value, np.uint64)
        for name, value in fixed.items()
    ]
    words = np.empty(NUM, np.uint64)
    fill_draws(np.uint64(seed), *coordinates, words)
    return words


def p_value(cells: np.ndarray, num_cells: int) -> float:
    observed = np.bincount(cells, minlength=num_cells)
    expected = len(cells) / num_cells
    return float(chi2.sf(((observed - expected) ** 2 / expected).sum(), num_cells - 1))


@pytest.mark.parametrize("axis", ["row", "walk", "number"])
@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
def test_draws_are_uniform_and_neighbors_independent(axis: str, seed: int) -> None:
    words = words_along(axis, seed)
    for shift in (56, 48, 32, 24, 0):  # the top byte chooses an edge; the low half decides on aliases
        byte = (words >> np.uint64(shift)).astype(np.int64) & 255
        assert 1e-4 < p_value(byte, 256) < 1 - 1e-4
        for lag in (1, 2, 3, 100):
            assert 1e-4 < p_value((byte[lag:] >> 4) * 16 + (byte[:-lag] >> 4), 256) < 1 - 1e-4


def test_draws_of_one_traversal_are_independent_over_short_walks() -> None:
    """Board, item and restart of the first traversals, as the walks use them: many rows, a hundred walks each."""
    rows, walks = np.divmod(np.arange(NUM, dtype=np.uint64), np.uint64(100))
    drawn = []
    for number in range(5):
        words = np.empty(NUM, np.uint64)
        fill_draws(np.uint64(7), rows, walks, np.full(NUM, number, np.uint64), words)
        drawn.append((words >> np.uint64(60)).astype(np.int64))
    for first in range(5):
        for second in range(first):
            assert 1e-4 < p_value(drawn[first] * 16 + drawn[second], 256) < 1 - 1e-4


def test_below_covers_its_range_evenly() -> None:
    words = words_along("walk", 5)
    for limit in (1, 2, 3, 7, 1000):
        places = np.array([int(below(word, np.uint64(limit))) for word in words[:50_000]])
        assert places.min() >= 0
        assert places.max() < limit
        assert limit == 1 or 1e-4 < p_value(places, limit) < 1 - 1e-4


def test_stream_equals_the_reference() -> None:
    words = np.empty(3, np.uint64)
    fill_draws(
        np.uint64(9), np.array([0, 5, 2**40], np.uint64), np.array([0, 99, 2**33], np.uint64), np.full(3, 7), words
    )
    assert words.tolist() == [naive.draw(row, 9, walk, 7) for row, walk in ((0, 0), (5, 99), (2**40, 2**33))]


def test_first_visits_follow_the_exact_distribution() -> None:
    """One traversal from item 0, over boards of unequal size: chi-square of visits against exact probabilities."""
    boards = [[0, 1, 2], [0, 3], [0, 4, 5, 6, 7, 8]]
    pairs = np.array([(item, board) for board, items in enumerate(boards) for item in items])
    graph = build_graph(pairs[:, 0], pairs[:, 1], 9, 3)
    config = WalkConfig(num_walks=10_000, walk_length=1, top_t=8, seed=2)
    neighbors, importances, _ = importance_neighborhoods(graph, range(1), config)
    share = np.zeros(9)
    share[neighbors[0]] = importances[0]
    exact = np.array([0, 1 / 9, 1 / 9, 1 / 6, *[1 / 18] * 5])
    exact /= exact.sum()
    num = 10_000 * (1 - (1 / 9 + 1 / 6 + 1 / 18))
    statistic = num * ((share[1:] - exact[1:]) ** 2 / exact[1:]).sum()
    assert 1e-4 < chi2.sf(statistic, 7) < 1 - 1e-4
