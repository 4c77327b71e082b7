"""The stage that samples the importance neighborhoods of every item; the walks are in `pinsage.walks`."""

from __future__ import annotations

import os

import structlog

from pinsage.graph.bipartite import BipartiteGraph
from pinsage.store import Version
from pinsage.walks.importance import importance_neighborhoods
from tasks.session import Session

CODE_VERSION = 1

log = structlog.get_logger()


def sample_neighborhoods(session: Session, graph: Version) -> Version:
    """Importance neighborhoods of every item of ``graph``, chunk by chunk of item rows.

    Args:
        session: Store and configuration (``walks``, and of ``resources`` the threads and rows per chunk).
        graph: A version of ``graph`` with both CSRs.

    Returns:
        The committed version of ``neighborhoods``: arrays ``neighbors`` int32 and ``importances`` float32
        [num_items, T].
    """
    config, resources = session.config.walks, session.config.resources
    with session.store.write(
        "neighborhoods", partition=graph.partition, inputs=[graph], config=config, code_version=CODE_VERSION
    ) as out:
        if out.is_committed:
            return out.version
        saves = open_graph(graph)
        threads = resources.threads or os.cpu_count() or 1
        for rows in out.missing_rows(
            ["neighbors", "importances"], num_rows=saves.num_items, chunk_rows=resources.chunk_rows
        ):
            neighbors, importances = importance_neighborhoods(saves, rows, config, threads=threads)
            out.write_array("neighbors", neighbors, rows=rows)
            out.write_array("importances", importances, rows=rows)
        out.facts.update(num_items=saves.num_items, top_t=config.top_t)
    log.info("sample_neighborhoods", version=out.version.uri, num_items=saves.num_items, **out.version.measurements)
    return out.version


def open_graph(graph: Version) -> BipartiteGraph:
    """Map the arrays of a ``graph`` version and check them."""
    return BipartiteGraph(
        item_offsets=graph.array("item_offsets"),
        item_boards=graph.array("item_boards"),
        board_offsets=graph.array("board_offsets"),
        board_items=graph.array("board_items"),
    )
