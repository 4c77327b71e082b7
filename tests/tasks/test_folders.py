"""Folders as Spark, Hive, polars and table formats write them: what their names say, and what must not be read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from tasks.data.ingest import ingest
from tasks.data.ingestion.columns import IngestError
from tasks.data.ingestion.files import open_delivery
from tasks.runtime.session import Session

TIME = "2026-03-01T00:00:00Z"


def part(folder: Path, item: int, suffix: str = "parquet", **columns: object) -> None:
    """One save of an item."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {"item_id": item, "saved_at": TIME, **columns}
    path = folder / f"part-{item}.{suffix}"
    if suffix == "parquet":
        pq.write_table(pa.table({name: [value] for name, value in values.items()}), path)
    elif suffix == "csv":
        path.write_text(",".join(values) + "\n" + ",".join(map(str, values.values())) + "\n")
    else:
        path.write_text(json.dumps(values) + "\n")


def boards(session: Session, folder: Path) -> list[object]:
    """Ingest saves; their boards in the store."""
    ingest(session, items=None, saves=folder)
    version = session.store.referenced(f"raw/saves/{TIME[:10]}")
    assert version is not None
    return list(version.table("saves").column("board_id").to_pylist())


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session.open(str(tmp_path / "store"))


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_what_folders_say_is_text(session: Session, tmp_path: Path, suffix: str) -> None:
    names = {
        "007": "007",
        "12": "12",
        "a%2Fb%3D c": "a/b= c",
        "__HIVE_DEFAULT_PARTITION__": None,
        "caf%C3%A9": "caf\u00e9",
    }
    for number, name in enumerate(names):
        part(tmp_path / "saves" / f"board_id={name}", number, suffix)
    assert sorted(map(str, boards(session, tmp_path / "saves"))) == sorted(map(str, names.values()))


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_ids_of_folders_that_are_all_integers(session: Session, tmp_path: Path, suffix: str) -> None:
    for number, name in enumerate(["7", "0", "-3", "1234567890123456789"]):
        part(tmp_path / "saves" / "year=2026" / f"board_id={name}", number, suffix)
    assert sorted(boards(session, tmp_path / "saves")) == [-3, 0, 7, 1234567890123456789]  # type: ignore[type-var]


def test_a_column_in_the_file_and_in_its_folder(session: Session, tmp_path: Path) -> None:
    part(tmp_path / "saves" / "board_id=7", 1, board_id=7)
    assert boards(session, tmp_path / "saves") == [7]
    part(tmp_path / "saves" / "board_id=8", 2, board_id=9)
    with pytest.raises(
        IngestError, match=r"part-2\.parquet: column board_id: row 1 is 9, but the file's folder says 8"
    ):
        boards(session, tmp_path / "saves")


def test_what_arrow_writes_as_hive_partitions(session: Session, tmp_path: Path) -> None:
    table = pa.table({"board_id": ["a b", "c/d", None], "item_id": [1, 2, 3], "saved_at": [TIME] * 3})
    pads.write_dataset(
        table, tmp_path / "saves", format="parquet", partitioning=["board_id"], partitioning_flavor="hive"
    )
    assert sorted(map(str, boards(session, tmp_path / "saves"))) == ["None", "a b", "c/d"]


def test_a_folder_key_that_some_files_lack(session: Session, tmp_path: Path) -> None:
    part(tmp_path / "saves" / "board_id=7", 1)
    part(tmp_path / "saves", 2)
    with pytest.raises(IngestError, match=r"part-2\.parquet: no column board_id"):
        boards(session, tmp_path / "saves")


def test_markers_and_hidden_files_are_left_out(session: Session, tmp_path: Path) -> None:
    folder = tmp_path / "saves"
    part(folder / "_board_id=1", 1, board_id=5)
    for name in ("_SUCCESS", "._SUCCESS.crc", ".part-0.parquet.crc", "_temporary/0/part-9.parquet", "_committed_12"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    assert boards(session, folder) == [5]


def test_linked_folders_are_read_and_loops_refused(session: Session, tmp_path: Path) -> None:
    part(tmp_path / "elsewhere", 1, board_id=5)
    (tmp_path / "saves").mkdir()
    (tmp_path / "saves" / "dt=1").symlink_to(tmp_path / "elsewhere")
    assert boards(session, tmp_path / "saves") == [5]
    (tmp_path / "saves" / "again").symlink_to(tmp_path / "saves")
    with pytest.raises(IngestError, match="a link to a folder that it lies in"):
        boards(session, tmp_path / "saves")


def test_links_to_nowhere_and_pipes_are_refused(session: Session, tmp_path: Path) -> None:
    part(tmp_path / "saves", 1, board_id=5)
    (tmp_path / "saves" / "b.parquet").symlink_to(tmp_path / "nothing")
    with pytest.raises(IngestError, match=r"b\.parquet: No such file"):
        boards(session, tmp_path / "saves")
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(IngestError, match=r"pipe\.csv: no regular file"):
        boards(session, tmp_path / "pipe.csv")


def test_files_of_several_kinds(session: Session, tmp_path: Path) -> None:
    part(tmp_path / "saves", 1, "csv", board_id=1)
    part(tmp_path / "saves", 2, "jsonl", board_id=1)
    with pytest.raises(IngestError, match=r"several kinds: CSV \(.*part-1\.csv\), JSON \(.*part-2\.jsonl\); expected"):
        boards(session, tmp_path / "saves")


MARKERS = {
    "Delta Lake": "_delta_log/00000000000000000000.json",
    "Apache Hudi": ".hoodie/hoodie.properties",
    "Apache Iceberg": "metadata/00001-9c12d441-03fe-4693-9a96-a0705ddf69c1.metadata.json",
}


@pytest.mark.parametrize("system", MARKERS)
@pytest.mark.parametrize("given", ["", "dt=2026-03-01", "dt=2026-03-01/part-1.parquet", ".."])
def test_tables_of_other_systems_are_refused(session: Session, tmp_path: Path, system: str, given: str) -> None:
    table = tmp_path / "warehouse" / "saves"
    part(table / "dt=2026-03-01", 1, board_id=1)
    marker = table / MARKERS[system]
    marker.parent.mkdir()
    marker.write_text("{}")
    with pytest.raises(IngestError, match=rf"{marker.parent.name}.* a table of {system}.*Parquet.*nothing was written"):
        boards(session, table / given)
    link = tmp_path / "link"
    link.symlink_to(table / "dt=2026-03-01")
    with pytest.raises(IngestError, match=system):
        boards(session, link)
    assert list(session.store.objects.walk("raw")) == []


def test_missing_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"nothing: no such file"):
        open_delivery(tmp_path / "nothing")
    for start, message in (
        (b"PARE", "encrypted"),
        (b"", "the file is empty"),
        (b"ORC", "b'ORC'"),
        (b"PAR1", "Parquet"),
    ):
        (tmp_path / "saves.parquet").write_bytes(start)
        with pytest.raises(IngestError, match=rf"saves\.parquet: can't be read as Parquet.*{message}"):
            open_delivery(tmp_path / "saves.parquet")
    part(tmp_path / "whole", 1, board_id=1)
    data = (tmp_path / "whole" / "part-1.parquet").read_bytes()
    for length in (len(data) - 1, len(data) // 2, 5):
        (tmp_path / "saves.parquet").write_bytes(data[:length])
        with pytest.raises(IngestError, match=r"saves\.parquet: can't be read as Parquet"):
            open_delivery(tmp_path / "saves.parquet")
