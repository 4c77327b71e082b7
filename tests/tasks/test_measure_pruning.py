"""The effect of pruning: a board that holds everything says nothing, and the walks find more without it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pinsage.evaluation.hit_rate import hit_rate
from pinsage.evaluation.random_walk import random_walk_ranks
from pinsage.store import Version
from tasks.evaluate.measure_pruning import effect_of_pruning
from tasks.prepare.build_graph import build_graph
from tasks.prepare.sample_neighborhoods import sample_neighborhoods
from tasks.report.pruning import pruning
from tasks.runtime.pages.blocks import Table
from tasks.runtime.session import Session
from tests.tasks.delivered import catalog, deliver_items, deliver_saves

DAY = "2026-03-01"
NUM_ITEMS, GROUP = 240, 6
RULES = {"graph.max_board_items": 20}


def evaluated(session: Session) -> Version:
    """An evaluation of pairs within groups; every group has a board of its own, and one board has all the items."""
    items = np.arange(NUM_ITEMS)
    everything = np.stack([np.full(NUM_ITEMS, 10_000), items], axis=1)
    saves = np.concatenate([np.stack([items // GROUP, items], axis=1), everything])
    listed = catalog(session, DAY, {DAY: deliver_items(session, DAY, items)}, {DAY: deliver_saves(session, DAY, saves)})
    graph = build_graph(session, listed)
    with session.store.write("holdout_pairs", partition=DAY, inputs=[], config={}, code_version=1) as pairs:
        if not pairs.is_committed:
            pairs.write_array(
                "pairs", np.stack([items, items // GROUP * GROUP], axis=1)[items % GROUP > 0].astype(np.int32)
            )
            pairs.write_array("boards", np.arange(NUM_ITEMS - NUM_ITEMS // GROUP))
    inputs = [graph, pairs.version]
    with session.store.write("evaluation", partition=DAY, inputs=inputs, config={}, code_version=1) as out:
        if not out.is_committed:
            out.write_json("metrics", {})
    return out.version


def test_edges_time_and_hit_rates_before_and_after(tmp_path: Path) -> None:
    session = Session.open(str(tmp_path), {**RULES, "walks.top_t": 5, "walks.num_walks": 20})
    evaluation = evaluated(session)
    made = effect_of_pruning(session, evaluation)
    assert made is not None
    effect = made.json("effect")
    assert (effect["before"]["num_edges"], effect["after"]["num_edges"]) == (2 * NUM_ITEMS, NUM_ITEMS)
    assert effect["after"]["hit_rate@10"] > effect["before"]["hit_rate@10"]

    walked = sample_neighborhoods(session, session.store.input_of(evaluation, "graph"))
    pairs = session.store.input_of(evaluation, "holdout_pairs").array("pairs")
    ranks = random_walk_ranks(walked.array("neighbors"), walked.array("importances"), pairs[:, 0], pairs[:, 1])
    assert effect["after"]["hit_rate@50"] == round(hit_rate(ranks, 50), 6)

    assert effect_of_pruning(session, evaluation).uri == made.uri
    section = pruning(made)
    assert section is not None
    (table,) = section.blocks
    assert isinstance(table, Table)
    assert [row[:3] for row in table.rows] == [("before", "480", "100.0%"), ("after", "240", "50.0%")]
    assert all(float(row[3]) >= 0 for row in table.rows), "seconds of the walks"


def test_a_graph_of_all_the_saves_has_nothing_to_compare(tmp_path: Path) -> None:
    session = Session.open(str(tmp_path))
    assert effect_of_pruning(session, evaluated(session)) is None
    assert session.store.partitions("pruning") == []
    assert pruning(None) is None
