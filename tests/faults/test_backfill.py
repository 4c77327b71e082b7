"""Thirty days at once, four at a time, in no order, are the thirty days run one by one as they came.

Each daily run knows only what was delivered up to its day. The backfill finds everything delivered, rows of later days
among it, and the newest day already published. Whole versions are compared, from validation to index and evaluation. No
challenger is promoted, here and there: which model embeds a day would depend on the order, as it should.
``PINSAGE_SEED`` sets the order.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tasks.data.ingest import ingest
from tasks.data.ingestion.mapping import IngestMapping
from tasks.flow.run import run_all, steps_of
from tasks.runtime.days import day_range
from tasks.runtime.session import Session
from tests.faults import stages
from tests.faults.fork_server import ForkServer
from tests.faults.stages import copy, state
from tests.tasks.test_pipeline import planted

SEED = os.environ.get("PINSAGE_SEED", "0")
BEFORE = day_range("2026-03-02", "2026-03-08")  # a week, after which the champion of all days is trained
DAYS = day_range("2026-03-09", "2026-04-07")
LATER = day_range("2026-04-08", "2026-04-10")
SUNDAYS = DAYS[6::7]
AT_ONCE = 4
# After a month the neighbors of so few items are others: the newest day is published right after the week before.
SETTINGS = {**stages.SETTINGS, "publish.min_neighbor_overlap": 0, "index.map_points": 0}
MAPPING = IngestMapping(board_id="collection", timestamp="ts", vectors={"image": "embedding"})
THIS = "tests.faults.test_backfill"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


def test_a_shuffled_backfill_equals_daily_runs(forks: ForkServer, memory_folder: Path) -> None:
    data = planted(memory_folder / "data", strings=True, timed=True, vectors=16, first_day=BEFORE[0], num_days=40)
    for name, days in (("before", BEFORE), ("backfill", [*DAYS, *LATER]), *((day, [day]) for day in DAYS)):
        pq.write_table(saves_of(data, days), data / f"{name}.parquet")
    forks.run(f"{THIS}:begin", str(memory_folder / "daily"), str(data))
    root = str(copy(memory_folder / "daily", memory_folder / "backfill"))

    daily = forks.start(f"{THIS}:run_daily", str(memory_folder / "daily"), str(data))
    forks.run(f"{THIS}:deliver", root, str(data), "backfill")
    newest, order = DAYS[-1], random.Random(SEED)
    forks.run(f"{THIS}:run", root, [["prepare", newest], ["publish_index", newest]])
    run_at_once(forks, root, order, [["prepare", day] for day in DAYS[:-1]])
    weeks = [["evaluate_model", day] for day in SUNDAYS]
    run_at_once(forks, root, order, weeks + [["publish_index", day] for day in DAYS[:-1]])
    assert daily.wait() == 0, daily.log

    expected, found = state(str(memory_folder / "daily")), state(root)
    assert expected.digests.items() <= found.digests.items()
    more = {uri.rpartition("/")[0] for uri in found.digests.keys() - expected.digests.keys()}
    assert more == {f"raw/saves/{day}" for day in LATER}, "later rows were delivered, and no run looked at them"
    for name in ("published", "champion"):
        assert found.references[name][-1] == expected.references[name][-1]
    assert found.references["published"][-1].split("/")[1] == newest
    assert len(found.references["published"]) == 2, "the index of the week before, and the newest"
    embedded = {uri.split("/")[1] for uri in found.digests if uri.startswith("index/")}
    assert embedded == {BEFORE[-1], *DAYS}
    assert {uri.split("/")[1] for uri in found.digests if uri.startswith("evaluation/")} == {BEFORE[-1], *SUNDAYS}


def run_at_once(forks: ForkServer, root: str, order: random.Random, runs: list[list[str]]) -> None:
    """Deal shuffled runs to processes that work side by side."""
    shuffled = order.sample(runs, len(runs))
    processes = [forks.start(f"{THIS}:run", root, shuffled[number::AT_ONCE]) for number in range(AT_ONCE)]
    assert [process.wait() for process in processes] == [0] * AT_ONCE, [process.log for process in processes]


def saves_of(data: Path, days: Sequence[str]) -> pa.Table:
    saves = pq.read_table(data / "saves.parquet")
    return saves.filter(pc.is_in(pc.strftime(saves.column("ts"), "%Y-%m-%d"), pa.array(days)))


def deliver(root: str, data: str, name: str, items: str | None = None) -> None:
    source = Path(data)
    listed = None if items is None else source / items
    ingest(Session.open(root, SETTINGS), items=listed, saves=source / f"{name}.parquet", mapping=MAPPING)


def begin(root: str, data: str) -> None:
    """The week before: a champion, and something published."""
    deliver(root, data, "before", items="items.parquet")
    for _ in run_all(Session.open(root, SETTINGS), BEFORE[-1]):
        pass


def run_daily(root: str, data: str) -> None:
    """Day by day, each delivered in its morning."""
    for day in DAYS:
        deliver(root, data, day)
        run(root, [["prepare", day], *([["evaluate_model", day]] if day in SUNDAYS else []), ["publish_index", day]])


def run(root: str, runs: Sequence[Sequence[str]]) -> None:
    """``pinsage run`` for several days, one after the other."""
    for stage, day in runs:
        steps, _ = steps_of(Session.open(root, SETTINGS), stage, day)
        for _ in steps:
            pass
