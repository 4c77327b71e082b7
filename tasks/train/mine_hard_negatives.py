"""The stage that finds hard negatives of every training query; the rank bands are in `pinsage.walks.rank_bands`."""

from __future__ import annotations

import numpy as np
import structlog

from pinsage.store import Store, Version, Writer, WriteSpec
from pinsage.walks.config import HardNegativeConfig
from pinsage.walks.rank_bands import hard_negative_pools
from tasks.prepare.sample_neighborhoods import kernel_threads, opened_graph
from tasks.runtime.committing import commit_stage
from tasks.runtime.dask_cluster import map_chunks
from tasks.runtime.session import Session
from tasks.runtime.stages import MINE_HARD_NEGATIVES

CHUNK_QUERIES = 16_384

log = structlog.get_logger()


def mine_hard_negatives(session: Session, graph: Version, pairs: Version) -> Version:
    """Pools of hard negatives for the distinct queries of the training pairs, in chunks on Dask.

    Returns:
        The committed version of ``hard_negatives``: arrays ``queries`` int32 [q] ascending and ``pools`` int32
        [q, pool_size], -1 for padding.
    """
    config, resources = session.config.hard_negatives, session.config.resources

    def write(out: Writer) -> None:
        queries = training_queries(pairs)
        missing = list(out.missing_rows(["pools"], num_rows=len(queries), chunk_rows=CHUNK_QUERIES))
        map_chunks(
            mine_chunk,
            missing,
            session.store.root,
            graph.uri,
            pairs.uri,
            out.spec,
            config,
            kernel_threads(resources, len(missing)),
            resources.huge_page_bytes,
            resources=resources,
            name="mine_hard_negatives",
        )
        left = list(out.missing_rows(["pools"], num_rows=len(queries), chunk_rows=CHUNK_QUERIES))
        assert not left, f"chunks that no worker wrote: {left}"
        out.write_array("queries", queries)
        out.facts.update(num_queries=len(queries), pool_size=config.pool_size)

    return commit_stage(session, MINE_HARD_NEGATIVES, pairs.partition, [graph, pairs], write)


def mine_chunk(
    rows: range,
    root: str,
    graph_uri: str,
    pairs_uri: str,
    spec: WriteSpec,
    config: HardNegativeConfig,
    threads: int,
    huge_page_bytes: int,
) -> None:
    """Write the pools of some queries: what a Dask worker does."""
    store = Store.open(root)
    graph, pairs = opened_graph(root, graph_uri, huge_page_bytes), store.version(pairs_uri)
    train = pairs.array("train")
    order = np.lexsort((train[:, 1], train[:, 0]))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(train[:, 0], minlength=graph.num_items))]).astype(np.int64)
    queries = training_queries(pairs)[rows.start : rows.stop]
    positives = np.ascontiguousarray(train[order, 1])
    pools = hard_negative_pools(graph, queries, offsets, positives, config, threads=threads)
    store.resume(spec).write_array("pools", pools, rows=rows)


def training_queries(pairs: Version) -> np.ndarray:
    """Distinct query rows of the training pairs, int32 ascending."""
    return np.unique(np.asarray(pairs.array("train"))[:, 0]).astype(np.int32)
