"""Nothing that a name, a link or a document says leads out of the store's root, nor out of the reader's cache."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pinsage.store import DamagedVersionError, InvalidNameError, Store, Version
from pinsage.store.garbage import collect_garbage, drop_version, plan_garbage

DAY = "2026-03-01"
ESCAPES = (
    "../../etc/passwd",
    "..",
    "../graph",
    "graph/../../..",
    "/etc/passwd",
    "C:\\Windows",
    "graph\\..\\..",
    "graph/./x",
    "_refs",
    ".hidden",
    "~root",
    "$HOME",
    "a;rm -rf x",
    "a\x00b",
    "a\nb",
    "%2e%2e",
    "ａ",  # a full-width letter that some normalise to "a"
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "precious").write_text("keep me")
    return folder


def write(store: Store) -> Version:
    with store.write("graph", partition=DAY, inputs=[], config={}, code_version=1) as out:
        if not out.is_committed:
            out.write_array("rows", np.arange(4))
            out.write_json("document", {"a": 1})
    return out.version


def commit_path(store: Store, version: Version) -> Path:
    return Path(store.root) / "graph" / DAY / "_commits" / f"{version.fingerprint}.json"


@pytest.mark.parametrize("name", ESCAPES)
def test_names_stay_inside(store: Store, tmp_path: Path, name: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    for attempt in (
        lambda: store.write(name, partition=DAY, inputs=[], config={}, code_version=1),
        lambda: store.write("graph", partition=name, inputs=[], config={}, code_version=1),
        lambda: store.version(f"{name}/{DAY}/{'0' * 32}"),
        lambda: store.version(f"graph/{name}/{'0' * 32}"),
        lambda: store.version(f"graph/{DAY}/{name}"),
        lambda: drop_version(store, f"graph/{name}/{'0' * 32}"),
        lambda: drop_version(store, name),
        lambda: store.partitions(name),
        lambda: store.ref(name),
        lambda: store.ref_names(name),
        lambda: store.ref("published").append(f"graph/{DAY}/{name}"),
    ):
        with pytest.raises(InvalidNameError):
            attempt()
    assert sorted(tmp_path.rglob("*")) == before, "a refused name leaves nothing behind"


@pytest.mark.parametrize("name", ["..", "a/b", "../x", "_x", "a b"])
def test_chunk_names_stay_inside(store: Store, name: str) -> None:
    out = store.write("graph", partition=DAY, inputs=[], config={}, code_version=1)
    for attempt in (
        lambda: out.write_json(name, {}),
        lambda: out.write_array(name, np.arange(3)),
        lambda: out.write_file(name, Path("/etc/hostname"), ""),
    ):
        with pytest.raises(InvalidNameError):
            attempt()


def test_a_linked_folder_is_no_way_out(store: Store, outside: Path) -> None:
    (Path(store.root) / "graph").symlink_to(outside)
    (Path(store.root) / "_refs").mkdir(exist_ok=True)
    (Path(store.root) / "_refs" / "published").symlink_to(outside)
    for attempt in (
        lambda: write(store),
        lambda: store.partitions("graph"),
        lambda: store.version(f"graph/{DAY}/{'0' * 32}"),
        lambda: drop_version(store, f"graph/{DAY}/{'0' * 32}"),
        lambda: store.ref("published").head(),
        lambda: store.ref("published").point_to(f"graph/{DAY}/{'0' * 32}"),
    ):
        with pytest.raises(InvalidNameError, match="leaves the store's root"):
            attempt()
    assert [path.name for path in outside.iterdir()] == ["precious"]


def test_a_linked_file_is_not_read(store: Store, outside: Path) -> None:
    version = write(store)
    path = version.path("document")
    path.rename(outside / "moved")
    path.symlink_to(outside / "moved")
    with pytest.raises(InvalidNameError, match="leaves the store's root"):
        store.version(version.uri).json("document")


def test_garbage_collection_does_not_follow_links(store: Store, outside: Path) -> None:
    version = write(store)
    (Path(store.root) / "graph" / DAY / "data" / version.fingerprint / "link").symlink_to(outside)
    collect_garbage(store, plan_garbage(store, keep=0, grace_seconds=-60), grace_seconds=-60)
    assert (outside / "precious").read_text() == "keep me"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", "../../etc/passwd"),
        ("key", "/etc/passwd"),
        ("key", f"graph/{DAY}/data/other/document.json"),
        ("key", "_refs/published/000000000001.json"),
        ("sha256", "../../../../tmp/planted"),
        ("sha256", "A" * 64),
        ("size", -1),
        ("name", "../document"),
    ],
)
def test_a_forged_commit_is_refused(store: Store, field: str, value: Any) -> None:
    version = write(store)
    path = commit_path(store, version)
    manifest = json.loads(path.read_bytes())
    manifest["files"][0][field] = value
    path.unlink()
    path.write_text(json.dumps(manifest))
    with pytest.raises(DamagedVersionError, match="is not a manifest"):
        store.version(version.uri)


def test_a_forged_chunk_record_is_not_adopted(store: Store, outside: Path) -> None:
    out = store.write("graph", partition=DAY, inputs=[], config={}, code_version=1)
    out.write_json("document", {"a": 1})
    (record,) = (Path(store.root) / "graph" / DAY / "_chunks" / out.spec.fingerprint).iterdir()
    forged = json.loads(record.read_bytes())
    forged["key"] = "_refs/published/000000000001.json"
    record.unlink()
    record.write_text(json.dumps(forged))
    again = store.write("graph", partition=DAY, inputs=[], config={}, code_version=1)
    assert not again.has("document")
    again.write_json("document", {"a": 1})
    assert again.commit().json("document") == {"a": 1}


def test_a_reference_that_names_no_version_is_refused(store: Store) -> None:
    store.ref("published").append(write(store).uri)
    path = Path(store.root) / "_refs" / "published" / "000000000002.json"
    entry = json.loads((path.parent / "000000000001.json").read_bytes())
    path.write_text(json.dumps({**entry, "number": 2, "uri": "../../../etc/passwd"}))
    with pytest.raises(DamagedVersionError, match=r"000000000002\.json is damaged: dataset '\.\.'"):
        store.referenced("published")
