"""Several collections at once, beside writers: each ends well, and what is held stays whole."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pinsage.store import Store
from pinsage.store.garbage import collect_garbage, plan_garbage
from pinsage.store.store import SCRATCH
from pinsage.store.verification import MARKS
from tests.faults.fork_server import PROJECT, ForkServer

DAY = "2026-03-01"
THIS = "tests.faults.test_collections_at_once"


def collect(root: str, seconds: float) -> None:
    """Collect without grace, again and again."""
    store, until = Store.open(root), time.monotonic() + seconds
    while time.monotonic() < until:
        collect_garbage(store, plan_garbage(store, keep=0, grace_seconds=0.2), grace_seconds=0.2)


def publish(root: str, seconds: float, name: str) -> None:
    """Commit and publish version after version, of two datasets."""
    store, until, number = Store.open(root), time.monotonic() + seconds, 0
    while time.monotonic() < until:
        number += 1
        graph = commit(store, "graph", f"{name}{number}")
        store.ref(f"published-{name}").append(commit(store, "index", f"{name}{number}", graph).uri)
        for stray in ("verified/boot", "scratch", "files/ab"):
            folder = store.cache / stray / f"{name}{number}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / ".staged-x").touch()


def commit(store: Store, dataset: str, note: str, *inputs: object):  # type: ignore[no-untyped-def]
    with store.write(dataset, partition=DAY, inputs=inputs, config={"note": note}, code_version=1) as out:
        out.write_json("note", note)
    return out.version


def test_three_collections_beside_two_writers(forks: ForkServer, memory_folder: Path) -> None:
    root = str(memory_folder / "store")
    Store.open(root)
    jobs = [forks.start(f"{THIS}:collect", root, 5.0) for _ in range(3)]
    jobs += [forks.start(f"{THIS}:publish", root, 4.0, name) for name in "ab"]
    codes = [job.wait() for job in jobs]
    assert codes == [0] * 5, "\n".join(job.log[-2000:] for job in jobs)
    store = Store.open(root)
    for name in "ab":
        head = store.referenced(f"published-{name}")
        assert head is not None
        head.verify()
        store.input_of(head, "graph").verify()


def test_three_commands_at_once(memory_folder: Path) -> None:
    root = memory_folder / "store"
    store = Store.open(root)
    for number in range(60):
        commit(store, "graph", str(number))
    for folder, names in ((store.cache / MARKS / "boot", 400), (store.cache / SCRATCH, 100), (root / "_probes", 100)):
        for number in range(names):
            (folder / str(number)).mkdir(parents=True)
            (folder / str(number) / ".staged-x").touch()
            (folder / f"{number}.json").touch()
    old = time.time() - 1e6
    for path in root.rglob("*"):
        os.utime(path, (old, old))
    command = [sys.executable, "-m", "tasks.cli", "gc", "--yes", "--keep", "1", "--root", str(root)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    running = [subprocess.Popen(command, cwd=PROJECT, **pipes) for _ in range(3)]  # type: ignore[call-overload]
    said = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], said
    assert len(Store.open(root).versions("graph", DAY)) == 1


@pytest.mark.slow
def test_collections_of_a_bucket_at_once(forks: ForkServer, s3: str, memory_folder: Path) -> None:
    root = f"{s3}/{memory_folder.name}"
    variables = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    caches = [{**variables, "PINSAGE_CACHE": str(memory_folder / str(number))} for number in range(4)]
    jobs = [forks.start(f"{THIS}:collect", root, 8.0, environment=cache) for cache in caches[:3]]
    jobs.append(forks.start(f"{THIS}:publish", root, 6.0, "a", environment=caches[3]))
    codes = [job.wait() for job in jobs]
    assert codes == [0] * 4, "\n".join(job.log[-2000:] for job in jobs)
