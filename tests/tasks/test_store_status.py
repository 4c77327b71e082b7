"""What `pinsage status` says of a store: empty, whole, large and damaged."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.planted_versions import plant_version
from pinsage.store import Store
from tasks.cli.app import app
from tasks.commands.store_status import size_of, status_of
from tests.tasks.test_advised_days import deliver

DAY, NEWEST = "2026-03-01", "2026-03-04"


def shown(root: Path, columns: int = 100) -> str:
    result = CliRunner().invoke(app, ["status", "--root", str(root)], env={"COLUMNS": str(columns)})
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Published three days before the newest saves, by a champion whose evaluation is known."""
    root = tmp_path / "store"
    index = plant_version(str(root), "[s]", num_items=60, day=DAY)
    store = Store.open(str(root))
    model = store.input_of(store.input_of(index, "embeddings"), "model")
    with store.write("evaluation", partition=DAY, inputs=[model], config={}, code_version=1) as out:
        methods = {"pinsage": {"hit_rate@10": 0.25}, "popularity": {"hit_rate@10": 0.125}}
        out.write_json("metrics", {"methods": methods, "reciprocal_scale": 100, "num_queries": 1200, "pool_size": 60})
    store.ref("champion").append(model.uri, details={"evaluation": out.version.uri})
    store.ref("published").append(index.uri)
    deliver(store, "items", DAY, 60, timed=False)
    for day, num_rows in ((DAY, 5), (NEWEST, 1234)):
        deliver(store, "saves", day, num_rows, timed=True)
    return root


def test_age_quality_counts_deliveries_and_size(root: Path) -> None:
    state = status_of(Store.open(str(root)))
    assert state["published"]["age_days"] == 3
    assert state["published"]["num_items"] == 60
    assert state["champion"]["quality"].startswith("hit-rate@10 0.250, the best other method (popularity) 0.125; 1,200")
    assert (state["raw/saves"]["last"], state["raw/saves"]["last_rows"]) == (NEWEST, 1234)
    assert state["raw/engagements"] is None
    on_disk = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    assert state["size"]["bytes"] + state["size"]["cache_bytes"] == on_disk
    assert state["size"]["complete"]
    assert state["faults"] == []
    output = shown(root)
    for text in ("3 days behind the newest saves", "60 items", "hit-rate@10 0.250", "1,234 rows", "number 1"):
        assert text in " ".join(output.replace("│", " ").split()), output
    assert json.loads(CliRunner().invoke(app, ["status", "--root", str(root), "--json"]).stdout) == state


def test_an_empty_store(tmp_path: Path) -> None:
    output = shown(tmp_path)
    assert output.count("none") == 7
    assert "0 bytes" in output


def test_the_size_takes_no_longer_than_it_may(root: Path) -> None:
    size = size_of(Store.open(str(root)), limit_seconds=0)
    assert not size["complete"]
    assert size["bytes"] < size_of(Store.open(str(root)))["bytes"]


def test_of_a_damaged_store_the_rest_is_shown_and_the_fault_is_named(root: Path) -> None:
    store = Store.open(str(root))
    evaluation = store.versions("evaluation", DAY)[0]
    (store.local_root / "evaluation" / DAY / "_commits" / f"{evaluation.fingerprint}.json").write_text("{")
    shutil.rmtree(store.local_root / "_refs" / "raw" / "saves" / NEWEST)
    state = status_of(Store.open(str(root)))
    assert state["champion"] is None
    assert state["published"]["age_days"] == 0
    (fault,) = state["faults"]
    assert "evaluation" in fault
    assert "note" in CliRunner().invoke(app, ["status", "--root", str(root)]).output
