"""Pairs of saves that do not fit into memory together, and those for a graph that is older than they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pinsage.pairs.config import PairConfig
from tasks.prepare.build_graph import build_graph
from tasks.prepare.prepared import Prepared
from tasks.runtime.session import Session
from tasks.train.build_pairs import build_pairs, item_vocabulary, pairs_of, tune_pairs
from tests.tasks.delivered import catalog, deliver_items, deliver_saves
from tests.tasks.test_build_graph import DAYS, catalog_of, random_days


@pytest.mark.parametrize("kind", ["int64", "string"])
def test_pairs_do_not_depend_on_the_rows_held_at_once(memory_folder: Path, kind: str) -> None:
    made = []
    for rows in (97, 1_000_000):
        session = Session.open(str(memory_folder), {"resources.saves_per_chunk": rows, "resources.workers": 1})
        planted = random_days()
        vocabulary = item_vocabulary(build_graph(session, catalog_of(session, planted, kind=kind)))
        saves = [deliver_saves(session, day, each, kind) for day, each in zip(DAYS, planted[1], strict=True)]
        made.append(pairs_of(session, saves, [], None, vocabulary, chains=2))
    assert len(made[0][0]) > 1_000
    for few, all_at_once in zip(*made, strict=True):
        np.testing.assert_array_equal(few, all_at_once)


def test_an_older_graph_takes_the_pairs_of_the_items_that_it_holds(memory_folder: Path) -> None:
    session = Session.open(str(memory_folder), {"resources.workers": 1})
    planted = random_days()
    catalog, earlier = catalog_of(session, planted), catalog_of(session, planted, last=3)
    graph, older = build_graph(session, catalog), build_graph(session, earlier)
    as_of = Prepared(DAYS[-1], catalog, graph, features=graph, neighborhoods=graph)
    every, some = (build_pairs(session, DAYS[-1], as_of, each) for each in (graph, older))
    num_known = older.facts["num_items"]
    pairs, pairs_held = (np.concatenate([made.array(name) for name in ("train", "tune")]) for made in (every, some))
    held = (pairs < num_known).all(axis=1)  # an item keeps its row
    assert 0 < held.sum() < len(pairs)
    np.testing.assert_array_equal(sorted_rows(pairs[held]), sorted_rows(pairs_held))
    assert (every.facts["num_unknown"], every.facts["as_of_day"]) == (0, some.facts["as_of_day"])
    assert some.facts["num_unknown"] == len(pairs) - len(pairs_held)


def sorted_rows(pairs: np.ndarray) -> np.ndarray:
    return pairs[np.lexsort(pairs.T)]


def test_whole_boards_of_the_days_that_the_graph_does_not_know_tune(memory_folder: Path) -> None:
    session = Session.open(str(memory_folder), {"resources.workers": 1, "pairs.tune_share": 0.5})
    planted = random_days()
    listed, older = catalog_of(session, planted), build_graph(session, catalog_of(session, planted, last=3))
    made = build_pairs(session, DAYS[-1], Prepared(DAYS[-1], listed, older, older, older), older)
    saves = [session.store.version(uri) for uri in listed.json("partitions")["saves"]]
    config = session.config.pairs
    pairs, boards, times = pairs_of(session, saves, [], None, item_vocabulary(older), chains=config.chains)
    known = (pairs >= 0).all(axis=1)
    pairs, boards, young = pairs[known], boards[known], times[known] >= np.datetime64(DAYS[3], "us").astype(np.int64)
    tuned = tune_pairs(boards, young, config)
    np.testing.assert_array_equal(made.array("tune"), pairs[tuned])
    np.testing.assert_array_equal(made.array("train"), pairs[~tuned])
    assert young[tuned].all()
    assert 0 < tuned.sum() < young.sum()
    assert not set(boards[tuned]) & set(boards[young & ~tuned]), "no board is torn apart"
    assert set(boards[tuned]) & set(boards[~young]), "what it held before is trained"


def test_about_so_many_pairs_tune_as_are_asked_for() -> None:
    boards = np.arange(200_000, dtype=np.uint64) // np.uint64(4)
    unseen = np.arange(200_000) >= 100_000
    assert 900 < tune_pairs(boards, unseen, PairConfig(tune_pairs=1000)).sum() < 1100
    assert 24_000 < tune_pairs(boards, unseen, PairConfig(tune_pairs=100_000)).sum() < 26_000, "a quarter at most"
    assert not tune_pairs(boards, np.zeros(200_000, bool), PairConfig()).any()


def test_a_single_board_is_trained_whatever_its_hash() -> None:
    for board in range(40):
        boards = np.full(5, board, np.uint64)
        assert not tune_pairs(boards, np.ones(5, bool), PairConfig()).any()


def test_untimed_pairs_of_boards_outside_the_graph_are_trained_and_a_quarter_of_them_tunes(memory_folder: Path) -> None:
    session = Session.open(str(memory_folder), {"resources.workers": 1})
    splits = ["train", "tune", "test"]
    saves = [(board, item) for board in range(30) for item in range(10 * (board % 3), 10 * (board % 3) + 10)]
    delivered = deliver_saves(session, DAYS[0], saves, splits=[splits[board % 3] for board, _ in saves])
    items = deliver_items(session, DAYS[0], range(30))
    listed = catalog(session, DAYS[0], {DAYS[0]: items}, {DAYS[0]: delivered}, timed=False)
    graph = build_graph(session, listed)
    made = build_pairs(session, DAYS[0], Prepared(DAYS[0], listed, graph, graph, graph), graph)
    train, tune = np.asarray(made.array("train")), np.asarray(made.array("tune"))
    assert set(train.ravel() // 10) == {0, 1}
    assert set(tune.ravel() // 10) == {1}
    num_apart = (train // 10 == 1).all(axis=1).sum() + len(tune)
    assert 0.1 < len(tune) / num_apart < 0.5


def test_pairs_of_new_items_alone_are_none_and_the_error_says_so(memory_folder: Path) -> None:
    session = Session.open(str(memory_folder), {"resources.workers": 1})
    items, saves = [[1], [2, 3], [4], [5], [6]], [[(1, 1)], [(1, 2), (1, 3)], [], [], []]
    catalog, earlier = catalog_of(session, (items, saves)), catalog_of(session, (items, saves), last=1)
    graph = build_graph(session, catalog)
    as_of = Prepared(DAYS[-1], catalog, graph, features=graph, neighborhoods=graph)
    with pytest.raises(ValueError, match=r"but for \d+ pairs of items that came after 2026-03-01; .*graph_lag_days"):
        build_pairs(session, DAYS[-1], as_of, build_graph(session, earlier))
