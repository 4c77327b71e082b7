"""Whoever is refused a day is told what leads to a model, and is not refused when doing it."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinsage.store import Store
from tasks.data.deliveries import Deliveries, MissingPartitionError, NoDataError, ValidationMissingError
from tasks.flow.plan import nothing_held_out, plan
from tasks.flow.run import run_all
from tasks.prepare.build_catalog import build_catalog
from tasks.runtime.days import add_days, days_named
from tasks.runtime.session import Session
from tests.conftest import folder_in_memory

FIRST = "2026-01-01"


def deliver(store: Store, table: str, day: str, num_rows: int, *, timed: bool) -> None:
    """A raw partition in force, of which only the facts are asked here."""
    with store.write(f"raw/{table}", partition=day, inputs=[], config={}, code_version=1) as out:
        out.write_json("rows", [])
        out.facts.update(num_rows=num_rows, timed=timed, id_type="int64", board_id_type="int64")
    store.ref(f"raw/{table}/{day}").point_to(out.version.uri)


def refusal(session: Session, day: str) -> str:
    """Why a plan for ``day`` is refused; empty where it is not."""
    try:
        plan(session, day)
    except (NoDataError, MissingPartitionError) as refused:
        return str(refused)
    return ""


def advised(message: str) -> tuple[str | None, dict[str, Any]]:
    """The day that a message says to take, and with which settings."""
    holdout = re.search(r"take --day (\S+) with `--set evaluation\.holdout_days=(\d+)`", message)
    if holdout:
        return holdout[1], {"evaluation.holdout_days": int(holdout[2])}
    day = re.search(r"choose (\S+),", message)
    return (day[1] if day else None), {}


@st.composite
def days_of_saves(draw: st.DrawFn) -> dict[str, int]:
    """Rows by day: up to 40 days with gaps and with days that were delivered empty."""
    offsets = draw(st.sets(st.integers(0, 39), min_size=1, max_size=12) | st.integers(1, 40).map(range))
    rows = draw(st.lists(st.sampled_from([5, 5, 5, 0]), min_size=len(offsets), max_size=len(offsets)))
    return {add_days(FIRST, offset): count for offset, count in zip(sorted(offsets), rows, strict=True)}


@settings(max_examples=60)
@given(
    saves=days_of_saves(),
    first_item=st.just(0) | st.integers(-3, 45),
    asked=st.integers(-5, 60),
    holdout_days=st.sampled_from([1, 2, 7, 14, 40]),
    lookback_days=st.sampled_from([3, 365]),
    timed=st.booleans(),
)
def test_what_is_advised_is_not_refused(
    saves: dict[str, int], first_item: int, asked: int, holdout_days: int, lookback_days: int, timed: bool
) -> None:
    with folder_in_memory() as root:
        given_settings = {"evaluation.holdout_days": holdout_days, "graph.lookback_days": lookback_days}
        session = Session.open(str(root), given_settings)
        deliver(session.store, "items", add_days(FIRST, first_item), 5, timed=False)
        for day, num_rows in saves.items():
            deliver(session.store, "saves", day, num_rows, timed=timed)
        day = add_days(FIRST, asked)
        for _ in range(4):
            message = refusal(session, day) or nothing_held_out(session, day)
            if not message:
                return
            chosen, changed = advised(message)
            if chosen is not None:
                assert chosen != day or changed, message
                again = Session(session.store, Session.open(str(root), {**given_settings, **changed}).config)
                assert refusal(again, chosen) == "", message
                assert nothing_held_out(again, chosen) is None, message
                return
            # No day helps: what to ingest is said.
            items = re.search(r"ingest them again with --day (\d{4}-\d\d-\d\d)", message)
            if items:
                deliver(session.store, "items", items[1], 5, timed=False)
            else:
                assert "ingest saves of another day" in message
                newest = max(Deliveries(session).days("saves"))
                deliver(session.store, "saves", add_days(newest, 1), 5, timed=timed)
        raise AssertionError(f"what it says to ingest does not help: {message}")


def week(folder: Path, num_days: int, gap: int = 0) -> Path:
    """Files with saves of the first and last days of a span, five items on a board."""
    rng = np.random.default_rng(0)
    days = [number for number in range(num_days) if not num_days // 2 <= number < num_days // 2 + gap]
    start = np.datetime64(f"{FIRST}T00:00:00", "us")
    at = start + (rng.choice(days, 400) * 1440 + rng.integers(0, 1440, 400)).astype("timedelta64[m]")
    columns = {"board_id": np.repeat(np.arange(80), 5), "item_id": rng.integers(0, 40, 400), "saved_at": pa.array(at)}
    folder.mkdir()
    pq.write_table(pa.table(columns), folder / "saves.parquet")
    pq.write_table(
        pa.table({"item_id": np.arange(40), "title": [f"thing {n}" for n in range(40)]}), folder / "i.parquet"
    )
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("num_days", "gap"), [(2, 0), (7, 0), (12, 5)])
def test_a_first_trial_ends_with_a_model_as_the_refusal_says(tmp_path: Path, num_days: int, gap: int) -> None:
    from tasks.data.ingest import ingest
    from tasks.data.ingestion.mapping import IngestMapping

    small = {
        "training.epochs": 1, "training.epoch_steps": 8, "walks.num_walks": 20, "hard_negatives.num_walks": 100,
        "index.map_points": 0, "promotion.first_model_content_factor": 0, "resources.workers": 1,
    }  # fmt: skip
    files, root = week(tmp_path / "files", num_days, gap), str(tmp_path / "store")
    ingest(Session.open(root), items=files / "i.parquet", saves=files / "saves.parquet", mapping=IngestMapping())
    day = (date.fromisoformat(FIRST) + timedelta(days=num_days - 1)).isoformat()
    message = refusal(Session.open(root), day)
    chosen, changed = advised(message)
    assert chosen == day, message
    assert changed, message
    steps = list(run_all(Session.open(root, {**small, **changed}), chosen))
    assert steps[-1].stage == "write_report"


def test_all_partitions_that_are_not_validated_are_named_at_once(memory_folder: Path) -> None:
    session = Session.open(str(memory_folder))
    days = [add_days(FIRST, number) for number in range(30)]
    deliver(session.store, "items", FIRST, 5, timed=False)
    for day in days:
        deliver(session.store, "saves", day, 5, timed=True)
    with pytest.raises(ValidationMissingError) as refused:
        build_catalog(session, days[-1])
    message = str(refused.value)
    assert f"raw/items: {FIRST}; raw/saves: {days_named(days)}" in message
    assert f"`pinsage run prepare --day {days[-1]}`" in message
