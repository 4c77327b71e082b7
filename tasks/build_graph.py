"""The stage that turns validated saves into the bipartite graph of a day; CSR building is in `pinsage.graph`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import structlog

from pinsage.graph.bipartite import BipartiteGraph
from pinsage.graph.bipartite import build_graph as build_csr
from pinsage.graph.vocabulary import Vocabulary
from pinsage.store import Store, Version
from schemas.columns import id_type
from tasks.dask_cluster import map_chunks
from tasks.session import Session

CODE_VERSION = 1
DAYS_PER_CHUNK = 64

log = structlog.get_logger()


def build_graph(session: Session, catalog: Version) -> Version:
    """Build the graph of the catalog's day: both vocabularies, both CSRs, degrees and statistics.

    Items without saves have rows, too; they are recommended from their features alone. Of untimed data only the saves
    of the split ``train`` become edges.

    Args:
        session: Store and configuration (``resources``).
        catalog: The partitions to read.

    Returns:
        The committed version of ``graph``.
    """
    store = session.store
    with store.write(
        "graph", partition=catalog.partition, inputs=[catalog], config={}, code_version=CODE_VERSION
    ) as out:
        if out.is_committed:
            return out.version
        partitions = catalog.json("partitions")
        items = Vocabulary.from_days(
            (store.version(uri).table("items", ["item_id"]).column("item_id") for uri in partitions["items"]),
            id_type(catalog.facts["id_type"]),
        )
        saves = partitions["saves"]
        chunks = [saves[start : start + DAYS_PER_CHUNK] for start in range(0, len(saves), DAYS_PER_CHUNK)]
        read: list[list[pa.Table]] = map_chunks(
            read_edges, chunks, store.root, resources=session.config.resources, name="build_graph"
        )
        days = [day for chunk in read for day in chunk]
        boards = Vocabulary.from_days((day.column("board_id") for day in days), days[0].schema.field("board_id").type)
        item_rows = np.concatenate([items.rows(day.column("item_id")) for day in days])
        board_rows = np.concatenate([boards.rows(day.column("board_id")) for day in days])
        if (item_rows < 0).any():
            raise ValueError(
                f"graph {catalog.partition}: {int((item_rows < 0).sum())} saves of items in no items partition; "
                "validation quarantines such saves: validate the days of the catalog again"
            )
        graph = build_csr(item_rows, board_rows, len(items), len(boards))
        out.write_table("item_ids", pa.table({"item_id": items.ids}))
        out.write_table("board_ids", pa.table({"board_id": boards.ids}))
        for name in ("item_offsets", "item_boards", "board_offsets", "board_items"):
            out.write_array(name, getattr(graph, name))
        out.write_json("statistics", graph_statistics(graph, num_saves=len(item_rows)))
        out.facts.update(
            num_items=graph.num_items,
            num_boards=graph.num_boards,
            num_edges=graph.num_edges,
            timed=catalog.facts["timed"],
            id_type=catalog.facts["id_type"],
        )
    log.info("build_graph", version=out.version.uri, **out.version.facts, seconds=out.version.measurements["seconds"])
    return out.version


def read_edges(uris: list[str], root: str) -> list[pa.Table]:
    """The distinct (board_id, item_id) of each partition, in the given order; untimed data: of the split train."""
    store = Store.open(root)
    days = []
    for uri in uris:
        table = store.version(uri).table("saves", ["board_id", "item_id", "split"])
        table = table.filter(pc.fill_null(pc.equal(table.column("split"), "train"), True))
        days.append(table.select(["board_id", "item_id"]))
    return days


def graph_statistics(graph: BipartiteGraph, num_saves: int) -> dict[str, Any]:
    """Counts, and the quantiles of the degrees of items and boards."""
    item_degrees, board_degrees = graph.item_degrees(), np.diff(graph.board_offsets)
    return {
        "num_items": graph.num_items,
        "num_items_without_saves": int((item_degrees == 0).sum()),
        "num_boards": graph.num_boards,
        "num_saves": num_saves,
        "num_edges": graph.num_edges,
        "item_degree": _quantiles(item_degrees),
        "board_degree": _quantiles(board_degrees),
    }


def _quantiles(degrees: np.ndarray) -> dict[str, float]:
    if not len(degrees):
        return {}
    names = {"min": 0.0, "p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {
        "mean": round(float(degrees.mean()), 3),
        **{name: int(np.quantile(degrees, share, method="inverted_cdf")) for name, share in names.items()},
    }
