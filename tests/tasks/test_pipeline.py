"""Whole days through every stage, on planted communities with known answers, by the command line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from pinsage.serving.recommender import Recommender
from pinsage.store import Store
from tasks.flow.run import stage_names

DAY = "2026-03-20"
SMALL = [
    "--set", "training.epochs=3", "--set", "training.epoch_steps=40", "--set", "training.batch_pairs=256",
    "--set", "training.shared_negatives=200", "--set", "evaluation.holdout_days=3", "--set", "index.num_queries=100",
    "--set", "pairs.graph_lag_days=2",
]  # fmt: skip
COMMUNITIES, ITEMS, BOARDS = 10, 600, 600


def pinsage(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tasks.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200"},
    )
    assert done.returncode == 0 or not check, done.stderr[-3000:]
    return done


def planted(
    folder: Path,
    *,
    strings: bool,
    timed: bool,
    vectors: int = 0,
    titles: bool = True,
    csv: bool = False,
    first_day: str = "2026-03-01",
    num_days: int = 20,
) -> Path:
    """Items of ten communities; a board holds items of one community."""
    rng = np.random.default_rng(11)
    boards = rng.integers(0, BOARDS, 9_000)
    items = rng.integers(0, ITEMS // COMMUNITIES, 9_000) * COMMUNITIES + boards % COMMUNITIES

    def ids(values: np.ndarray, prefix: str) -> pa.Array:
        return pa.array([f"{prefix}-é{value:05d}" for value in values] if strings else values.astype(np.int64))

    every = np.arange(ITEMS)
    columns = {"item_id": ids(every, "item")}
    if titles:
        columns["title"] = pa.array([f"word{item % COMMUNITIES} thing {item}" for item in every])
    if vectors:
        centers = rng.normal(size=(COMMUNITIES, vectors))
        noisy = centers[every % COMMUNITIES] + rng.normal(scale=1.0, size=(ITEMS, vectors))
        columns["embedding"] = pa.FixedSizeListArray.from_arrays(
            pa.array(noisy.astype(np.float32).reshape(-1)), vectors
        )
    saves = {"collection": ids(boards, "board"), "item_id": ids(items, "item")}
    if timed:
        start = np.datetime64(f"{first_day}T00:00:00", "us")
        saves["ts"] = pa.array(start + rng.integers(0, num_days * 86_400, 9_000).astype("timedelta64[s]"))
    folder.mkdir(parents=True, exist_ok=True)
    write = (
        (lambda table, path: pacsv.write_csv(table, f"{path}.csv"))
        if csv
        else (lambda table, path: pq.write_table(table, f"{path}.parquet"))
    )
    write(pa.table(columns), folder / "items")
    write(pa.table(saves), folder / "saves")
    return folder


def ingest_and_run(tmp_path: Path, source: Path, *options: str, suffix: str = "parquet") -> str:
    root = str(tmp_path / "store")
    pinsage(
        "ingest", "--root", root, "--items", str(source / f"items.{suffix}"),
        "--saves", str(source / f"saves.{suffix}"),
        "--board-id", "collection", *options,
    )  # fmt: skip
    pinsage("run", "all", "--day", DAY, "--root", root, *SMALL)
    return root


def share_inside(root: str, strings: bool) -> float:
    """Share of recommended items that are of the query's community."""
    recommender = Recommender(root)
    inside = total = 0
    for item in range(0, ITEMS, 7):
        for found in recommender.similar(f"item-é{item:05d}" if strings else item, 10):
            number = int(str(found.item_id).rpartition("é")[2])
            inside += number % COMMUNITIES == item % COMMUNITIES
            total += 1
    return inside / total


