"""Garbage collected without grace while readers follow the published version: what they hold stays whole."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from pinsage.store import DamagedVersionError, Store, UnknownVersionError
from pinsage.store.garbage import KEPT_HISTORY, collect_garbage, plan_garbage
from tests.faults.fork_server import ForkServer

DAY = "2026-03-01"
NUM_VERSIONS = 40
THIS = "tests.faults.test_collection_under_readers"


def publish(root: str) -> None:
    """Publish version after version, and collect what each one leaves behind."""
    store = Store.open(root)
    for number in range(NUM_VERSIONS):
        with store.write("index", partition=DAY, inputs=[], config={"number": number}, code_version=1) as out:
            for rows in out.missing_rows(["rows"], num_rows=9000, chunk_rows=4096):
                out.write_array("rows", np.full((len(rows), 4), number), rows=rows)
        store.ref("published").point_to(out.version.uri)
        collect_garbage(store, plan_garbage(store, keep=0, grace_seconds=-60), grace_seconds=60)


def follow(root: str, cache: str) -> None:
    """Read the head again and again, and go on reading the first version, mapped once."""
    os.environ["PINSAGE_CACHE"] = cache
    store = Store.open(root)
    held = None
    while True:
        head = store.ref("published").head()
        if head is None:
            time.sleep(0.01)
            continue
        try:
            version = store.version(head.uri)
            rows = version.array("rows")
            assert (rows == version.manifest.config["number"]).all(), head
            held = rows if held is None else held
        except (DamagedVersionError, UnknownVersionError, FileNotFoundError):
            newest = store.ref("published").head()
            assert newest is not None
            assert newest.number - head.number >= KEPT_HISTORY, f"{head} was collected under its reader"
        if head.number == NUM_VERSIONS:
            break
    assert held is not None
    assert (held == held[0, 0]).all(), "what was mapped stays what it was"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["local", "s3"])
def test_readers_never_lose_a_version_in_force(
    kind: str, forks: ForkServer, memory_folder: Path, request: pytest.FixtureRequest
) -> None:
    root = str(memory_folder / "store") if kind == "local" else f"{request.getfixturevalue('s3')}/{memory_folder.name}"
    environment = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    readers = [
        forks.start(f"{THIS}:follow", root, str(memory_folder / f"cache-{number}"), environment=environment)
        for number in range(3)
    ]
    forks.run(f"{THIS}:publish", root, environment={**environment, "PINSAGE_CACHE": str(memory_folder / "cache")})
    assert [reader.wait() for reader in readers] == [0, 0, 0], [reader.log for reader in readers]
    assert len(Store.open(root).versions("index", DAY)) == KEPT_HISTORY
