"""Stages of a small planted day, each from a snapshot of the store as it was before: the ground that faults hit.

Everything here runs in forks of a process that has imported the pipeline, so that a stage costs what it does and not
what it imports.
"""

from __future__ import annotations

import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinsage.store import Store
from pinsage.store.failpoints import reached
from tasks.data.ingest import ingest
from tasks.data.ingestion.mapping import IngestMapping
from tasks.flow.run import prepare, stage_names, steps_of
from tasks.prepare.prepared import days_to_prepare
from tasks.runtime.session import Session
from tests.faults.fork_server import ForkServer
from tests.tasks.test_pipeline import planted

DAY = "2026-03-20"
STAGES = ("ingest", *stage_names("prepare"), *stage_names("train"), *stage_names("publish"))
SETTINGS: dict[str, Any] = {
    "evaluation.holdout_days": 3,
    "evaluation.bootstrap_samples": 20,
    "index.num_queries": 50,
    "pairs.graph_lag_days": 3,
    "model.hidden_width": 16,
    "model.width": 8,
    "training.epochs": 2,
    "training.epoch_steps": 6,
    "training.batch_pairs": 64,
    "training.checkpoint_steps": 4,
    "training.shared_negatives": 32,
    "resources.workers": 1,
    "resources.threads": 1,
}
THIS = "tests.faults.stages"


def run_stage(root: str, data: str, stage: str, places: str = "") -> None:
    """Do one stage; where ``places`` names a file, write the failpoints that it reached there."""
    signal.signal(signal.SIGTERM, _terminated)
    session = Session.open(root, SETTINGS)
    if stage == "ingest":
        source = Path(data)
        mapping = IngestMapping(board_id="collection", timestamp="ts", vectors={"image": "embedding"})
        ingest(session, items=source / "items.parquet", saves=source / "saves.parquet", mapping=mapping)
    elif stage == "earlier_days":
        for day in days_to_prepare(session, DAY)[:-1]:
            for _ in prepare(session, day):
                pass
    else:
        steps, _ = steps_of(session, stage, DAY)
        for _ in steps:
            pass
    if places:
        Path(places).write_text("\n".join(reached()))


def _terminated(number: int, frame: object) -> None:
    """Airflow's task runner turns a SIGTERM into an exception, too: what is open is closed, then the SIGKILL comes."""
    raise SystemExit(128 + number)


def run_day(root: str, data: str) -> None:
    """The whole day, or what is missing of it."""
    for stage in ("ingest", "earlier_days", *STAGES[1:]):
        run_stage(root, data, stage)


@dataclass(frozen=True)
class State:
    """What a store shows: the content digest of every committed version by URI, and every reference's history."""

    digests: dict[str, str]
    references: dict[str, list[str]]

    def differences(self, expected: State) -> dict[str, tuple[object, object]]:
        """What is otherwise than expected, by URI or reference: (found, expected); None for what is not there."""
        found = {**self.digests, **self.references}
        wanted = {**expected.digests, **expected.references}
        names = sorted(found.keys() | wanted.keys())
        return {name: (found.get(name), wanted.get(name)) for name in names if found.get(name) != wanted.get(name)}


def state(root: str) -> State:
    """Read everything that can be seen, and verify all of it."""
    store = Store.open(root)
    digests, references = {}, {}
    for info in store.objects.walk(""):
        if info.key.startswith("_refs/"):
            name = info.key.removeprefix("_refs/").rpartition("/")[0]
            references[name] = [entry.uri for entry in store.ref(name).history()]
        elif "/_commits/" in info.key:
            folder, _, name = info.key.partition("/_commits/")
            version = store.version(f"{folder}/{name.removesuffix('.json')}")
            version.verify()
            digests[version.uri] = version.content_digest
    return State(digests, references)


class CalmDay:
    """A day that nothing disturbed.

    Attributes:
        data: The planted files.
        before: Stage -> snapshot of the store before it.
        after: Stage -> what the store shows after it.
        seconds: Stage -> how long it took.
        places: Stage -> the failpoints that it reached, in this process and not in those that it started.
    """

    def __init__(self, folder: Path, forks: ForkServer) -> None:
        self.data = str(planted(folder / "data", strings=True, timed=True, vectors=16))
        self.before: dict[str, Path] = {}
        self.after: dict[str, State] = {}
        self.seconds: dict[str, float] = {}
        self.places: dict[str, list[str]] = {}
        root, listed = folder / "calm", folder / "places"
        forks.run("os:getpid")  # the server has imported everything when it answers: no stage is charged for that
        for stage in ("ingest", "earlier_days", *STAGES[1:]):
            self.before[stage] = copy(root, folder / f"before-{stage}")
            started = time.monotonic()
            forks.run(
                f"{THIS}:run_stage", str(root), self.data, stage, str(listed), environment={"PINSAGE_FAILPOINT": "none"}
            )
            self.seconds[stage] = time.monotonic() - started
            self.places[stage] = listed.read_text().split()
            self.after[stage] = state(str(root))
        self.root = root

    @property
    def finished(self) -> State:
        """What the store shows at the end."""
        return self.after[STAGES[-1]]


def copy(store: Path, target: Path) -> Path:
    """Copy a local store in no time: its files are immutable, so hard links will do."""
    store.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-al", str(store), str(target)], check=True)
    return target