@pytest.mark.slow
def test_string_ids_and_vectors_stay_in_their_community_and_a_rerun_writes_nothing(tmp_path: Path) -> None:
    source = planted(tmp_path / "data", strings=True, timed=True, vectors=64)
    root = ingest_and_run(tmp_path, source, "--timestamp", "ts", "--vector", "image=embedding")
    assert share_inside(root, strings=True) >= 0.95

    answer = json.loads(pinsage("recommend", "item-é00007", "--root", root, "-k", "5", "--json").stdout)
    assert len(answer) == 5
    assert {"item_id", "title", "score"} <= set(answer[0])

    metrics = json.loads(pinsage("evaluate", "--root", root, "--day", DAY, "--json").stdout)
    assert metrics["pool_size"] == ITEMS
    assert metrics["methods"]["pinsage"]["hit_rate@50"] > 3 * metrics["methods"]["popularity"]["hit_rate@50"]
    for method in metrics["methods"].values():
        low, high = method["interval"]["hit_rate@50"]
        assert low <= method["hit_rate@50"] <= high

    page = (Path(root) / "_site" / "reports" / DAY / "index.html").read_text(encoding="utf-8")
    for section in ("What went in", "Graph", "Training", "Evaluation", "Similarity", "Index", "Recommendations",
                    "Hard examples", "Timings", "Lineage"):  # fmt: skip
        assert f"<h2>{section}</h2>" in page
    assert page.count("<svg") >= 8
    assert not re.findall(r"(?:src|href)=[\"'](?:https?:)?//", page), "nothing is loaded from outside"

    assert (Path(root) / "_site" / "data_docs" / DAY / "index.html").exists(), "the report links to it"
    state = json.loads(pinsage("status", "--root", root, "--json").stdout)
    assert state["raw/saves"]["last"] == DAY
    assert state["published"]["uri"].split("/")[:2] == ["index", DAY]
    assert state["prepared"][-1] == DAY

    store = Store.open(root)
    before = {info.key for info in store.objects.walk("")}
    again = json.loads(pinsage("run", "all", "--day", DAY, "--root", root, *SMALL, "--json").stdout)
    made = {(step["stage"], step["day"]): step["made"] for step in again["steps"]}
    prepared, trained, published = (stage_names(phase) for phase in ("prepare", "train", "publish"))
    assert [step["stage"] for step in again["steps"]] == [*(3 * prepared), *trained, *published]
    assert made["publish_index", DAY] == "is published already"
    assert not [step for step in again["steps"] if step["new"] is None and "/" in step["made"]]
    assert not [step for step in again["steps"] if step["new"]], "all of it was found"
    assert {info.key for info in store.objects.walk("")} == before

    digest = store.version(made["build_graph", DAY]).content_digest
    pinsage("drop", made["build_graph", DAY], "--root", root)
    one = json.loads(pinsage("run", "build_graph", "--day", DAY, "--root", root, *SMALL, "--json").stdout)
    assert [step["stage"] for step in one["steps"]] == ["validate", "build_catalog", "build_graph"]
    assert one["steps"][-1]["made"] == made["build_graph", DAY]
    assert [step["new"] for step in one["steps"]] == [None, False, True]
    assert store.version(made["build_graph", DAY]).content_digest == digest
    nothing = pinsage("run", "build_grph", "--day", DAY, "--root", root, check=False)
    assert nothing.returncode == 1
    assert "sample_neighborhoods" in nothing.stderr

    unknown = pinsage("recommend", "item-é99999", "--root", root, check=False)
    assert unknown.returncode == 1
    assert "item-é99999" in unknown.stderr


@pytest.mark.slow
def test_untimed_integer_ids_without_text_from_csv(tmp_path: Path) -> None:
    source = planted(tmp_path / "data", strings=False, timed=False, titles=False, csv=True)
    root = ingest_and_run(tmp_path, source, "--day", DAY, suffix="csv")
    assert share_inside(root, strings=False) >= 0.95
    store = Store.open(root)
    splits = store.versions("raw/saves", DAY)[0].table("saves").column("split").to_pylist()
    assert set(splits) == {"train", "tune", "test"}
    assert 0.5 < splits.count("train") / len(splits) < 0.85
    graph = store.versions("graph", DAY)[0]
    assert graph.facts["num_boards"] < BOARDS, "boards of tune and test are not in the graph"


def test_untimed_data_without_a_day_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    source = planted(tmp_path / "data", strings=False, timed=False)
    root = tmp_path / "store"
    refused = pinsage(
        "ingest", "--root", str(root), "--items", str(source / "items.parquet"),
        "--saves", str(source / "saves.parquet"),
        "--board-id", "collection", check=False,
    )  # fmt: skip
    assert refused.returncode == 1
    assert "--day" in refused.stderr
    assert Store.open(root).ref_names("raw/items") == []
