"""Graph construction: the stage `build_graph` on validated partitions of a power-law stream of saves.

    python -m benchmarks.graph --items 1000000 --boards 200000 --saves 20000000 --json

Measured are the rebuild of a day, the same day added to the graph of the day before (their digests must be equal), and
a peer that makes the same arrays in memory with pandas and scipy (`graph_peer.py`; it orders no rows by day and commits
nothing). Seconds are those of the stage, from opening to commit; CPU seconds and memory are those of all processes, the
start of Python and of Dask's workers included.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.power_law import PowerLawSaves
from benchmarks.process_tree import Measured, measure
from pinsage.store import Store, Version
from pinsage.store.garbage import drop_version
from schemas import SAVES
from tasks.runtime.days import add_days

FIRST_DAY = "2026-01-01"
BATCH_ROWS = 131_072


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--boards", type=int, default=200_000)
    parser.add_argument("--saves", type=int, default=20_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="worker processes")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--day-saves", type=int, default=100_000, help="saves of the last day; 0 = as any other day")
    parser.add_argument("--ids", choices=("int64", "string"), default="int64")
    parser.add_argument("--no-peer", action="store_true", help="leave out the peer, which holds everything in memory")
    parser.add_argument("--root", type=Path, help="folder for the store; default: a temporary one")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    arguments = parser.parse_args()
    root = arguments.root or Path(tempfile.mkdtemp(prefix="pinsage-graph-"))
    try:
        result = run(Store.open(root), arguments)
    finally:
        if arguments.root is None:
            shutil.rmtree(root)
    print(json.dumps(result) if arguments.json else "\n".join(f"{name}: {value}" for name, value in result.items()))


def run(store: Store, arguments: argparse.Namespace) -> dict[str, Any]:
    """Plant the stream and measure what is asked for."""
    stream = PowerLawSaves(arguments.items, arguments.boards, arguments.saves, arguments.seed)
    before, day = plant(store, stream, arguments.days, arguments.day_saves, arguments.ids)
    result = {name: getattr(arguments, name) for name in ("items", "boards", "saves", "seed", "threads", "days", "ids")}
    for version in (graph for known in store.partitions("graph") for graph in store.versions("graph", known)):
        drop_version(store, version.uri)
    rebuilt, measured = build(store, day, arguments.threads)
    seconds = rebuilt.measurements["seconds"]
    result |= {
        "seconds": seconds,
        "saves_per_second": round(arguments.saves / seconds),
        "cpu_seconds": measured.cpu_seconds,
        "peak_bytes": measured.peak_bytes,
        "num_edges": rebuilt.facts["num_edges"],
        "content_digest": rebuilt.content_digest,
    }
    if arguments.day_saves:
        drop_version(store, rebuilt.uri)
        build(store, before, arguments.threads)
        extended, measured = build(store, day, arguments.threads)
        assert extended.content_digest == rebuilt.content_digest, "the extended graph must equal the rebuilt one"
        assert "extended_from" in extended.measurements
        result |= {
            "day_saves": arguments.day_saves,
            "extension_seconds": extended.measurements["seconds"],
            "extension_cpu_seconds": measured.cpu_seconds,
            "extension_gain": round(seconds / extended.measurements["seconds"], 1),
        }
    if not arguments.no_peer:
        peer = measure("benchmarks.graph_peer", [store.root, day.uri])
        result |= {
            "peer_seconds": peer.seconds,
            "peer_cpu_seconds": peer.cpu_seconds,
            "peer_peak_bytes": peer.peak_bytes,
        }
    return result


def build(store: Store, catalog: Version, workers: int) -> tuple[Version, Measured]:
    """Build a graph in a process of its own."""
    measured = measure("benchmarks.graph_stage", [store.root, catalog.uri, str(workers)])
    (graph,) = store.versions("graph", catalog.partition)
    return graph, measured


def plant(store: Store, stream: PowerLawSaves, num_days: int, day_saves: int, kind: str) -> tuple[Version, Version]:
    """Write the stream as validated partitions, all items on the first day.

    Returns:
        The catalogs of the last day but one, and of the last.
    """
    rest = stream.saves - (day_saves or stream.saves // num_days)
    bounds = [*np.linspace(0, rest, num_days, dtype=np.int64).tolist(), stream.saves]
    days = [add_days(FIRST_DAY, number) for number in range(num_days)]
    settings = {"stream": repr(stream), "bounds": bounds, "kind": kind}
    items = commit(store, "items", days[0], settings, item_batches(stream, kind))
    saves = [
        commit(store, "saves", day, settings, save_batches(stream, day, range(start, stop), kind))
        for day, start, stop in zip(days, bounds[:-1], bounds[1:], strict=True)
    ]
    return catalog(store, days[:-1], items, saves[:-1]), catalog(store, days, items, saves)


def commit(store: Store, table: str, day: str, settings: dict[str, Any], batches: Iterator[pa.RecordBatch]) -> Version:
    """Commit a partition; the first batch has no rows and shows the schema."""
    with store.write(f"validated/{table}", partition=day, inputs=[], config=settings, code_version=1) as out:
        if not out.is_committed:
            out.write_table(table, batches, next(batches).schema)
    return out.version


def catalog(store: Store, days: list[str], items: Version, saves: list[Version]) -> Version:
    """The catalog of the last of ``days``."""
    with store.write("catalog", partition=days[-1], inputs=[items, *saves], config={}, code_version=1) as out:
        if not out.is_committed:
            listed = {"items": [items.uri], "saves": [version.uri for version in saves], "engagements": []}
            out.write_json("partitions", listed)
            out.facts.update(timed=True, id_type="int64")
    return out.version


def item_batches(stream: PowerLawSaves, kind: str) -> Iterator[pa.RecordBatch]:
    """Every item of the stream."""
    yield pa.record_batch({"item_id": as_ids(np.arange(0), "item", kind)})
    for start in range(0, stream.items, BATCH_ROWS):
        rows = np.arange(start, min(start + BATCH_ROWS, stream.items))
        yield pa.record_batch({"item_id": as_ids(rows, "item", kind)})


def save_batches(stream: PowerLawSaves, day: str, saves: range, kind: str) -> Iterator[pa.RecordBatch]:
    """A range of the stream as the saves of a day."""
    id_type = pa.string() if kind == "string" else pa.int64()
    schema = SAVES.columns(id_type, id_type)
    yield pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)
    midnight = int((np.datetime64(day, "us")).astype(np.int64))
    for start in range(saves.start, saves.stop, BATCH_ROWS):
        item_rows, board_rows = stream.rows(start, min(start + BATCH_ROWS, saves.stop))
        times = midnight + np.arange(start, start + len(item_rows)) % 86_400 * 1_000_000
        columns = [
            as_ids(board_rows, "board", kind),
            as_ids(item_rows, "item", kind),
            pa.array(times).cast(schema.field("saved_at").type),
            pa.nulls(len(item_rows), pa.string()),
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def as_ids(rows: np.ndarray, what: str, kind: str) -> pa.Array:
    """Distinct ids that are not in the order of the rows."""
    scrambled = rows.astype(np.int64) * 2_654_435_761 % 2**40
    if kind == "int64":
        return pa.array(scrambled)
    return pa.array(np.char.add(f"{what}-", scrambled.astype(np.str_)), pa.string())


if __name__ == "__main__":
    main()
