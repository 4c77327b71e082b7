"""Pruning by rules over sorted edges."""

from __future__ import annotations

import numpy as np
import pytest

from pinsage.graph import edge_keys
from pinsage.graph.config import GraphConfig
from pinsage.graph.pruning import boards_in_range, count_by_class, degrees_limited, edges_kept


def sorted_edges(sizes: list[int], others: int = 1_000) -> np.ndarray:
    """Keys of rows with these degrees."""
    rng = np.random.default_rng(4)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    chosen = [np.sort(rng.choice(others, size, replace=False)) for size in sizes]
    return edge_keys.pack(rows, np.concatenate(chosen))


@pytest.mark.parametrize(
    ("exponent", "cap", "floor", "expected"),
    [
        (1.0, 0, 1, [0, 1, 7, 100, 10_000]),
        (0.5, 0, 1, [0, 1, 2, 10, 100]),
        (0.5, 0, 10, [0, 1, 7, 10, 100]),
        (0.5, 50, 10, [0, 1, 7, 10, 50]),
        (1.0, 5, 10, [0, 1, 7, 10, 10]),
    ],
)
def test_edges_kept_is_the_stated_formula(exponent: float, cap: int, floor: int, expected: list[int]) -> None:
    config = GraphConfig(degree_exponent=exponent, degree_cap=cap, degree_floor=floor)
    assert edges_kept(np.array([0, 1, 7, 100, 10_000]), config).tolist() == expected


def test_items_keep_a_seeded_uniform_draw_of_the_stated_size() -> None:
    keys = sorted_edges([3, 400, 0, 900, 10])
    config = GraphConfig(degree_exponent=0.5, degree_floor=4)
    kept = keys[degrees_limited(keys, config)]
    assert np.bincount(edge_keys.high(kept), minlength=5).tolist() == [3, 20, 0, 30, 4]
    other = keys[degrees_limited(keys, config.model_copy(update={"prune_seed": 1}))]
    assert set(kept.tolist()) != set(other.tolist())
    # What stays of an item does not depend on the rest of the graph.
    part = keys[edge_keys.high(keys) == 3]
    np.testing.assert_array_equal(kept[edge_keys.high(kept) == 3], part[degrees_limited(part, config)])
    # Uniform: over 400 seeds each of 900 edges stays in a thirtieth of them (mean 13.3, standard deviation 3.6).
    counts = sum(
        degrees_limited(part, config.model_copy(update={"prune_seed": seed})).astype(int) for seed in range(400)
    )
    assert abs(counts.std() - 3.6) < 0.5
    assert counts.max() < 13.3 + 6 * 3.6


def test_boards_outside_the_range_lose_all_edges() -> None:
    keys = sorted_edges([1, 2, 5, 6, 0, 50])
    stays = boards_in_range(keys, GraphConfig(min_board_items=2, max_board_items=5))
    assert np.bincount(edge_keys.high(keys[stays]), minlength=6).tolist() == [0, 2, 5, 0, 0, 0]
    stays = boards_in_range(keys, GraphConfig(min_board_items=6))
    assert np.bincount(edge_keys.high(keys[stays]), minlength=6).tolist() == [0, 0, 0, 6, 0, 50]


def test_classes_count_edges_before_and_after() -> None:
    keys = sorted_edges([1, 2, 3, 4, 5])
    stays = edge_keys.high(keys) != 3
    assert count_by_class(keys, stays) == {"1": [1, 1], "2": [2, 2], "4": [7, 3], "8": [5, 5]}
    empty = np.zeros(0, np.uint64)
    assert count_by_class(empty, np.zeros(0, bool)) == {}
    assert len(degrees_limited(empty, GraphConfig(degree_cap=3))) == 0
