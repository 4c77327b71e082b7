"""Saves with weights: from the file to the graph, whatever the chunks and ways, and in the walks of both modes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from pinsage.store import Version
from tasks.cli import app
from tasks.data.ingest import ingest
from tasks.data.ingestion.columns import IngestError
from tasks.data.ingestion.mapping import IngestMapping
from tasks.data.validate import validate_days
from tasks.prepare.build_catalog import build_catalog
from tasks.prepare.build_graph import build_graph
from tasks.prepare.sample_neighborhoods import open_graph, sample_neighborhoods
from tasks.prepare.walks.shuffled_walks import open_part
from tasks.runtime.session import Session
from tests import naive
from tests.tasks.delivered import catalog, deliver_items, deliver_saves

DAYS = [f"2026-03-{number:02d}" for number in range(1, 6)]
NUM_ITEMS, NUM_BOARDS, PER_DAY = 40, 12, 300
UNWEIGHTED = 2
PROJECT = Path(__file__).parents[2]

WeightedDays = list[list[tuple[int, int, float]]]

WALK = """
import json, sys
from tasks.prepare.sample_neighborhoods import sample_neighborhoods
from tasks.runtime.session import Session
if __name__ == '__main__':
    session = Session.open(sys.argv[1], json.loads(sys.argv[3]))
    sample_neighborhoods(session, session.store.version(sys.argv[2]))
"""


def planted() -> WeightedDays:
    """Edges that are saved again and again, within a day and later, with weights whose sum depends on their order."""
    rng = np.random.default_rng(5)
    days = []
    for number in range(len(DAYS)):
        boards, items = rng.integers(0, NUM_BOARDS, PER_DAY), rng.zipf(1.4, PER_DAY) % NUM_ITEMS
        weights = np.ones(PER_DAY) if number == UNWEIGHTED else (10.0 ** rng.uniform(-4, 4, PER_DAY))
        days.append(list(zip(boards.tolist(), items.tolist(), weights.astype(np.float32).tolist(), strict=True)))
    return days


def graph_of(root: Path, *, last: int = len(DAYS), first_weighted: int = 0, **settings: Any) -> Version:
    """The graph of a day; one day's file has no weights, nor have those before ``first_weighted``."""
    session = Session.open(str(root), {name.replace("__", "."): value for name, value in settings.items()})
    items = {DAYS[0]: deliver_items(session, DAYS[0], range(NUM_ITEMS))}
    saves = {}
    for number, (day, each) in enumerate(zip(DAYS, planted(), strict=True)):
        has_weights = number >= first_weighted and number != UNWEIGHTED
        pairs, weights = [save[:2] for save in each], [save[2] for save in each]
        saves[day] = deliver_saves(session, day, pairs, weights=weights if has_weights else None)
    return build_graph(session, catalog(session, DAYS[last - 1], items, saves))


def weights_of(made: Version) -> dict[tuple[int, int], float]:
    """The weight of every (board, item), which both sides must know alike."""
    graph = open_graph(made)
    board_ids = made.table("board_ids").column(0).to_pylist()
    assert graph.item_edge_weights is not None
    assert graph.board_edge_weights is not None
    items = np.repeat(np.arange(graph.num_items), graph.item_degrees()).tolist()
    boards = np.repeat(np.arange(graph.num_boards), np.diff(graph.board_offsets)).tolist()
    from_items = dict(zip(zip(graph.item_boards.tolist(), items, strict=True), graph.item_edge_weights, strict=True))
    from_boards = dict(zip(zip(boards, graph.board_items.tolist(), strict=True), graph.board_edge_weights, strict=True))
    assert from_items == from_boards
    return {(board_ids[board], item): float(weight) for (board, item), weight in from_items.items()}


@pytest.mark.parametrize("chunk", [41, 700, 4_000_000])
def test_repeated_saves_add_up_in_their_order_whatever_the_chunks(memory_folder: Path, chunk: int) -> None:
    made = graph_of(memory_folder, resources__saves_per_chunk=chunk, resources__workers=1)
    assert weights_of(made) == {edge: float(weight) for edge, weight in naive.edge_weights(planted()).items()}


def test_extended_day_by_day_equals_rebuilt(memory_folder: Path) -> None:
    for last in range(1, len(DAYS) + 1):
        made = graph_of(memory_folder / "daily", last=last)
        assert ("extended_from" in made.measurements) == (last > 1)
    rebuilt = graph_of(memory_folder / "rebuilt")
    assert "extended_from" not in rebuilt.measurements
    assert (rebuilt.uri, rebuilt.content_digest) == (made.uri, made.content_digest)


