"""The store against a dict: any order of writes, crashes, commits, publications, rollbacks, collections and reads."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pinsage.store import DamagedVersionError, Store, Version, Writer
from pinsage.store.failpoints import FAILPOINTS
from pinsage.store.garbage import collect_garbage, drop_version, plan_garbage
from tests.faults.fork_server import ForkServer

DAYS = ("2026-03-01", "2026-03-02")
WIDTHS = (1, 2, 3)
CHUNK_ROWS = (4096, 8192)
WRITE_FAILPOINTS = [name for name in FAILPOINTS if name.startswith(("put", "chunk", "commit"))]


def content(day: str, width: int) -> np.ndarray:
    return np.full((9000, width), int(day[-2:]), dtype=np.int16)


def open_writer(store: Store, day: str, width: int) -> Writer:
    return store.write("graph", partition=day, inputs=[], config={"width": width}, code_version=1)


def finish(out: Writer, day: str, width: int, chunk_rows: int) -> Version:
    with out:
        if not out.is_committed:
            rows = content(day, width)
            for held in out.missing_rows(["rows"], num_rows=len(rows), chunk_rows=chunk_rows):
                out.write_array("rows", rows[held.start : held.stop], rows=held)
            out.write_json("document", {"day": day})
    return out.version


def write_once(root: str, day: str, width: int) -> None:
    """What a process does that may be killed at any failpoint."""
    finish(open_writer(Store.open(root), day, width), day, width, 4096)


class StoreMachine(RuleBasedStateMachine):
    """``committed`` maps (day, width) to the URI; ``history`` is what ``published`` pointed to, oldest first."""

    forks: ClassVar[ForkServer]
    below: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=self.below))
        self.committed: dict[tuple[str, int], str] = {}
        self.history: list[tuple[str, int]] = []
        self.waiting: list[tuple[str, int, Writer, int]] = []
        self.removals = 0

    @initialize()
    def open(self) -> None:
        self.store = Store.open(self.root)

    @property
    def root(self) -> str:
        return str(self.folder / "store")

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    @rule(day=st.sampled_from(DAYS), width=st.sampled_from(WIDTHS), chunk_rows=st.sampled_from(CHUNK_ROWS))
    def write(self, day: str, width: int, chunk_rows: int) -> None:
        version = finish(open_writer(self.store, day, width), day, width, chunk_rows)
        known = self.committed.setdefault((day, width), version.uri)
        assert known == version.uri

    @rule(
        day=st.sampled_from(DAYS),
        width=st.sampled_from(WIDTHS),
        failpoint=st.sampled_from(WRITE_FAILPOINTS),
        time=st.integers(1, 4),
    )
    def crash(self, day: str, width: int, failpoint: str, time: int) -> None:
        variables = {name: value for name, value in os.environ.items() if name.startswith(("AWS_", "PINSAGE_"))}
        fork = self.forks.start(
            "tests.pinsage.store.test_state_machine:write_once", self.root, day, width,
            environment={**variables, "PINSAGE_FAILPOINT": f"{failpoint}:{time}"},
        )  # fmt: skip
        assert fork.wait() in (0, -signal.SIGKILL), fork.log
        uri = open_writer(self.store, day, width).uri
        if self.store.find(*uri.rsplit("/", 2)) is not None:
            self.committed[day, width] = uri
        else:
            assert (day, width) not in self.committed, "a crash took a committed version away"

    @rule(day=st.sampled_from(DAYS), width=st.sampled_from(WIDTHS))
    def begin(self, day: str, width: int) -> None:
        out = open_writer(self.store, day, width)
        if not out.is_committed:
            out.write_json("document", {"day": day})
        self.waiting.append((day, width, out, self.removals))

    @precondition(lambda self: self.waiting)
    @rule(chunk_rows=st.sampled_from(CHUNK_ROWS))
    def adopt(self, chunk_rows: int) -> None:
        day, width, out, removals = self.waiting.pop(0)
        try:
            finish(out, day, width, chunk_rows)
        except DamagedVersionError:
            assert self.removals > removals, "only a removal without grace takes an attempt's chunks away"
            return
        if self.store.find(*out.uri.rsplit("/", 2)) is not None:
            self.committed[day, width] = out.uri
        else:
            assert self.removals > removals, "the version that the attempt had found is gone without a removal"

    @precondition(lambda self: self.committed)
    @rule(data=st.data())
    def publish(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.committed)))
        self.store.ref("published").append(self.committed[key], after=len(self.history))
        self.history.append(key)

    @precondition(lambda self: len(set(self.history[-5:])) > 1)
    @rule()
    def roll_back(self) -> None:
        earlier = [key for key in self.history[-5:] if key != self.history[-1]][-1]
        self.store.ref("published").append(self.committed[earlier], after=len(self.history))
        self.history.append(earlier)

    @rule(keep=st.integers(0, 1))
    def collect(self, keep: int) -> None:
        plan = plan_garbage(self.store, keep=keep, grace_seconds=-60)
        gone = [key for key, uri in self.committed.items() if uri in plan.versions]
        assert not set(gone) & set(self.history[-5:]), "a published version was collected"
        collect_garbage(self.store, plan, grace_seconds=-60)
        for key in gone:
            del self.committed[key]
        self.removals += 1

    @precondition(lambda self: set(self.committed) - set(self.history))
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(set(self.committed) - set(self.history))))
        drop_version(self.store, self.committed.pop(key))
        self.removals += 1

    @invariant()
    def visible_is_whole_and_as_modelled(self) -> None:
        if not hasattr(self, "store"):
            return
        visible = {version.uri for day in DAYS for version in self.store.versions("graph", day)}
        assert visible == set(self.committed.values())
        for (day, width), uri in self.committed.items():
            version = self.store.version(uri)
            np.testing.assert_array_equal(version.array("rows"), content(day, width))
            assert version.json("document") == {"day": day}
        head = self.store.ref("published").head()
        assert (head is None) == (not self.history)
        if head is not None:
            assert (head.number, head.uri) == (len(self.history), self.committed[self.history[-1]])


class BucketMachine(StoreMachine):
    """The same on S3."""

    @property
    def root(self) -> str:
        return f"s3://store/{self.folder.name}"


def run(machine: type[StoreMachine], forks: ForkServer, below: Path, num_examples: int, num_steps: int) -> None:
    machine.forks, machine.below = forks, below
    # Pauses of an S3 server on a busy machine are no finding.
    quiet = settings(
        max_examples=num_examples, stateful_step_count=num_steps, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(machine, settings=quiet)


def test_local_disk(forks: ForkServer, memory_folder: Path) -> None:
    run(StoreMachine, forks, memory_folder, 25, 20)


def test_s3(forks: ForkServer, s3: str, memory_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PINSAGE_CACHE", str(memory_folder / "cache"))
    run(BucketMachine, forks, memory_folder, 6, 15)
