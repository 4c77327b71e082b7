"""What cannot be listed or read is not taken for absent: garbage collection plans nothing then."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import obstore
import pytest

from pinsage.store import DamagedVersionError, StorageError, Store, StoreError, Version
from pinsage.store.garbage import collect_garbage, drop_version, plan_garbage
from pinsage.store.pins import pins
from tests.faults.fork_server import PROJECT

DAY = "2026-03-01"
NOBODY = 65_534


def commit(store: Store, dataset: str, inputs: list[Version], note: int = 1) -> Version:
    with store.write(dataset, partition=DAY, inputs=inputs, config={"note": note}, code_version=1) as out:
        if not out.is_committed:
            out.write_json("note", note)
    return out.version


@pytest.fixture
def root(memory_folder: Path) -> Path:
    return memory_folder / "store"


@pytest.fixture
def store(root: Path) -> Store:
    """An index that is published, a graph that it was made from, and one version that nothing holds."""
    store = Store.open(root)
    index = commit(store, "index", [commit(store, "graph", [])])
    store.ref("published").point_to(index.uri)
    commit(store, "index", [], 2)
    return store


def plan(store: Store) -> tuple[str, ...]:
    return plan_garbage(store, keep=0, grace_seconds=-60).versions


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


UNSEEN = ("_refs", "_refs/published", "graph", f"graph/{DAY}/_commits", f"index/{DAY}/data", f"index/{DAY}")


@pytest.mark.parametrize("folder", UNSEEN)
@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ESTALE, errno.ENOTDIR])
def test_a_folder_that_cannot_be_listed(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch, folder: str, number: int
) -> None:
    before, scandir = files(root), os.scandir

    def fails(path: Any = ".") -> Any:
        if os.fspath(path) == str(root / folder):
            raise OSError(number, os.strerror(number), str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", fails)
    with pytest.raises(StorageError, match=f"{folder}: cannot be listed"):
        plan(store)
    monkeypatch.undo()
    assert files(root) == before


@pytest.mark.parametrize("pattern", ["_refs/published/*.json", f"graph/{DAY}/_commits/*.json"])
def test_a_document_that_cannot_be_read(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    (path,) = root.glob(pattern)
    read_bytes = Path.read_bytes

    def fails(self: Path) -> bytes:
        if self == path:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(self))
        return read_bytes(self)

    monkeypatch.setattr(Path, "read_bytes", fails)
    with pytest.raises(OSError, match="Input/output error"):
        plan(store)


@pytest.mark.parametrize("pattern", ["_refs/published/*.json", f"graph/{DAY}/_commits/*.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"\x00" * 64])
def test_a_damaged_document(store: Store, root: Path, pattern: str, content: bytes) -> None:
    (path,) = root.glob(pattern)
    path.write_bytes(content)
    with pytest.raises(DamagedVersionError):
        plan(store)


def replaced_by_a_file(path: Path) -> None:
    shutil.rmtree(path)
    path.write_text("")


def replaced_by_a_dangling_link(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to("/mnt/that/is/away")


def replaced_by_a_link(path: Path) -> None:
    path.rename(path.parent / "moved")
    path.symlink_to(path.parent / "moved")


@pytest.mark.parametrize(
    ("folder", "replace"),
    [
        ("_refs", replaced_by_a_file),
        ("_refs", replaced_by_a_dangling_link),
        ("_refs", replaced_by_a_link),
        ("_refs/published", replaced_by_a_dangling_link),
        ("_refs/published", replaced_by_a_link),
    ],
)
def test_a_folder_of_references_that_is_something_else(
    store: Store, root: Path, folder: str, replace: Callable[[Path], None]
) -> None:
    replace(root / folder)
    kept = files(root)
    try:
        planned = plan(store)
    except StoreError:
        planned = ()
    assert not [uri for uri in planned if uri.startswith("graph/")]
    assert files(root) == kept


def test_a_root_that_went_away(store: Store, root: Path) -> None:
    root.rename(root.with_name("away"))
    with pytest.raises(StorageError, match="cannot be listed"):
        plan(store)
    for attempt in (lambda: store.ref("published").head(), lambda: pins(store), lambda: store.partitions("graph")):
        with pytest.raises(StorageError):
            attempt()


def test_a_head_that_points_to_nothing(store: Store, root: Path) -> None:
    head = store.ref("published").head()
    assert head is not None
    (root / f"index/{DAY}/_commits" / f"{head.uri.rsplit('/', 1)[1]}.json").unlink()
    with pytest.raises(DamagedVersionError, match=r"published points to index/.* not committed"):
        plan(store)


def test_a_commit_that_is_gone_while_its_files_are_there(store: Store, root: Path) -> None:
    first = store.ref("published").history()[0].uri.rsplit("/", 1)[1]
    store.ref("published").point_to(commit(store, "index", [], 3).uri)
    path = root / f"index/{DAY}/_commits/{first}.json"
    path.rename(path.with_name(f"{path.name}~"))
    with pytest.raises(DamagedVersionError, match=f"{first} is in use and its files are there"):
        plan(store)
    for file in (root / f"index/{DAY}").glob(f"*/{first}/*"):
        file.unlink()  # as `drop_version` would have done
    assert first not in str(plan(store))


def test_an_attempt_at_what_was_dropped_is_no_damage(store: Store) -> None:
    first = store.ref("published").history()[0].uri
    store.ref("published").point_to(commit(store, "index", [], 3).uri)
    drop_version(store, first)
    out = store.write("index", partition=DAY, inputs=[commit(store, "graph", [])], config={"note": 1}, code_version=1)
    assert out.uri == first
    out.write_json("note", 1)
    plan_garbage(store, keep=0)
    out.commit().verify()


def test_an_input_named_wrongly_keeps_what_has_its_content(store: Store, root: Path) -> None:
    graph = commit(store, "graph", [])
    head = store.ref("published").head()
    assert head is not None
    path = root / f"index/{DAY}/_commits" / f"{head.uri.rsplit('/', 1)[1]}.json"
    path.write_bytes(path.read_bytes().replace(graph.fingerprint.encode(), b"0" * 32))
    assert graph.uri not in plan(store)


@pytest.mark.parametrize("folder", UNSEEN[1:3])
def test_another_user_without_rights(store: Store, tmp_path: Path, folder: str, memory_folder: Path) -> None:
    if os.getuid():
        pytest.skip("only root can become another user")
    root = Path(store.root)
    memory_folder.chmod(0o755)
    old = time.time() - 1e6
    for path in [root, *root.rglob("*")]:
        os.utime(path, (old, old))
        path.chmod(0o777 if path.is_dir() else 0o666)
    (root / folder).chmod(0o700)
    before = files(root)
    program = (
        # The interpreter's own files may be root's alone.
        "import os, sys, pinsage.store.garbage, tasks.cli, tasks.runtime.stages;"
        f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY});"
        "sys.argv[0] = 'pinsage'; tasks.cli.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "gc", "--yes", "--keep", "0", "--root", str(root)],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
        env={**os.environ, "PINSAGE_CACHE": str(tmp_path / "cache")},
    )
    assert done.returncode == 1, done.stderr
    assert "cannot be listed: Permission denied" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert files(root) == before


def test_a_folder_of_the_file_system_is_none_of_the_store(store: Store, root: Path) -> None:
    for name in ("lost+found", ".snapshot", "System Volume Information"):
        (root / name / "inside").mkdir(parents=True)
        (root / name / "inside" / "file").touch()
    doomed = plan(store)
    collect_garbage(store, plan_garbage(store, keep=0, grace_seconds=-60), grace_seconds=-60)
    assert len(doomed) == 1
    assert (root / "lost+found" / "inside" / "file").exists()


def test_a_listing_of_a_bucket_that_breaks_off(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINSAGE_CACHE", str(tmp_path))
    store = Store.open(f"{s3}/{tmp_path.name}")
    index = commit(store, "index", [])
    store.ref("published").point_to(index.uri)
    listing = obstore.list
    monkeypatch.setattr("time.sleep", lambda seconds: None)

    def breaks_off(bucket: Any, prefix: str | None = None) -> Iterator[Any]:
        yield from list(listing(bucket, prefix))[:1]
        if prefix == "_refs":
            raise obstore.exceptions.GenericError("connection reset while listing")

    monkeypatch.setattr(obstore, "list", breaks_off)
    with pytest.raises(StorageError, match="connection reset while listing"):
        plan(store)
    store.version(index.uri).verify()


def test_a_bucket_that_is_gone(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINSAGE_CACHE", str(tmp_path))
    store = Store.open(f"{s3}/{tmp_path.name}")
    store.objects._bucket = obstore.store.from_url("s3://another", client_options={"allow_http": True})
    for attempt in (lambda: plan(store), lambda: store.ref("published").head(), lambda: store.partitions("graph")):
        with pytest.raises(StorageError, match="check the bucket's name|no such bucket"):
            attempt()
