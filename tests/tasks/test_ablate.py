"""`pinsage ablate`: what its rows change, and a table from planted data to Markdown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pinsage.store import Store
from tasks.cli.app import parse_settings
from tasks.commands.ablate import Row, ablate, rows_of, seconds_of, with_settings
from tasks.commands.ablation_page import markdown, plot
from tasks.runtime.session import Session
from tests.tasks.test_pipeline import DAY, ITEMS, SMALL, pinsage, planted

RESULTS = {
    "day": "2026-03-20",
    "pool_size": 600,
    "num_queries": 1234,
    "content": {"hit_rate@500": 0.25},
    "tables": {
        "1": [
            {"name": "mean-pooling", "seeds": [3, 4], "mean": {"hit_rate@500": 0.5}, "std": {"hit_rate@500": 0.01},
             "training_seconds": None},
            {"name": "PinSage", "seeds": [3, 4], "mean": {"hit_rate@500": 0.67}, "std": {"hit_rate@500": 0.02},
             "training_seconds": 12.3},
        ]
    },
}  # fmt: skip


def test_rows_are_the_papers() -> None:
    assert [row.name for row in rows_of(1)] == [
        "max-pooling", "mean-pooling", "mean-pooling-xent", "mean-pooling-hard", "PinSage, as in the paper",
        "PinSage, this configuration",
    ]  # fmt: skip
    assert all(row.settings["training"]["shared_negatives"] == 500 for row in rows_of(1)[:-1])
    assert rows_of(1)[-1].settings == {}
    assert [row.settings["training"]["batch_pairs"] for row in rows_of(3)] == [512, 1024, 2048, 4096]
    assert [row.settings["model"]["top_t"] for row in rows_of(4)] == [10, 20, 50]
    with pytest.raises(ValueError, match="table 2; expected 1"):
        rows_of(2)


def test_a_row_changes_its_own_settings_alone(tmp_path: Path) -> None:
    measured = {"evaluation.hit_rate_at": [20], "promotion.metric": "hit_rate@20"}
    session = Session.open(str(tmp_path), {"training.epochs": 7, "training.seed": 20, **measured})
    row = Row(1, "row", {"model": {"pooling": "mean"}})
    changed = with_settings(session, row, 2).config
    assert changed.model.pooling == "mean"
    assert (changed.training.epochs, changed.training.seed) == (7, 22)
    assert changed.evaluation.baselines == ("content",), "the table shows no other"
    assert changed.evaluation.hit_rate_at == (10, 20, 50, 500)
    for section in ("model", "training", "evaluation"):
        changed = changed.model_copy(update={section: getattr(session.config, section)})
    assert changed == session.config


def test_table_and_plot_show_every_row() -> None:
    table = markdown(RESULTS)
    assert "| content cosine | 0.2500 | - | - |" in table
    assert "| PinSage | 0.6700 ± 0.0200 | 2 | 12 |" in table
    assert "1,234 held-out pairs" in table
    drawn = plot(RESULTS)
    assert drawn.startswith("<svg")
    assert all(name in drawn for name in ("content cosine", "mean-pooling", "PinSage"))


@pytest.mark.parametrize(("epochs", "expected"), [(2, 8.5), (1, None), (0, None)])
def test_seconds_of_a_resumed_training_are_not_told(tmp_path: Path, epochs: int, expected: float | None) -> None:
    with Store.open(tmp_path).write("model", partition=DAY, inputs=[], config={}, code_version=0) as out:
        out.write_json("history", {"tune": [{"step": 8}, {"step": 16}]})
        if epochs:
            out.measurements.update(training_seconds=8.5, epochs=[{}] * epochs)
    assert seconds_of(out.version) == expected


@pytest.mark.slow
def test_planted_data_to_a_table_and_nothing_twice(tmp_path: Path) -> None:
    source, root = planted(tmp_path / "data", strings=False, timed=True, vectors=16), str(tmp_path / "store")
    pinsage(
        "ingest", "--root", root, "--items", str(source / "items.parquet"), "--saves", str(source / "saves.parquet"),
        "--board-id", "collection", "--timestamp", "ts", "--vector", "image=embedding",
    )  # fmt: skip
    for day in ("2026-03-15", "2026-03-17"):
        pinsage("run", "prepare", "--day", day, "--root", root, *SMALL)
    pinsage("run", "validate", "--day", DAY, "--root", root, *SMALL)
    command = ["ablate", "--root", root, "--day", DAY, "--tables", "4", "--seeds", "1", *SMALL]
    results = json.loads(pinsage(*command, "--json").stdout)
    (rows,) = results["tables"].values()
    assert [row["name"] for row in rows] == ["T = 10", "T = 20", "T = 50"]
    assert all(row["mean"]["hit_rate@500"] > 0.8 for row in rows), "500 of 600 items"
    assert len({row["models"][0] for row in rows}) == 3
    store = Store.open(root)
    before = {info.key for info in store.objects.walk("")}
    session = Session.open(root, parse_settings(SMALL[1::2]))
    *_, (_, again) = ablate(session, DAY, tables=(4,), num_seeds=1)
    assert again.uri == results["version"]
    assert f"all {ITEMS} items" in again.path("table").read_text(encoding="utf-8")
    assert {info.key for info in store.objects.walk("")} == before
    header = tmp_path / "saves.csv"
    header.write_text("item_id,collection,ts\n")
    mapping = ("--board-id", "collection", "--timestamp", "ts")
    pinsage("ingest", "--root", root, "--saves", str(header), "--day", "2026-03-26", *mapping)
    pinsage("run", "validate", "--day", "2026-03-26", "--root", root, *SMALL)
    for day in ("2026-03-21", "2026-03-23"):
        pinsage("run", "prepare", "--day", day, "--root", root, *SMALL)
    odd = pinsage(*command, "--set", f"training.seed={2**31 - 1}", "--seeds", "2", "--json", check=False)
    assert "seed" in json.loads(odd.stdout)["error"]["message"]
    # Of Table 3, 512 pairs are no multiple of 3.
    odd = pinsage(
        "ablate", "--root", root, "--day", DAY, "--tables", "3", *SMALL, "--set", "training.batch_pairs=300", "--set",
        "resources.training_processes=3", "--json", check=False,
    )  # fmt: skip
    assert "batch_pairs is 512, which can't be split equally" in json.loads(odd.stdout)["error"]["message"]
    odd = pinsage("ablate", "--root", root, "--day", DAY, "--tables", "none", check=False)
    assert "expected 1 (parts of the model)" in " ".join(odd.stderr.replace("│", "").split())
    refused = pinsage("ablate", "--root", root, "--day", "2026-03-26", *SMALL, check=False)
    assert refused.returncode == 1
    assert "no pair of items known as of 2026-03-23 was held out" in " ".join(refused.stderr.split())
    assert store.partitions("model") == [DAY], "before anything is trained"
