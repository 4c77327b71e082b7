"""The stage that turns validated saves into the bipartite graph of a day.

A graph is built from the ground in rounds of chunks (`graph_building/rebuild.py`), or from that of an earlier day
(`graph_building/extension.py`); what is committed is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import structlog

from pinsage.graph.config import GraphConfig
from pinsage.graph.edge_keys import MAX_ROWS
from pinsage.store import Version, Writer
from pinsage.store.errors import DamagedVersionError
from pinsage.store.formats import ROW_GROUP_ROWS
from tasks.prepare.graph.chunks import SIDES, Work, chunks_of
from tasks.prepare.graph.extension import Extended, extend, find_earlier
from tasks.prepare.graph.rebuild import Rebuilt, rebuild
from tasks.prepare.graph.spill import Spill
from tasks.runtime.committing import log_version, stage_writer
from tasks.runtime.dask_cluster import chunk_map
from tasks.runtime.session import Session
from tasks.runtime.stages import BUILD_GRAPH

log = structlog.get_logger()


def build_graph(session: Session, catalog: Version) -> Version:
    """Build the graph of the catalog's day: both vocabularies, both CSRs, statistics and, if asked for, weights.

    Items without saves have rows, too; they are recommended from their features alone. Of untimed data only the saves
    of the split ``train`` become edges. Rows are ordered by (first day in the catalog, id).

    Args:
        session: Store and configuration (``graph``, ``resources``).
        catalog: The partitions to read.

    Returns:
        The committed version of ``graph``.

    Raises:
        ValueError: A save names an item that no items partition holds.
    """
    store = session.store
    out = stage_writer(session, BUILD_GRAPH, catalog.partition, [catalog])
    if out.is_committed:
        log_version(BUILD_GRAPH, out.version, new=False)
        return out.version
    try:
        with out:
            if not _extend_earlier(session, catalog, out):
                _rebuild(session, catalog, out)
    except FileNotFoundError:
        # Another attempt may have committed, and removed the spilled files that both use.
        committed = store.find(out.spec.dataset, out.spec.partition, out.spec.fingerprint)
        if committed is None:
            raise
        return committed
    finally:
        if store.find(out.spec.dataset, out.spec.partition, out.spec.fingerprint) is not None:
            spill_of(session, out).remove()
    log_version(BUILD_GRAPH, out.version, new=True)
    return out.version


def spill_of(session: Session, out: Writer) -> Spill:
    """The scratch files of a graph; chunks of another size find nothing of these."""
    chunk_rows = session.config.resources.saves_per_chunk
    return Spill(session.store.scratch(f"graph-{out.spec.fingerprint}-{chunk_rows}"))


def _extend_earlier(session: Session, catalog: Version, out: Writer) -> bool:
    """Write the graph from an earlier one; False when there is none that serves."""
    store, config = session.store, session.config.graph
    if not config.is_plain:
        return False
    max_rows = session.config.resources.saves_per_chunk
    try:
        earlier = find_earlier(store, catalog, out.spec.config, BUILD_GRAPH.code_version, max_rows)
        if earlier is None:
            return False
        write_graph(out, extend(store, earlier), catalog, config)
    except DamagedVersionError as damage:
        log.warning("build_graph: rebuilt, because an earlier graph is damaged", damage=str(damage))
        return False
    out.measurements["extended_from"] = earlier.graph.uri
    return True


def _rebuild(session: Session, catalog: Version, out: Writer) -> None:
    """Write the graph from all partitions of the catalog."""
    resources, listed = session.config.resources, catalog.json("partitions")
    item_chunks, save_chunks = (
        chunks_of(session.store, listed[table], table, resources.saves_per_chunk) for table in ("items", "saves")
    )
    work = Work(
        session.store.root,
        spill_of(session, out).folder,
        session.config.graph,
        len(item_chunks),
        len(save_chunks),
        is_weighted=bool(catalog.facts.get("weighted")),
    )
    with chunk_map(resources, max(len(item_chunks), len(save_chunks))) as run:
        made = rebuild(work, item_chunks, save_chunks, resources.saves_per_chunk, run)
    write_graph(out, made, catalog, session.config.graph)


def write_graph(out: Writer, made: Rebuilt | Extended, catalog: Version, config: GraphConfig) -> None:
    """Write vocabularies, CSRs, weights and statistics."""
    degrees = {side: made.degrees(side) for side in SIDES}
    num_edges = int(degrees["item"].sum())
    offset_type = np.int32 if num_edges <= MAX_ROWS else np.int64
    days = [date.fromisoformat(uri.split("/")[-2]) for uri in catalog.json("partitions")["saves"]]
    ages = np.array([(date.fromisoformat(catalog.partition) - day).days for day in days])

    def write_side(side: str, other: str) -> None:
        schema, batches = id_batches(made.ids(side), f"{side}_id")
        out.write_table(f"{side}_ids", batches, schema)
        out.write_array(f"{side}_offsets", np.concatenate([[0], np.cumsum(degrees[side])]).astype(offset_type))
        out.write_pieces(f"{side}_{other}s", made.others(side), num_rows=num_edges, dtype=np.dtype(np.int32))
        if config.recency_half_life_days or catalog.facts.get("weighted"):
            weights = made.weights(side, ages)
            out.write_pieces(f"{side}_edge_weights", weights, num_rows=num_edges, dtype=np.dtype(np.float32))

    with ThreadPoolExecutor(len(SIDES)) as pool:  # hashing and copying release the interpreter
        list(pool.map(write_side, SIDES, SIDES[::-1]))
    out.write_json("statistics", graph_statistics(degrees["item"], degrees["board"], made.num_saves, made.pruned))
    out.facts.update(
        num_items=len(degrees["item"]),
        num_boards=len(degrees["board"]),
        num_edges=num_edges,
        timed=catalog.facts["timed"],
        id_type=catalog.facts["id_type"],
    )


def id_batches(pieces: Iterator[pa.Array], name: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """A column of ids in batches of a row group each, however the pieces are cut: equal ids are equal bytes."""
    waiting = next(pieces)
    schema = pa.schema([(name, pa.string() if pa.types.is_large_string(waiting.type) else waiting.type)])

    def batches(waiting: pa.Array) -> Iterator[pa.RecordBatch]:
        for piece in pieces:
            waiting = pa.concat_arrays([waiting, piece])
            while len(waiting) >= ROW_GROUP_ROWS:
                yield pa.record_batch([waiting.slice(0, ROW_GROUP_ROWS).cast(schema.field(0).type)], schema)
                waiting = waiting.slice(ROW_GROUP_ROWS)
        if len(waiting):
            yield pa.record_batch([waiting.cast(schema.field(0).type)], schema)

    return schema, batches(waiting)


def graph_statistics(
    item_degrees: np.ndarray, board_degrees: np.ndarray, num_saves: int, pruned: Mapping[str, Mapping[str, list[int]]]
) -> dict[str, Any]:
    """Counts, the quantiles of the degrees, and what pruning left of the edges by class of degree."""
    statistics = {
        "num_items": len(item_degrees),
        "num_items_without_saves": int((item_degrees == 0).sum()),
        "num_boards": len(board_degrees),
        "num_saves": num_saves,
        "num_edges": int(item_degrees.sum()),
        "item_degree": _quantiles(item_degrees),
        "board_degree": _quantiles(board_degrees),
    }
    return {**statistics, "pruned": pruned} if pruned else statistics


def _quantiles(degrees: np.ndarray) -> dict[str, float]:
    if not len(degrees):
        return {}
    names = {"min": 0.0, "p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {
        "mean": round(float(degrees.mean()), 3),
        **{name: int(np.quantile(degrees, share, method="inverted_cdf")) for name, share in names.items()},
    }
