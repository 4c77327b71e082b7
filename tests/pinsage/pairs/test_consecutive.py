"""Pairs from consecutive saves."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pinsage.pairs.consecutive import consecutive_pairs

SAVES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9), st.integers(0, 5)), max_size=40, unique=True)


def columns(saves: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    table = np.array(saves, dtype=np.int64).reshape(-1, 3)
    return table[:, 0].astype(np.uint64), table[:, 1].astype(np.uint64), table[:, 2]


def named(saves: list[tuple[int, int, int]], seed: int, **options: int) -> list[tuple[int, int, int, int]]:
    board, item, time = columns(saves)
    pairs = consecutive_pairs(board, item, time, seed=seed, **options)
    rows = zip(pairs.query, pairs.item, strict=True)
    return [(int(board[a]), int(item[a]), int(item[b]), int(time[b] - time[a])) for a, b in rows]


@given(SAVES, st.integers(0, 9))
def test_pairs_stay_on_their_board_go_forward_in_time_and_hold_two_items(
    saves: list[tuple[int, int, int]], seed: int
) -> None:
    board, item, time = columns(saves)
    pairs = consecutive_pairs(board, item, time, seed=seed)
    assert (board[pairs.query] == board[pairs.item]).all()
    assert (time[pairs.query] <= time[pairs.item]).all()
    assert (item[pairs.query] != item[pairs.item]).all()
    assert len(pairs.item) == len(set(pairs.item.tolist())), "a save follows one save at most"


@given(SAVES, st.integers(0, 9), st.randoms())
def test_order_of_rows_changes_nothing(saves: list[tuple[int, int, int]], seed: int, rng: object) -> None:
    shuffled = list(saves)
    rng.shuffle(shuffled)
    assert named(saves, seed) == named(shuffled, seed)


def test_time_decides_and_limits_hold() -> None:
    saves = [(0, 3, 30), (0, 1, 10), (0, 2, 20), (1, 4, 5)]
    assert named(saves, 0) == [(0, 1, 2, 10), (0, 2, 3, 10)]
    assert named(saves, 0, first_at=30) == [(0, 2, 3, 10)]
    assert named(saves, 0, max_gap=9) == []
    assert len(named(saves, 0, max_pairs_per_board=1)) == 1
