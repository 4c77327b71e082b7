"""What other methods answer, against plain loops over a small graph."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from pinsage.graph.bipartite import build_graph
from pinsage.serving.comparison import Comparison

NUM_ITEMS, NUM_BOARDS = 40, 60


@pytest.fixture
def comparison() -> Comparison:
    rng = np.random.default_rng(0)
    items = np.concatenate([rng.integers(1, NUM_ITEMS, 300), np.zeros(NUM_BOARDS, dtype=np.int64)])
    boards = np.concatenate([rng.integers(0, NUM_BOARDS, 300), np.arange(NUM_BOARDS)])
    saved = np.unique(np.stack([items, boards]), axis=1)
    graph = build_graph(saved[0], saved[1], NUM_ITEMS, NUM_BOARDS)
    neighbors = np.tile(np.arange(1, 6, dtype=np.int32), (NUM_ITEMS, 1))
    importances = np.tile(np.float32([4, 3, 2, 1, 1]) / np.float32(11), (NUM_ITEMS, 1))
    return Comparison(
        content=np.zeros((NUM_ITEMS, 2), dtype=np.float32),
        lengths=np.zeros(NUM_ITEMS, dtype=np.float32),
        neighbors=neighbors,
        importances=importances,
        degrees=graph.item_degrees(),
        item_offsets=graph.item_offsets,
        item_boards=graph.item_boards,
        board_offsets=graph.board_offsets,
        board_items=graph.board_items,
    )


def boards_of(comparison: Comparison, item: int) -> set[int]:
    start, stop = comparison.item_offsets[item : item + 2]
    return set(comparison.item_boards[start:stop].tolist())


def test_an_item_with_more_boards_than_visits_is_ranked_by_hops_over_all_of_them(comparison: Comparison) -> None:
    assert comparison.num_visits(0) == 11
    assert comparison.is_poorly_sampled(0)
    shares: Counter[int] = Counter()
    for board in boards_of(comparison, 0):
        members = comparison.board_items[comparison.board_offsets[board] : comparison.board_offsets[board + 1]]
        for item in members.tolist():
            shares[item] += 1 / len(members)
    del shares[0]
    rows, scores = comparison.by_random_walk(0, 12)
    expected = sorted(shares, key=lambda item: (-round(shares[item], 12), item))[:12]
    assert rows.tolist() == expected
    np.testing.assert_allclose(scores, [shares[item] / shares.total() for item in expected])


def test_an_item_whose_boards_were_visited_is_ranked_by_the_visits(comparison: Comparison) -> None:
    item = int(np.flatnonzero(comparison.degrees <= 11)[0])
    assert not comparison.is_poorly_sampled(item)
    rows, scores = comparison.by_random_walk(item, 3)
    assert rows.tolist() == [1, 2, 3]
    np.testing.assert_allclose(scores, np.float32([4, 3, 2]) / np.float32(11))


def test_shared_boards_are_counted(comparison: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    others = np.arange(1, 20)
    expected = [len(boards_of(comparison, 0) & boards_of(comparison, int(other))) for other in others]
    assert comparison.shared_boards(0, others).tolist() == expected
    monkeypatch.setattr("pinsage.serving.comparison.MAX_COUNTED_BOARDS", int(comparison.degrees[1:4].sum()))
    assert comparison.shared_boards(0, others).tolist() == [*expected[:3], *[-1] * 16], "too many are not counted"
