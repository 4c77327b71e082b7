"""A disk that is full at any step of a commit or may only be read, and files that may not grow, in every stage."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pinsage.store import StorageDeniedError, StorageFullError, Store, Version
from pinsage.store.garbage import drop_version
from tests.faults.fork_server import ForkServer
from tests.faults.stages import STAGES, THIS, CalmDay, copy, state

ROWS = np.arange(30_000, dtype=np.int32).reshape(10_000, 3)
DAY = "2026-03-01"
LIMITS = (200, 2_000, 20_000)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False)
    if mounted.returncode:
        pytest.skip("a small disk needs the right to mount one")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def publish(root: Path) -> Version:
    """A version with every kind of file, read through the cache, and a reference to it."""
    store = Store.open(root)
    with store.write("graph", partition=DAY, inputs=[], config={}, code_version=1) as out:
        if not out.is_committed:
            for rows in out.missing_rows(["rows"], num_rows=len(ROWS), chunk_rows=4096):
                out.write_array("rows", ROWS[rows.start : rows.stop], rows=rows)
            out.write_table("table", pa.table({"a": np.arange(10_000)}))
            out.write_json("document", {"a": list(range(2_000))})
            out.write_file("file", Path(__file__), ".py")
    np.testing.assert_array_equal(out.version.array("rows"), ROWS)
    store.ref("published").point_to(out.version.uri)
    return out.version


def test_a_disk_that_may_only_be_read(small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = publish(small_disk / "store")
    with Store.open(small_disk / "store").write("pairs", partition=DAY, inputs=[], config={}, code_version=1) as out:
        out.write_json("document", 1)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    monkeypatch.setenv("PINSAGE_CACHE", str(tmp_path / "cache"))
    store = Store.open(small_disk / "store")
    np.testing.assert_array_equal(store.version(version.uri).array("rows"), ROWS)
    assert store.referenced("published") is not None
    assert publish(small_disk / "store").uri == version.uri, "what is there is found"
    for change in (
        lambda: store.ref("published").append(version.uri),
        lambda: store.write("graph", partition=DAY, inputs=[], config={}, code_version=2).write_json("document", 1),
        lambda: drop_version(store, out.uri),
        lambda: store.put_page("page.html", b""),
    ):
        with pytest.raises(StorageDeniedError, match="can be read and not written"):
            change()


def test_full_at_every_step_of_a_commit(small_disk: Path, tmp_path: Path) -> None:
    expected = publish(tmp_path / "calm")
    used = sum(path.stat().st_size for path in (tmp_path / "calm").rglob("*") if path.is_file())
    failures = 0
    for free in range(0, 2 * used, 4096):
        root, ballast = small_disk / "store", small_disk / "ballast"
        subprocess.run(["rm", "-rf", str(root)], check=True)
        with ballast.open("wb") as file:
            available = int(subprocess.check_output(["df", "-B1", "--output=avail", str(small_disk)]).split()[-1])
            file.write(bytes(max(available - free, 0)))
        try:
            publish(root)
            break
        except StorageFullError:
            failures += 1
        assert not list(root.rglob(".staged-*")), "what was half written is removed"
        for version in Store.open(root).versions("graph", DAY):  # a full store can be read
            version.verify()
        ballast.unlink()
        assert publish(root).content_digest == expected.content_digest
    assert failures > 20


def limited(root: str, data: str, stage: str, num_bytes: int) -> None:
    """Run a stage that may write no file larger than ``num_bytes``."""
    from tests.faults.stages import run_stage

    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        run_stage(root, data, stage)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))  # the traceback is a file, too


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "train_model"])
def test_no_stage_leaves_half_a_file(calm: CalmDay, forks: ForkServer, memory_folder: Path, stage: str) -> None:
    for limit in LIMITS:
        root = str(copy(calm.before[stage], memory_folder / str(limit)))
        fork = forks.start("tests.faults.test_full_disk:limited", root, calm.data, stage, limit)
        if fork.wait() != 0:
            assert "File too large" in fork.log or "StorageFullError" in fork.log, (limit, fork.log)
        assert state(root).digests.items() <= calm.after[stage].digests.items()
        assert not list(Path(root).rglob(".staged-*"))
        forks.run(f"{THIS}:run_stage", root, calm.data, stage)
        assert not state(root).differences(calm.after[stage])