def test_the_first_weights_are_not_added_to_a_graph_that_has_none(memory_folder: Path) -> None:
    before = graph_of(memory_folder, last=3, first_weighted=3)
    assert not [name for name in before.names() if name.endswith("weights")]
    made = graph_of(memory_folder, last=4, first_weighted=3)
    assert "extended_from" not in made.measurements
    days = [[(board, item, 1.0) for board, item, _ in day] for day in planted()[:3]] + [planted()[3]]
    assert weights_of(made) == {edge: float(weight) for edge, weight in naive.edge_weights(days).items()}


def test_recency_multiplies_and_pruned_edges_take_their_weights_along(memory_folder: Path) -> None:
    sums = naive.edge_weights(planted())
    newest = {(board, item): number for number, day in enumerate(planted()) for board, item, _ in day}
    expected = {
        edge: float(np.float32(float(sums[edge]) * 0.5 ** ((len(DAYS) - 1 - newest[edge]) / 2))) for edge in sums
    }
    for chunk in (90, 4_000_000):
        parts = {"resources__saves_per_chunk": chunk, "resources__workers": 1, "graph__recency_half_life_days": 2}
        assert weights_of(graph_of(memory_folder / str(chunk), **parts)) == expected
        pruned = weights_of(graph_of(memory_folder / str(chunk), **parts, graph__degree_cap=4, graph__degree_floor=1))
        assert len(pruned) < len(expected)
        assert pruned.items() <= expected.items()


def test_a_part_of_the_graph_draws_edges_as_the_whole_does(memory_folder: Path) -> None:
    made = graph_of(memory_folder)
    graph = open_graph(made)
    for side, offsets, aliases in (
        ("item", graph.item_offsets, graph.item_aliases),
        ("board", graph.board_offsets, graph.board_aliases),
    ):
        num = len(offsets) - 1
        parts = [open_part(made, side, first, stop).aliases for first, stop in ((0, num // 3), (num // 3, num))]
        np.testing.assert_array_equal(np.concatenate(parts), aliases)


@pytest.mark.slow
def test_walkers_that_travel_follow_the_same_weights(tmp_path: Path) -> None:
    graph = graph_of(tmp_path / "store")
    expected = sample_neighborhoods(Session.open(str(tmp_path / "calm")), graph_of(tmp_path / "calm"))
    settings = json.dumps({"resources.workers": 2, "resources.graph_parts": 2})
    command = [sys.executable, "-c", WALK, str(tmp_path / "store"), graph.uri, settings]
    subprocess.run(command, cwd=PROJECT, check=True)
    (made,) = Session.open(str(tmp_path / "store")).store.versions("neighborhoods", DAYS[-1])
    assert made.content_digest == expected.content_digest


def test_weights_come_from_a_named_column_and_wrong_ones_are_quarantined(tmp_path: Path) -> None:
    """A CSV through the command line: the column is not taken unnamed, and not every row of it is good."""
    items, saves, root = tmp_path / "items.csv", tmp_path / "saves.csv", str(tmp_path / "store")
    items.write_text("item_id\n" + "\n".join(map(str, range(30))))
    rows = [f"{board},{item},{1 + board}.5" for board in range(10) for item in range(30)]
    wrong = [f"0,{item},{weight}" for item, weight in enumerate(["0", "-2", "inf", "nan", "", "1e60", "1e-60"])]
    saves.write_text(
        "board_id,item_id,stars,saved_at\n" + "\n".join(f"{row},2026-03-01" for row in [*rows[7:], *wrong])
    )
    given = ["ingest", "--root", root, "--items", str(items), "--saves", str(saves)]
    assert CliRunner().invoke(app, given).exit_code == 0
    session = Session.open(root)
    assert "weight" not in session.store.referenced("raw/saves/2026-03-01").table("saves").column_names
    assert CliRunner().invoke(app, [*given, "--weight", "stars"]).exit_code == 0
    validate_days(session, ["2026-03-01"])
    made = build_graph(session, build_catalog(session, "2026-03-01"))
    assert weights_of(made) == {
        (board, item): 1.5 + board for board in range(10) for item in range(30) if board or item >= len(wrong)
    }
    (quarantined,) = session.store.versions("quarantine/saves", "2026-03-01")
    assert quarantined.table("saves").column("reason").to_pylist() == ["wrong_weight"] * len(wrong)


def test_a_weight_that_is_no_number_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "saves.parquet"
    pq.write_table(pa.table({"board_id": [1], "item_id": [1], "saved_at": [1_772_366_400], "stars": ["many"]}), path)
    session = Session.open(str(tmp_path / "store"))
    with pytest.raises(IngestError, match="column stars.*expected numbers"):
        ingest(session, items=None, saves=path, mapping=IngestMapping(weight="stars"))
    with pytest.raises(IngestError, match="weigth"):
        ingest(session, items=None, saves=path, mapping=IngestMapping(weight="weigth"))
