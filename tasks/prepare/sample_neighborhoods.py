"""The stage that samples the importance neighborhoods of every item; the walks are in `pinsage.walks`."""

from __future__ import annotations

import os
from dataclasses import fields
from functools import lru_cache

import numpy as np
import structlog

from pinsage.graph.bipartite import BipartiteGraph
from pinsage.graph.huge_pages import in_huge_pages
from pinsage.store import Store, Version, Writer, WriteSpec
from pinsage.walks.config import WalkConfig
from pinsage.walks.importance import importance_neighborhoods
from tasks.prepare.walks.neighborhood_arrays import array_names, write_chunk
from tasks.prepare.walks.shuffled_walks import sample_shuffled
from tasks.runtime.committing import commit_stage
from tasks.runtime.dask_cluster import map_chunks
from tasks.runtime.resources import ResourceConfig
from tasks.runtime.session import Session
from tasks.runtime.stages import SAMPLE_NEIGHBORHOODS

log = structlog.get_logger()


def sample_neighborhoods(session: Session, graph: Version) -> Version:
    """Importance neighborhoods of every item of ``graph``, chunk by chunk of item rows.

    Args:
        session: Store and configuration (``walks``, and of ``resources`` the threads and rows per chunk).
        graph: A version of ``graph`` with both CSRs.

    Returns:
        The committed version of ``neighborhoods``: arrays ``neighbors`` int32 and ``importances`` float32
        [num_items, T]; where walks may end early, ``walks_made`` int32 [num_items], too.
    """
    config, resources = session.config.walks, session.config.resources

    def write(out: Writer) -> None:
        names, num_items = array_names(config), graph.array("item_offsets").shape[0] - 1
        missing = list(out.missing_rows(names, num_rows=num_items, chunk_rows=resources.chunk_rows))
        walks_made = _sample(session, missing, graph, out.spec)
        left = list(out.missing_rows(names, num_rows=num_items, chunk_rows=resources.chunk_rows))
        assert not left, f"chunks that no worker wrote: {left}"
        out.facts.update(num_items=num_items, top_t=config.top_t)
        num_walked = sum(len(rows) for rows in missing)
        out.measurements["share_of_walks_made"] = round(sum(walks_made) / max(num_walked * config.num_walks, 1), 4)

    return commit_stage(session, SAMPLE_NEIGHBORHOODS, graph.partition, [graph], write)


def _sample(session: Session, chunks: list[range], graph: Version, spec: WriteSpec) -> list[int]:
    """Write chunks, in the memory of every worker or, of a graph in parts, with walkers that travel."""
    config, resources, root = session.config.walks, session.config.resources, session.store.root
    if resources.graph_parts:
        return sample_shuffled(chunks, root, graph, spec, config, resources)
    threads = kernel_threads(resources, len(chunks))
    arguments = (root, graph.uri, spec, config, threads, resources.huge_page_bytes)
    return map_chunks(sample_chunk, chunks, *arguments, resources=resources, name="sample_neighborhoods")


def sample_chunk(
    rows: range,
    root: str,
    graph_uri: str,
    spec: WriteSpec,
    config: WalkConfig,
    threads: int,
    huge_page_bytes: int,
) -> int:
    """Write the neighborhoods of some rows: what a Dask worker does. Returns the number of walks."""
    graph = opened_graph(root, graph_uri, huge_page_bytes)
    made = importance_neighborhoods(graph, rows, config, threads=threads)
    write_chunk(Store.open(root).resume(spec), rows, made, config)
    return int(made.walks_made.sum())


def kernel_threads(resources: ResourceConfig, num_chunks: int) -> int:
    """Threads of a kernel: all cores for a chunk computed alone, one for each of many chunks on workers."""
    alone = num_chunks <= 1 or resources.workers == 1
    return (resources.threads or os.cpu_count() or 1) if alone and resources.dask_address is None else 1


@lru_cache(maxsize=1)
def opened_graph(root: str, uri: str, huge_page_bytes: int) -> BipartiteGraph:
    """`open_graph`, once for all chunks of a process, and in huge pages unless it is larger than that."""
    arrays = graph_arrays(Store.open(root).version(uri))
    if sum(array.nbytes for array in arrays.values()) <= huge_page_bytes:
        arrays = {name: in_huge_pages(array) for name, array in arrays.items()}
    return BipartiteGraph(**arrays)


def open_graph(graph: Version) -> BipartiteGraph:
    """Map the arrays of a ``graph`` version and check them."""
    return BipartiteGraph(**graph_arrays(graph))


def graph_arrays(graph: Version) -> dict[str, np.ndarray]:
    """The mapped arrays of a `BipartiteGraph`, edge weights included where the version has them."""
    return {field.name: graph.array(field.name) for field in fields(BipartiteGraph) if field.name in graph.names()}
