"""The plan against what runs: nothing after a whole day, and exactly what depends on a change after one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pinsage.store.digests import plain
from tasks.data.ingest import ingest
from tasks.data.ingestion.mapping import IngestMapping
from tasks.flow.plan import plan
from tasks.flow.run import run_all
from tasks.prepare.prepared import days_to_prepare
from tasks.runtime.session import Session
from tasks.runtime.stages import STAGES, VALIDATE
from tests.tasks.test_pipeline import DAY, SMALL, pinsage, planted

AS_OF, GRAPH_DAY = "2026-03-17", "2026-03-15"
SETTINGS = {name: json.loads(value) for name, value in (each.split("=") for each in SMALL if "=" in each)}
MAPPING = IngestMapping(board_id="collection", timestamp="ts", vectors={"image": "embedding"})


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The planted files, and a store in which the day was run."""
    folder = tmp_path_factory.mktemp("plan")
    source = planted(folder / "data", strings=False, timed=True, vectors=16)
    session = Session.open(str(folder / "store"), SETTINGS)
    ingest(session, items=source / "items.parquet", saves=source / "saves.parquet", mapping=MAPPING)
    list(run_all(session, DAY))
    return source, folder / "store"


def states(session: Session) -> dict[tuple[str, str], str]:
    return {(step.stage, step.day): step.state for step in plan(session, DAY)}


def correct(session: Session, source: Path, day: str, folder: Path) -> None:
    """Deliver a day again, without its first save."""
    saves = pq.read_table(source / "saves.parquet")
    of_day = [str(time)[:10] == day for time in saves.column("ts").to_pylist()]
    pq.write_table(saves.filter(pa.array(of_day)).slice(1), folder / "saves.parquet")
    ingest(session, items=None, saves=folder / "saves.parquet", mapping=MAPPING)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lag", "days"), [(0, [AS_OF, DAY]), (2, [GRAPH_DAY, AS_OF, DAY]), (365, ["2026-03-09", AS_OF, DAY])]
)
def test_the_graph_is_older_than_the_newest_pairs_by_at_most_half_of_the_days(
    delivered: tuple[Path, Path], lag: int, days: list[str]
) -> None:
    session = Session.open(str(delivered[1]), {**SETTINGS, "pairs.graph_lag_days": lag})
    assert days_to_prepare(session, DAY) == days
    assert sorted({step.day for step in plan(session, DAY)}) == days
    trained = next(step for step in plan(session, DAY) if step.stage == "train_model")
    assert (trained.state == "up to date") == (lag == 2)


@pytest.mark.slow
def test_the_plan_is_what_runs(delivered: tuple[Path, Path], tmp_path: Path) -> None:
    source, root = delivered
    session = Session.open(str(root), SETTINGS)
    before = {info.key for info in session.store.objects.walk("")}
    assert set(states(session).values()) == {"up to date"}
    assert {info.key for info in session.store.objects.walk("")} == before, "a plan writes nothing"

    # Between the as-of day and the day: what the model was trained on stays.
    correct(session, source, "2026-03-19", tmp_path)
    planned = {(step.stage, step.day): step for step in plan(session, DAY)}
    kept = {key for key, step in planned.items() if step.state == "up to date"}
    trained = ("build_pairs", "mine_hard_negatives", "train_model", "promote_model")
    earlier = {(stage, day) for stage, day in planned if day != DAY}
    assert {day for _, day in earlier} == {AS_OF, GRAPH_DAY}
    assert kept == {*earlier, *((stage, DAY) for stage in trained)}
    assert planned["validate", DAY].why == ("raw/saves/2026-03-19: input raw/saves/2026-03-19 changed",)
    made = {(step.stage, step.day): step.made for step in run_all(session, DAY)}
    for key, step in planned.items():
        if step.version and "/" in made[key]:
            assert (made[key] == step.version) == (key in kept), key
    assert set(states(session).values()) == {"up to date"}

    # A day that all prepared days hold.
    correct(session, source, "2026-03-05", tmp_path)
    assert "up to date" not in states(session).values()


@pytest.mark.slow
def test_a_day_after_which_nothing_was_held_out_is_noted_and_one_not_delivered_is_refused(
    delivered: tuple[Path, Path], tmp_path: Path
) -> None:
    root, later = tmp_path / "store", "2026-03-26"
    shutil.copytree(delivered[1], root)
    assert json.loads(pinsage("plan", "--root", str(root), "--day", DAY, *SMALL, "--json").stdout)["notes"] == []
    for command in (["plan"], ["run", "all"]):
        refused = pinsage(*command, "--root", str(root), "--day", later, *SMALL, check=False)
        assert refused.returncode == 1
        assert f"no saves were delivered for it or any later day, the newest are of {DAY}" in said(refused.stderr)
    header = tmp_path / "saves.csv"
    header.write_text("item_id,collection,ts\n")
    mapping = ("--board-id", "collection", "--timestamp", "ts")
    pinsage("ingest", "--root", str(root), "--saves", str(header), "--day", later, *mapping)
    shown = json.loads(pinsage("plan", "--root", str(root), "--day", later, *SMALL, "--json").stdout)
    (note,) = shown["notes"]
    assert "for the days after 2026-03-23 up to 2026-03-26" in note
    assert f"the newest day with saves is {DAY}" in note
    assert note in said(pinsage("plan", "--root", str(root), "--day", later, *SMALL).stdout)


def said(text: str) -> str:
    """What a terminal shows, on one line."""
    return " ".join(text.split())


@pytest.mark.slow
def test_a_setting_is_named_where_it_counts(delivered: tuple[Path, Path]) -> None:
    _, root = delivered
    fewer = Session.open(str(root), {**SETTINGS, "walks.top_t": 20})
    steps = {step.stage: step for step in plan(fewer, DAY) if step.day == DAY}
    assert "setting top_t: 50 is now 20" in steps["sample_neighborhoods"].why
    assert steps["sample_neighborhoods"].state == "runs"
    assert steps["train_model"].state == "follows"

    shown: dict[str, Any] = json.loads(
        pinsage("plan", "--root", str(root), "--day", DAY, "--set", "walks.top_t=20", *SMALL, "--json").stdout
    )
    assert [step["stage"] for step in shown["steps"]] == [step.stage for step in plan(fewer, DAY)]


@pytest.mark.slow
def test_every_stage_declares_the_settings_and_the_code_that_the_plan_compares(delivered: tuple[Path, Path]) -> None:
    session = Session.open(str(delivered[1]), SETTINGS)
    for stage in (stage for stage in STAGES if stage.phase and stage is not VALIDATE):
        for version in session.store.versions(stage.dataset, DAY) if stage.dataset else []:
            assert version.manifest.config == plain(stage.fingerprinted(session.config)), stage.name
            assert version.manifest.code_version == stage.code_version, stage.name
