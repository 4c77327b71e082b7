"""What people type on the command line is checked before anything is read, written or removed."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from tasks.cli.app import app
from tests.tasks.test_pipeline import pinsage

ESCAPE = "../../etc"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["drop", "../../etc/passwd/x"], "expected 1 to 128 characters"),
        (["drop", "graph/../x"], "expected 1 to 128 characters"),
        (["drop", "etc"], "expected <dataset>/<partition>/<fingerprint>"),
        (["run", "all", "--day", ESCAPE], "expected a calendar day"),
        (["run", "prepare", "--day", "2026-03-01\n"], "expected a calendar day"),
        (["run", ESCAPE, "--day", "2026-03-01"], "expected all, prepare"),
        (["run", "--day", "2026-03-01", "--set", "resources.device=cuda; reboot"], "resources.device"),
        (["run", "--day", "2026-03-01", "--set", f"{ESCAPE}=1"], "is unknown"),
        (["evaluate", "--day", ESCAPE], "expected a calendar day"),
        (["rollback", "--name", ESCAPE], "expected published or champion"),
        (["ingest", "--items", "/no/such/file"], "no such file"),
        (["ingest", "--day", ESCAPE, "--items", "ITEMS"], "expected a calendar day"),
        (["ingest", "--vector", "=x", "--items", "ITEMS"], "expected NAME=COLUMN"),
    ],
)
def test_refused(tmp_path: Path, arguments: list[str], reason: str) -> None:
    items = tmp_path / "items.csv"
    items.write_text("item_id,title\n1,one\n")
    root = tmp_path / "store"
    named = [str(items) if argument == "ITEMS" else argument for argument in arguments]
    result = CliRunner().invoke(app, [*named, "--root", str(root)])
    assert result.exit_code != 0
    assert reason in f"{result.output} {result.exception}"
    written = [path for path in tmp_path.rglob("*") if path.is_file() and "_probes" not in path.parts]
    assert written == [items]


def test_a_vector_name_is_no_path(tmp_path: Path) -> None:
    pq.write_table(pa.table({"item_id": [1, 2], "v": [[1.0, 2.0], [2.0, 1.0]]}), tmp_path / "items.parquet")
    arguments = ["ingest", "--items", str(tmp_path / "items.parquet"), "--day", "2026-03-01", "--vector", "../../x=v"]
    pinsage(*arguments, "--root", str(tmp_path / "a" / "store"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "items.parquet"]
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["store"]


@pytest.mark.parametrize("root", ["ftp://host/store", "http://127.0.0.1/store", "file:///etc"])
def test_roots_of_other_kinds(root: str) -> None:
    result = CliRunner().invoke(app, ["status", "--root", root])
    assert "expected a local folder" in str(result.exception)
