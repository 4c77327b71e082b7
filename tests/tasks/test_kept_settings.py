"""Settings that a run forgets are named: against the champion, what is published, or what is prepared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from structlog.testing import capture_logs

from pinsage.store import Store, Version
from pinsage.store.digests import plain
from tasks.flow.kept_settings import changed_settings
from tasks.runtime.config import PinSageConfig
from tasks.runtime.session import Session
from tasks.runtime.stages import BY_DATASET
from tests.tasks.test_pipeline import pinsage

DAY = "2026-03-01"


def make(store: Store, config: PinSageConfig, dataset: str, inputs: list[Version], day: str = DAY) -> Version:
    settings = plain(BY_DATASET[dataset].fingerprinted(config))
    with store.write(dataset, partition=day, inputs=inputs, config=settings, code_version=1) as out:
        if not out.is_committed:
            out.write_json("partitions", {})
    return out.version


def chain(session: Session, day: str = DAY) -> dict[str, Version]:
    """A champion and what is published, by the settings of a session."""
    store, config = session.store, session.config
    catalog = make(store, config, "catalog", [], day)
    neighborhoods = make(store, config, "neighborhoods", [make(store, config, "graph", [catalog], day)], day)
    pairs = make(store, config, "pairs", [neighborhoods], day)
    model = make(store, config, "model", [neighborhoods, pairs], day)
    evaluation = make(store, config, "evaluation", [model], day)
    index = make(store, config, "index", [make(store, config, "embeddings", [model, neighborhoods], day)], day)
    return {"model": model, "evaluation": evaluation, "index": index}


def in_force(store: Store, versions: dict[str, Version]) -> None:
    store.ref("champion").append(versions["model"].uri, details={"evaluation": versions["evaluation"].uri})
    store.ref("published").append(versions["index"].uri)


OTHERS = {
    "walks.top_t": 20,
    "graph.lookback_days": 30,
    "pairs.graph_lag_days": 2,
    "training.epochs": 3,
    "model.width": 32,
    "evaluation.holdout_days": 3,
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_setting_behind_the_champion_that_is_forgotten_is_named(memory_folder: Path, name: str) -> None:
    first = Session.open(str(memory_folder), {name: OTHERS[name]})
    in_force(first.store, chain(first))
    assert changed_settings(first) == []
    forgetful = Session.open(str(memory_folder))
    section, _, field = name.partition(".")
    default = getattr(getattr(forgetful.config, section), field)
    (note,) = changed_settings(forgetful)
    assert note.startswith(
        f"the champion, of {DAY}, was made with {name}={OTHERS[name]} (now {default}, the default). "
    )
    assert "PINSAGE_CONFIG" in note
    (note,) = changed_settings(Session.open(str(memory_folder), {name: OTHERS[name] + 1}))
    assert f"{name}={OTHERS[name]} (now {OTHERS[name] + 1})" in note


def test_settings_of_the_index_are_those_of_what_is_published_and_resources_are_none(memory_folder: Path) -> None:
    first = Session.open(str(memory_folder), {"index.num_trees": 9, "walks.top_t": 20, "resources.workers": 1})
    in_force(first.store, chain(first))
    champion, published = changed_settings(Session.open(str(memory_folder), {"resources.workers": 2}))
    assert "walks.top_t=20" in champion
    assert "index.num_trees=9" in published
    assert "top_t" not in published, "it is said once"
    assert "resources" not in champion + published


def test_without_a_champion_what_is_prepared_is_compared(memory_folder: Path) -> None:
    first = Session.open(str(memory_folder), {"walks.top_t": 20})
    neighborhoods = make(first.store, first.config, "neighborhoods", [])
    prepared = make(first.store, first.config, "prepared", [neighborhoods])
    first.store.ref(f"prepared/{DAY}").append(prepared.uri)
    (note,) = changed_settings(Session.open(str(memory_folder)))
    assert note.startswith(f"what is prepared, of {DAY}, was made with walks.top_t=20 (now 50, the default)")


def test_a_challenger_that_replaces_the_champion_makes_its_settings_those_to_keep(memory_folder: Path) -> None:
    first, then = (Session.open(str(memory_folder), {"training.epochs": epochs}) for epochs in (3, 4))
    in_force(first.store, chain(first))
    in_force(then.store, chain(then, "2026-03-08"))
    assert changed_settings(then) == []
    assert len(changed_settings(first)) == 1


def test_plan_run_and_the_dags_say_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = str(tmp_path / "store")
    pq.write_table(pa.table({"item_id": range(40)}), tmp_path / "items.parquet")
    pq.write_table(
        pa.table({"item_id": [n % 40 for n in range(200)], "board_id": [n // 5 for n in range(200)]}),
        tmp_path / "saves.parquet",
    )
    files = ("--items", str(tmp_path / "items.parquet"), "--saves", str(tmp_path / "saves.parquet"))
    pinsage("ingest", "--root", root, *files, "--day", DAY)
    strict = {"validation.max_duplicate_share": 0.5, "walks.top_t": 20}
    options = [option for name, value in strict.items() for option in ("--set", f"{name}={value}")]
    quiet = json.loads(pinsage("run", "prepare", "--root", root, "--day", DAY, *options, "--json").stdout)
    assert quiet["notes"] == []
    assert {step["stage"] for step in quiet["steps"] if step["seconds"] >= 0} >= {"validate", "record_prepared"}
    again: dict[str, Any] = json.loads(pinsage("plan", "--root", root, "--day", DAY, "--json").stdout)
    (note,) = again["notes"]
    assert "validation.max_duplicate_share=0.5 (now 0.8, the default), walks.top_t=20 (now 50, the default)" in note
    shown = pinsage("run", "validate", "--root", root, "--day", DAY)
    assert note in " ".join(shown.stderr.split())

    from pinsage_airflow import prepare_tasks

    monkeypatch.setattr(prepare_tasks, "get_current_context", dict)
    monkeypatch.setattr(prepare_tasks, "open_run", lambda _: (Session.open(root), DAY))
    with capture_logs() as logged:
        prepare_tasks.plan_days.function()
    assert [line["event"] for line in logged if line["log_level"] == "warning"] == [f"settings: {note}"]
