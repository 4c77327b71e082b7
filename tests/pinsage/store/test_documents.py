"""Commits, chunk records and references say some things twice: where they disagree, the document is refused."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pinsage.store import DamagedVersionError, Store, StoreError, Version
from pinsage.store.digests import canonical_json
from pinsage.store.errors import NewerFormatError, VersionInUseError
from pinsage.store.formats import npy_header
from pinsage.store.garbage import drop_version, plan_garbage
from pinsage.store.manifest import FileEntry

DAY = "2026-03-01"
ROWS = np.arange(30_000, dtype=np.int32).reshape(10_000, 3)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


def write(store: Store) -> Version:
    with store.write("graph", partition=DAY, inputs=[], config={}, code_version=1) as out:
        if not out.is_committed:
            for rows in out.missing_rows(["rows"], num_rows=len(ROWS), chunk_rows=4096):
                out.write_array("rows", ROWS[rows.start : rows.stop], rows=rows)
            out.write_table("table", pa.table({"a": [1, 2, 3]}))
            out.write_json("document", {"a": 1})
    return out.version


def commit_path(store: Store, version: Version) -> Path:
    return Path(store.root) / "graph" / DAY / "_commits" / f"{version.fingerprint}.json"


def replaced(path: Path, document: dict[str, Any]) -> None:
    path.unlink()
    path.write_bytes(canonical_json(document))


def array(document: dict[str, Any], number: int = 0) -> dict[str, Any]:
    return [entry for entry in document["files"] if entry["kind"] == "array"][number]  # type: ignore[no-any-return]


def plain(document: dict[str, Any], name: str = "document") -> dict[str, Any]:
    (found,) = (entry for entry in document["files"] if entry["name"] == name)
    return found  # type: ignore[no-any-return]


FORGERIES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "sha256 of an array": lambda document: array(document).update(sha256="0" * 64),
    "sha256 of a document": lambda document: plain(document).update(sha256="0" * 64),
    "blocks of a document": lambda document: plain(document).update(blocks=["0" * 64]),
    "size of an array": lambda document: array(document).update(size=array(document)["size"] + 1),
    "rows of an array": lambda document: array(document).update(rows=4095),
    "rows of a document": lambda document: plain(document).update(rows=1),
    "rows of a table": lambda document: plain(document, "table").update(rows=4),
    "stop": lambda document: array(document).update(stop=4097),
    "start": lambda document: array(document, 1).update(start=4095, stop=8191),
    "negative start": lambda document: array(document).update(start=-4096, stop=0),
    "dtype": lambda document: array(document).update(dtype="<i8"),
    "dtype of objects": lambda document: array(document).update(dtype="|O"),
    "dtype of a later chunk": lambda document: array(document, 1).update(dtype="<f4"),
    "no dtype": lambda document: array(document).update(dtype="banana"),
    "row_shape": lambda document: array(document).update(row_shape=[4]),
    "a negative row_shape": lambda document: array(document).update(row_shape=[-3]),
    "by_blocks": lambda document: plain(document).update(by_blocks=True),
    "a block is missing": lambda document: array(document).update(blocks=[]),
    "a block is none": lambda document: array(document).update(blocks=["../x"]),
    "a gap": lambda document: document["files"].remove(array(document, 1)),
    "an overlap": lambda document: document["files"].append(copy.deepcopy(array(document, 1))),
    "a document twice": lambda document: document["files"].append(copy.deepcopy(plain(document))),
    "the key of another chunk": lambda document: array(document).update(key=array(document, 1)["key"]),
    "the key of another file": lambda document: plain(document).update(key=plain(document, "table")["key"]),
    "a stray field": lambda document: document.update(note=1),
    "facts": lambda document: document["facts"].update(num_rows=3),
    "an input that is none": lambda document: document.update(inputs=[{"uri": "../x", "content_digest": "0" * 64}]),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_commit_whose_fields_disagree(store: Store, forgery: str) -> None:
    version = write(store)
    store.ref("published").point_to(version.uri)
    document = json.loads(commit_path(store, version).read_bytes())
    FORGERIES[forgery](document)
    replaced(commit_path(store, version), document)
    with pytest.raises(DamagedVersionError, match="commit"):
        store.version(version.uri)
    with pytest.raises(DamagedVersionError):
        plan_garbage(store)


@pytest.mark.parametrize("forgery", [name for name in FORGERIES if "array" in name or "document" in name])
def test_a_chunk_record_whose_fields_disagree_is_made_anew(store: Store, forgery: str) -> None:
    expected = write(store).content_digest
    version = write(store)
    commit_path(store, version).unlink()
    records = Path(store.root) / "graph" / DAY / "_chunks" / version.fingerprint
    documents = {path: json.loads(path.read_bytes()) for path in sorted(records.iterdir())}
    try:
        FORGERIES[forgery]({"files": list(documents.values())})
    except (AttributeError, ValueError):
        pytest.skip("of whole commits")
    for path, document in documents.items():
        replaced(path, document)
    again = write(store)
    again.verify()
    assert again.content_digest == expected


def test_records_that_were_exchanged(store: Store) -> None:
    version = write(store)
    commit_path(store, version).unlink()
    records = Path(store.root) / "graph" / DAY / "_chunks" / version.fingerprint
    first, second = sorted(records.glob("rows.*"))[:2]
    first_bytes, second_bytes = first.read_bytes(), second.read_bytes()
    first.unlink()
    second.unlink()
    first.write_bytes(second_bytes)
    second.write_bytes(first_bytes)
    again = write(store)
    again.verify()
    np.testing.assert_array_equal(again.array("rows"), ROWS)


@pytest.mark.parametrize("written", [0, 2, 999])
def test_another_format_is_not_called_damage(store: Store, written: int) -> None:
    version = write(store)
    document = json.loads(commit_path(store, version).read_bytes())
    replaced(commit_path(store, version), {**document, "format": written, "news": {}})
    with pytest.raises(NewerFormatError, match=rf"version of the store: format {written}, this code reads 1"):
        store.version(version.uri)
    store.ref("published").append(version.uri)
    for attempt in (lambda: drop_version(store, version.uri), lambda: plan_garbage(store), lambda: write(store)):
        with pytest.raises((NewerFormatError, VersionInUseError)):
            attempt()


@pytest.mark.parametrize(
    ("field", "value"), [("number", 2), ("name", "champion"), ("uri", "x"), ("details", 1), ("recorded_at", "soon"),
                         ("format", 999)],
)  # fmt: skip
def test_a_reference_whose_fields_disagree(store: Store, field: str, value: Any) -> None:
    store.ref("published").append(write(store).uri)
    path = Path(store.root) / "_refs/published/000000000001.json"
    replaced(path, {**json.loads(path.read_bytes()), field: value})
    for attempt in (lambda: store.ref("published").head(), lambda: plan_garbage(store)):
        with pytest.raises(DamagedVersionError, match=r"000000000001\.json is damaged"):
            attempt()


def test_any_flipped_bit_is_noticed_or_harmless(store: Store) -> None:
    version = write(store)
    path = commit_path(store, version)
    whole, dice = path.read_bytes(), random.Random(7)
    harmless = version.manifest.model_dump(exclude={"measurements"})
    for _ in range(400):
        data = bytearray(whole)
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        path.write_bytes(data)
        try:
            found = store.version(version.uri)
        except StoreError:
            continue
        if found.manifest.model_dump(exclude={"measurements"}) != harmless:
            with pytest.raises(DamagedVersionError, match=r"no such file|bytes, expected"):
                found.verify()  # the name of an attempt, or the size of a document: only the file can tell


def test_digests_depend_on_headers_that_numpy_writes() -> None:
    assert npy_header(np.dtype("<i4"), (10_000, 3)) == (
        b"\x93NUMPY\x01\x00v\x00{'descr': '<i4', 'fortran_order': False, 'shape': (10000, 3), }" + b" " * 54 + b"\n"
    )


def test_a_file_entry_is_checked_wherever_it_is_made() -> None:
    with pytest.raises(ValueError, match="and blocks differ"):
        FileEntry(name="a", key=f"x/data/y/a-{'0' * 12}.json", kind="json", size=1, sha256="0" * 64, rows=0)
