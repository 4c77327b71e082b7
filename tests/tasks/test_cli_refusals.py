"""What people type on the command line is checked before anything is read, written or removed."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from pinsage.store import Store
from pinsage.store.errors import StoreError, VersionInUseError
from pinsage.store.garbage import drop_version
from tasks.cli import main
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
    root.mkdir()
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


@pytest.mark.parametrize(
    ("arguments", "code", "kind", "message"),
    [
        (["status", "--root", "ROOT/sotre"], 1, "FileNotFoundError", "check --root"),
        (["run", "--day", "soon", "--root", "ROOT"], 1, "ValueError", "expected a calendar day"),
        (["run", "--day", "2026-03-01", "--root", "ROOT"], 1, "NoDataError", "no items were ever delivered"),
        (["ingest", "--root", "ROOT/new", "--timestamp-unit", "h"], 1, "IngestMapping", "timestamp_unit: got 'h'"),
        (["config", "--set", "walks.top_t=many"], 1, "ConfigError", "walks.top_t: got 'many'"),
        (["status"], 2, "UsageError", "Missing option '--root'"),
        (["stats"], 2, "UsageError", "No such command 'stats'"),
    ],
)
def test_with_json_an_error_is_one_document_too(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    kind: str,
    message: str,
) -> None:
    named = [argument.replace("ROOT", str(tmp_path)) for argument in arguments]
    monkeypatch.setattr("sys.argv", ["pinsage", *named, "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    answer = json.loads(capsys.readouterr().out)
    assert ended.value.code == code
    assert answer["error"]["type"] == kind
    assert message in answer["error"]["message"]


@pytest.mark.parametrize("root", ["ftp://host/store", "http://127.0.0.1/store", "file:///etc"])
def test_roots_of_other_kinds(root: str) -> None:
    result = CliRunner().invoke(app, ["status", "--root", root])
    assert "expected a local folder" in str(result.exception)


@pytest.mark.parametrize(
    "command",
    [
        ["status"],
        ["plan", "--day", "2026-03-01"],
        ["gc"],
        ["run", "--day", "2026-03-01"],
        ["recommend", "1"],
        ["search", "one"],
        ["serve"],
    ],
)
def test_a_mistyped_root_becomes_no_store(tmp_path: Path, command: list[str]) -> None:
    result = CliRunner().invoke(app, [*command, "--root", str(tmp_path / "sotre")])
    assert "check --root" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_what_is_in_use_is_dropped_only_when_damaged(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store")
    with store.write("model", partition="2026-03-01", inputs=[], config={}, code_version=1) as out:
        out.write_json("weights", [1.0])
    uri = out.version.uri
    store.ref("champion").append(uri)
    with pytest.raises(VersionInUseError, match="champion"):
        drop_version(store, uri)
    out.version.path("weights").write_text("[2.0]\n")
    drop_version(Store.open(tmp_path / "store"), uri)
    assert store.fingerprints("model", "2026-03-01") == []


@pytest.mark.parametrize("root", ["s3://", "s3:///prefix", "gs://", "S3://bucket"])
def test_a_url_that_names_no_bucket_is_refused(root: str) -> None:
    with pytest.raises(StoreError, match=f"store root '{root}': expected a local folder, s3://bucket/prefix"):
        Store.open(root)
