"""The stage `build_graph` on a real store: equal to plain loops, whatever the chunks, workers, ways and kills."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinsage.store import Version
from tasks.prepare.build_graph import build_graph
from tasks.prepare.sample_neighborhoods import open_graph
from tasks.runtime.session import Session
from tests.naive import edges_by_row
from tests.tasks.delivered import catalog, deliver_items, deliver_saves

DAYS = [f"2026-03-{number:02d}" for number in range(1, 6)]
PROJECT = Path(__file__).parents[2]

Planted = tuple[list[list[int]], list[list[tuple[int, int]]]]

RUN = """
import sys
from tasks.prepare.build_graph import build_graph
from tasks.runtime.session import Session
if __name__ == '__main__':
    settings = {"resources.saves_per_chunk": 500, "resources.workers": int(sys.argv[3])}
    session = Session.open(sys.argv[1], settings)
    build_graph(session, session.store.version(sys.argv[2]))
"""


@st.composite
def days_of_saves(draw: st.DrawFn) -> Planted:
    """New items by day (some of them twice), and saves of items that are known by then; days may be empty."""
    items: list[list[int]] = [draw(st.lists(st.integers(0, 30), min_size=1, max_size=9))]
    items += [draw(st.lists(st.integers(0, 60), max_size=4)) for _ in DAYS[1:]]
    saves: list[list[tuple[int, int]]] = []
    for number in range(len(DAYS)):
        known = st.sampled_from(sorted({item for day in items[: number + 1] for item in day}))
        saves.append(draw(st.lists(st.tuples(st.integers(0, 12), known), max_size=25)))
    return items, saves


def random_days(seed: int = 3, *, per_day: int = 600) -> Planted:
    """Five days with a hub, popular boards and repeated saves."""
    rng = np.random.default_rng(seed)
    items = [(rng.permutation(200)[:80] + 100 * number).tolist() for number in range(len(DAYS))]
    saves = []
    for number in range(len(DAYS)):
        known = np.array(sorted({item for day in items[: number + 1] for item in day}))
        chosen = known[np.minimum(rng.zipf(1.3, per_day) - 1, len(known) - 1)]
        boards = rng.integers(0, 40 + 30 * number, per_day)
        saves.append(list(zip(boards.tolist(), chosen.tolist(), strict=True)))
    return items, saves


def graph_of(root: Path, planted: Planted, *, last: int = 5, kind: str = "int64", **settings: Any) -> Version:
    """Build the graph of the day number ``last`` (from 1); days after it are in the store, too."""
    session = Session.open(str(root), {name.replace("__", "."): value for name, value in settings.items()})
    return build_graph(session, catalog_of(session, planted, last=last, kind=kind))


def catalog_of(session: Session, planted: Planted, *, last: int = 5, kind: str = "int64") -> Version:
    items = {day: deliver_items(session, day, each, kind) for day, each in zip(DAYS, planted[0], strict=True)}
    saves = {day: deliver_saves(session, day, each, kind) for day, each in zip(DAYS, planted[1], strict=True)}
    return catalog(session, DAYS[last - 1], items, saves)


def named(number: int, kind: str) -> Any:
    return number if kind == "int64" else f"id-é{number}"


@settings(max_examples=10, deadline=None)
@given(days_of_saves(), st.integers(1, 40), st.sampled_from(["int64", "string"]))
def test_equal_to_plain_loops_for_chunks_of_any_size(planted: Planted, saves_per_chunk: int, kind: str) -> None:
    items = [[named(item, kind) for item in day] for day in planted[0]]
    saves = [[(named(board, kind), named(item, kind)) for board, item in day] for day in planted[1]]
    item_rows, board_rows, edges = edges_by_row(items, saves)
    with tempfile.TemporaryDirectory() as folder:
        made = graph_of(
            Path(folder), planted, kind=kind, resources__saves_per_chunk=saves_per_chunk, resources__workers=1
        )
        assert made.table("item_ids").column(0).to_pylist() == sorted(item_rows, key=item_rows.__getitem__)
        assert made.table("board_ids").column(0).to_pylist() == sorted(board_rows, key=board_rows.__getitem__)
        graph = open_graph(made)
        found = np.repeat(np.arange(graph.num_items), graph.item_degrees())
        assert list(zip(found.tolist(), graph.item_boards.tolist(), strict=True)) == edges
        found = np.repeat(np.arange(graph.num_boards), np.diff(graph.board_offsets))
        assert list(zip(found.tolist(), graph.board_items.tolist(), strict=True)) == sorted(
            (board, item) for item, board in edges
        )
        assert made.json("statistics")["num_saves"] == sum(map(len, saves))
        assert not any(Path(folder).glob("_cache/scratch/*"))


@pytest.mark.parametrize("kind", ["int64", "string"])
def test_extended_day_by_day_equals_rebuilt(memory_folder: Path, kind: str) -> None:
    planted = random_days()
    for last in range(1, 6):
        made = graph_of(memory_folder / "daily", planted, last=last, kind=kind)
        assert ("extended_from" in made.measurements) == (last > 1)
    for chunk in (97, 4_000_000):
        rebuilt = graph_of(
            memory_folder / str(chunk), planted, kind=kind, resources__saves_per_chunk=chunk, resources__workers=1
        )
        assert "extended_from" not in rebuilt.measurements
        assert rebuilt.content_digest == made.content_digest
        assert rebuilt.uri == made.uri


def test_extension_skips_days_and_days_without_news(memory_folder: Path) -> None:
    items, saves = random_days()
    planted = ([items[0], sum(items[1:4], []), [], [], items[4]], [saves[0], saves[1], [], saves[0][:50], saves[4]])
    for last in (2, 3, 4):
        graph_of(memory_folder / "daily", planted, last=last)
    assert (
        graph_of(memory_folder / "daily", planted).content_digest
        == graph_of(memory_folder / "other", planted).content_digest
    )


def test_a_lookback_that_drops_a_day_is_rebuilt_and_items_keep_their_rows(memory_folder: Path) -> None:
    planted = random_days()
    earlier = graph_of(memory_folder, planted, last=4, graph__lookback_days=3)
    made = graph_of(memory_folder, planted, graph__lookback_days=3)
    assert "extended_from" not in made.measurements
    ids = made.table("item_ids").column(0).to_pylist()
    assert ids[: earlier.facts["num_items"]] == earlier.table("item_ids").column(0).to_pylist()
    _, board_rows, edges = edges_by_row(planted[0], [[], [], *planted[1][2:]])
    assert made.table("board_ids").column(0).to_pylist() == list(board_rows)
    assert made.facts["num_edges"] == len(edges)


def test_other_settings_and_damaged_graphs_are_not_extended(memory_folder: Path) -> None:
    planted = random_days()
    earlier = graph_of(memory_folder, planted, last=4)
    pruned = graph_of(memory_folder, planted, graph__degree_cap=20)
    assert "extended_from" not in pruned.measurements
    earlier.path("item_boards").write_bytes(b"damage")
    made = graph_of(memory_folder, planted)
    assert "extended_from" not in made.measurements
    assert made.content_digest == graph_of(memory_folder / "calm", planted).content_digest


def test_days_after_the_day_change_nothing(memory_folder: Path) -> None:
    planted = random_days()
    alone = graph_of(memory_folder / "alone", ([*planted[0][:3], [], []], [*planted[1][:3], [], []]), last=3)
    graph_of(memory_folder / "later", planted)
    assert graph_of(memory_folder / "later", planted, last=3).content_digest == alone.content_digest


def test_untimed_saves_are_edges_only_of_the_split_train(memory_folder: Path) -> None:
    session = Session.open(str(memory_folder))
    items = {DAYS[0]: deliver_items(session, DAYS[0], range(10))}
    splits = ["train", "tune", "test", "train"]
    saves = {DAYS[0]: deliver_saves(session, DAYS[0], [(1, 1), (1, 2), (2, 3), (3, 4)], splits=splits)}
    made = build_graph(session, catalog(session, DAYS[0], items, saves))
    assert made.table("board_ids").column(0).to_pylist() == [1, 3]
    assert made.facts["num_edges"] == 2


def test_saves_of_unknown_items_are_refused(memory_folder: Path) -> None:
    planted = ([[1, 2], *[[]] * 4], [[(1, 1)], [(1, 7)], *[[]] * 3])
    with pytest.raises(ValueError, match="1 items that are in no items partition, such as 7; .* validate"):
        graph_of(memory_folder, planted)
    graph_of(memory_folder / "day", planted, last=1)
    with pytest.raises(ValueError, match="1 items that are in no items partition, such as 7"):
        graph_of(memory_folder / "day", planted, last=2)


def test_pruning_judges_boards_and_then_items_whatever_the_chunks(memory_folder: Path) -> None:
    planted = random_days()
    plain = open_graph(graph_of(memory_folder / "plain", planted))
    rules = {
        "graph__min_board_items": 3,
        "graph__max_board_items": 30,
        "graph__degree_cap": 6,
        "graph__degree_floor": 2,
    }
    made = graph_of(memory_folder / "whole", planted, **rules)
    for chunk in (50, 700):
        name, parts = str(chunk), {"resources__saves_per_chunk": chunk, "resources__workers": 1}
        assert graph_of(memory_folder / name, planted, **rules, **parts).content_digest == made.content_digest
    graph = open_graph(made)
    assert (graph.num_items, graph.num_boards) == (plain.num_items, plain.num_boards)
    sizes = np.diff(plain.board_offsets)
    in_range = (sizes >= 3) & (sizes <= 30)
    of_item = np.repeat(np.arange(plain.num_items), plain.item_degrees())
    left = np.bincount(of_item[in_range[plain.item_boards]], minlength=plain.num_items)
    np.testing.assert_array_equal(graph.item_degrees(), np.minimum(left, 6))
    assert not np.diff(graph.board_offsets)[~in_range].any()
    pruned = made.json("statistics")["pruned"]
    assert set(pruned) == {"board_sizes", "degree_limits"}
    assert [sum(classes) for classes in zip(*pruned["board_sizes"].values(), strict=True)] == [
        plain.num_edges,
        int(left.sum()),
    ]
    assert [sum(classes) for classes in zip(*pruned["degree_limits"].values(), strict=True)] == [
        int(left.sum()),
        graph.num_edges,
    ]
    one_rule = graph_of(memory_folder / "boards", planted, graph__min_board_items=3, graph__max_board_items=30)
    np.testing.assert_array_equal(open_graph(one_rule).item_degrees(), left)


def test_edges_weigh_by_the_age_of_their_newest_save(memory_folder: Path) -> None:
    planted = random_days()
    plain = graph_of(memory_folder / "plain", planted)
    assert not [name for name in plain.names() if name.endswith("weights")]
    made = graph_of(memory_folder / "whole", planted, graph__recency_half_life_days=2)
    parts = {"resources__saves_per_chunk": 70, "resources__workers": 1}
    other = graph_of(memory_folder / "parts", planted, graph__recency_half_life_days=2, **parts)
    assert other.content_digest == made.content_digest
    item_rows, board_rows, _ = edges_by_row(*planted)
    newest = {
        (item_rows[item], board_rows[board]): 0.5 ** ((len(DAYS) - 1 - number) / 2)
        for number, day in enumerate(planted[1])
        for board, item in day
    }
    graph = open_graph(made)
    items = np.repeat(np.arange(graph.num_items), graph.item_degrees())
    boards = np.repeat(np.arange(graph.num_boards), np.diff(graph.board_offsets))
    for weights, edges in (
        ("item_edge_weights", zip(items.tolist(), graph.item_boards.tolist(), strict=True)),
        ("board_edge_weights", zip(graph.board_items.tolist(), boards.tolist(), strict=True)),
    ):
        assert made.array(weights).dtype == np.float32
        np.testing.assert_allclose(made.array(weights), [newest[edge] for edge in edges], rtol=1e-6)


@pytest.mark.parametrize("failpoint", ["spill.before_facts:30", "chunk.after_data:2"])
def test_killed_stage_goes_on_from_its_finished_chunks(memory_folder: Path, failpoint: str) -> None:
    planted = random_days()
    expected = graph_of(memory_folder / "calm", planted)
    session = Session.open(str(memory_folder / "store"), {"resources.saves_per_chunk": 500, "resources.workers": 1})
    listed = catalog_of(session, planted)
    assert run_build(session, listed, workers=1, failpoint=failpoint) == -signal.SIGKILL
    assert session.store.partitions("graph") == []
    spilled = finished(session)
    assert spilled, "finished chunks survive"
    assert run_build(session, listed, workers=1, failpoint="commit.before") == -signal.SIGKILL
    assert spilled.items() <= finished(session).items()
    assert build_graph(session, listed).content_digest == expected.content_digest
    assert not any(session.store.cache.glob("scratch/*"))


@pytest.mark.slow
def test_two_workers_that_die_change_nothing(memory_folder: Path) -> None:
    planted = random_days()
    expected = graph_of(memory_folder / "calm", planted)
    session = Session.open(str(memory_folder / "store"), {"resources.saves_per_chunk": 500})
    listed = catalog_of(session, planted)
    # Every worker process dies at its ninth spilled result; two live ones can't do all of them before that.
    assert run_build(session, listed, workers=2, failpoint="spill.before_facts:9") == 0
    assert build_graph(session, listed).content_digest == expected.content_digest


def finished(session: Session) -> dict[Path, int]:
    """When each finished chunk was spilled; the ids of a chunk of saves are a part of its work."""
    found = [path for path in session.store.cache.glob("scratch/*/*.json") if "-ids-" not in path.name]
    return {path: path.stat().st_mtime_ns for path in found}


def run_build(session: Session, listed: Version, *, workers: int, failpoint: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", RUN, session.store.root, listed.uri, str(workers)],
        env={**os.environ, "PINSAGE_FAILPOINT": failpoint},
        cwd=PROJECT,
        check=False,
    )
    return done.returncode
