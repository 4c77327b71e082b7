"""What `pinsage status` and `pinsage plan` cost in a store with a year of days behind it.

    TMPDIR=/dev/shm python -m benchmarks.history --days 365 --json      # in memory: planting is all fsync

The store is planted: every day has its deliveries, what they were validated to and what was prepared of them, as
versions and references; the last day also what was trained and published. No file holds data, because neither command
reads any. Each command is a process of its own, as a person starts it, so its imports count. One line of JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.process_tree import measure
from pinsage.store import Store, Version
from pinsage.store.objects import Objects
from tasks.data.deliveries import COMMIT_THREADS, TABLES, Deliveries
from tasks.flow.plan import plan
from tasks.prepare.prepared import as_of_day, graph_day
from tasks.runtime.days import add_days, day_range
from tasks.runtime.session import Session
from tasks.runtime.stages import BY_DATASET

LAST_DAY = "2026-03-20"
FACTS = {"num_rows": 1000, "timed": True, "id_type": "string", "board_id_type": "string"}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        plant_days(root, arguments.days)
        result: dict[str, Any] = {"benchmark": "history", "days": arguments.days}
        for command in (["status"], ["plan", "--day", LAST_DAY]):
            measured = measure("tasks.cli", [*command, "--root", root])
            result[f"{command[0]}_seconds"] = round(measured.seconds, 2)
            result[f"{command[0]}_cpu_seconds"] = round(measured.cpu_seconds, 2)
        result["plan_reads"] = count_reads(root)
    print(json.dumps(result) if arguments.json else "  ".join(f"{name} {value}" for name, value in result.items()))


def plant_days(root: str, num_days: int) -> None:
    """A store whose last day, `LAST_DAY`, is up to date from validation to report, after ``num_days`` like it."""
    session = Session.open(root)
    days = day_range(add_days(LAST_DAY, 1 - num_days), LAST_DAY)
    with ThreadPoolExecutor(COMMIT_THREADS) as pool:
        for table in TABLES:
            list(pool.map(lambda day, table=table: _deliver(session, table, day), days))
    deliveries = Deliveries(session)
    for day in days:
        for table in TABLES:
            arguments = deliveries.validation_of(table, day)
            assert arguments is not None, "earlier items are validated"
            _commit(session, f"validated/{table}", **arguments)
            if table == "items":
                deliveries.record_known_items(day)
    for day in days:
        _prepare(session, deliveries, day)
    _train_and_publish(session, deliveries, LAST_DAY)


class CountingObjects:
    """A storage that counts what is read of it: objects, and listings of folders."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.reads = 0

    def __getattr__(self, name: str) -> Any:
        self.reads += name in ("get", "children", "files", "folders", "walk", "size", "download")
        return getattr(self._objects, name)


def count_reads(root: str) -> int:
    """Objects and folders that a plan for the last day reads; every stage must be up to date."""
    session = Session.open(root)
    objects = CountingObjects(session.store.objects)
    steps = plan(Session(Store(objects, session.store.cache), session.config), LAST_DAY)
    late = [step for step in steps if step.state != "up to date"]
    assert not late, late
    return objects.reads


def _deliver(session: Session, table: str, day: str) -> None:
    config = {"rows_sha256": f"{table} {day}"}
    raw = _commit(session, f"raw/{table}", partition=day, inputs=[], config=config, code_version=1)
    session.store.ref(f"raw/{table}/{day}").point_to(raw.uri)


def _prepare(session: Session, deliveries: Deliveries, day: str) -> None:
    validated = [
        deliveries.require_validated(table, known) for table in TABLES for known in deliveries.days_for(table, day)
    ]
    made = {"catalog": _stage(session, "catalog", day, validated)}
    for dataset, inputs in {
        "graph": ["catalog"],
        "features": ["catalog", "graph"],
        "neighborhoods": ["graph"],
        "prepared": ["catalog", "graph", "features", "neighborhoods"],
    }.items():
        made[dataset] = _stage(session, dataset, day, [made[name] for name in inputs])
    session.store.ref(f"prepared/{day}").point_to(made["prepared"].uri)


def _train_and_publish(session: Session, deliveries: Deliveries, day: str) -> None:
    store, as_of = session.store, as_of_day(session, day)
    trained_on = graph_day(session, as_of)

    def prepared(of: str, *datasets: str) -> list[Version]:
        return [store.versions(dataset, of)[0] for dataset in datasets]

    held_out = [
        deliveries.require_validated(table, known)
        for table in ("saves", "engagements")
        for known in deliveries.days_for(table, day)
        if known > as_of
    ]
    graph, embedded = prepared(trained_on, "graph"), ("graph", "features", "neighborhoods")
    pairs = _stage(session, "pairs", day, [*prepared(as_of, "catalog"), *graph])
    holdout_pairs = _stage(session, "holdout_pairs", day, [*prepared(as_of, "graph"), *held_out])
    hard_negatives = _stage(session, "hard_negatives", day, [*graph, pairs])
    model = _stage(session, "model", day, [*prepared(trained_on, *embedded), pairs, hard_negatives])
    measured = _stage(session, "embeddings", as_of, [model, *prepared(as_of, *embedded)])
    evaluation = _stage(session, "evaluation", day, [model, measured, pairs, holdout_pairs])
    store.ref("champion").point_to(model.uri)
    embeddings = _stage(session, "embeddings", day, [model, *prepared(day, *embedded)])
    index = _stage(session, "index", day, [embeddings, *prepared(day, "features", "graph")])
    store.ref("published").point_to(index.uri)
    _stage(session, "report", day, [index, evaluation, *prepared(day, "graph")])


def _stage(session: Session, dataset: str, day: str, inputs: Sequence[Version]) -> Version:
    stage = BY_DATASET[dataset]
    made_from = {"config": stage.fingerprinted(session.config), "code_version": stage.code_version}
    return _commit(session, dataset, partition=day, inputs=inputs, **made_from)


def _commit(session: Session, dataset: str, **made_from: Any) -> Version:
    with session.store.write(dataset, **made_from) as out:
        if not out.is_committed:
            out.facts.update(FACTS)
    return out.version


if __name__ == "__main__":
    main()
