"""Walks over a graph of which no worker holds more than a part: walkers travel to the part that owns their node.

Every hop sends the walkers over the P2P shuffle of Dask to the part of their node and moves them there; visits go to
the part of the item whose walk it is, are counted, and become chunks. `pinsage.walks.shuffled` has the arrays of one
part; the chunks are byte for byte those of the walks in one memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pinsage.graph.alias import edge_aliases
from pinsage.store import Store, Version, WriteSpec
from pinsage.walks.config import WalkConfig
from pinsage.walks.importance import walk_plan
from pinsage.walks.shuffled import (
    START_ORDER,
    Crowd,
    hop_crowd,
    neighborhoods_of_visits,
    start_crowd,
    still_going,
    visit_orders,
)
from pinsage.walks.walkers import Side, side_of
from tasks.prepare.walks.neighborhood_arrays import write_chunk
from tasks.runtime.dask_cluster import dask_client, performance_page
from tasks.runtime.progress import progress
from tasks.runtime.resources import ResourceConfig

# The two kinds of node, and the other's.
_OTHER = {"item": "board", "board": "item"}
_CROWD = pd.DataFrame({"row": np.empty(0, np.int32), "walk": np.empty(0, np.int32), "node": np.empty(0, np.int32)})
_VISITS = pd.DataFrame({"row": np.empty(0, np.int32), "order": np.empty(0, np.int64), "node": np.empty(0, np.int32)})


def sample_shuffled(
    chunks: list[range], root: str, graph: Version, spec: WriteSpec, config: WalkConfig, resources: ResourceConfig
) -> list[int]:
    """Write the neighborhoods of ``chunks``, as many at once as the graph has parts.

    Returns:
        The number of walks made for each chunk.
    """
    parts = resources.graph_parts
    bounds = {
        side: part_bounds(graph.array(f"{side}_offsets").shape[0] - 1, parts).tolist() for side in ("item", "board")
    }
    made: list[int] = []
    with (
        dask_client(resources, parts),
        performance_page(resources, "sample_neighborhoods"),
        progress("sample_neighborhoods", len(chunks)) as advance,
    ):
        for wave in waves_of(chunks, parts):
            done = _walks_of(wave, root, graph.uri, spec, config, bounds).compute()
            made += done["walks_made"].tolist()
            for _ in wave:
                advance()
    return made


def part_bounds(num_nodes: int, parts: int) -> NDArray[np.int64]:
    """First nodes of the parts, and the number of nodes."""
    return np.unique(np.linspace(0, max(num_nodes, 1), parts + 1).astype(np.int64))


def _walks_of(
    wave: list[range], root: str, uri: str, spec: WriteSpec, config: WalkConfig, bounds: dict[str, list[int]]
) -> Any:
    """The lazy frame whose computation writes the chunks of a wave."""
    import dask.dataframe as dd

    walkers = dd.from_map(start_frame, wave, root=root, uri=uri, config=config, meta=_CROWD)
    visits = [dd.from_map(start_visits, wave, meta=_VISITS)]
    for traversal in range(config.walk_length):
        for step, side in enumerate(("item", "board")):
            walkers = _sent(walkers, "node", bounds[side]).map_partitions(
                hop_frame, root, uri, side, 3 * traversal + step, config, meta=_CROWD
            )
        visits.append(walkers.map_partitions(visits_frame, traversal, config, meta=_VISITS))
        walkers = walkers.map_partitions(going_frame, traversal, config, meta=_CROWD)
    row_bounds = [rows.start for rows in wave] + [wave[-1].stop]
    collected = _sent(dd.concat(visits, interleave_partitions=True), "row", row_bounds)
    meta = pd.DataFrame({"walks_made": np.empty(0, np.int64)})
    return collected.map_partitions(write_frame, root, spec, config, meta=meta)


def _sent(frame: Any, column: str, bounds: list[int]) -> Any:
    """The rows of a frame at the part that owns them by ``column``, which becomes the index."""
    return frame.set_index(column, divisions=bounds, shuffle_method="p2p")


def start_frame(rows: range, root: str, uri: str, config: WalkConfig) -> pd.DataFrame:
    """The walkers of a chunk, on their items."""
    offsets = Store.open(root).version(uri).array("item_offsets")
    crowd = start_crowd(rows, np.diff(offsets[rows.start : rows.stop + 1]), config.num_walks)
    return pd.DataFrame(dict(zip(_CROWD.columns, crowd, strict=True)))


def start_visits(rows: range) -> pd.DataFrame:
    """An entry for every item, so that those without visits are there, too."""
    items = np.arange(rows.start, rows.stop, dtype=np.int32)
    return pd.DataFrame({"row": items, "order": np.full(len(items), START_ORDER, np.int64), "node": items})


def hop_frame(frame: pd.DataFrame, root: str, uri: str, side: str, number: int, config: WalkConfig) -> pd.DataFrame:
    """Walkers moved to the other side; their nodes are in the index, all of one part, in ascending order."""
    if not len(frame):
        return _CROWD
    nodes = frame.index.to_numpy().astype(np.int32)
    first, last = int(nodes[0]), int(nodes[-1])
    crowd = Crowd(frame["row"].to_numpy(), frame["walk"].to_numpy(), nodes)
    part = open_part(Store.open(root).version(uri), side, first, last + 1)
    reached = hop_crowd(part, first, crowd, number, walk_plan(config))
    return pd.DataFrame({"row": crowd.rows, "walk": crowd.walks, "node": reached})


def open_part(graph: Version, side: str, first: int, stop: int) -> Side:
    """The edges of the nodes ``first`` to ``stop`` (exclusive); nothing else of the graph is read from disk."""
    offsets = np.asarray(graph.array(f"{side}_offsets")[first : stop + 1])
    edges = slice(int(offsets[0]), int(offsets[-1]))
    offsets = offsets - offsets[0]
    neighbors = graph.array(f"{side}_{_OTHER[side]}s")[edges]
    name = f"{side}_edge_weights"
    aliases = (
        edge_aliases(offsets, neighbors, graph.array(name)[edges]) if name in graph.names() else np.empty(0, np.uint64)
    )
    return side_of(offsets, neighbors, aliases)


def visits_frame(frame: pd.DataFrame, traversal: int, config: WalkConfig) -> pd.DataFrame:
    """Where the walkers are, as visits."""
    orders = visit_orders(frame["walk"].to_numpy(), traversal, walk_plan(config))
    return pd.DataFrame({"row": frame["row"].to_numpy(), "order": orders, "node": frame["node"].to_numpy()})


def going_frame(frame: pd.DataFrame, traversal: int, config: WalkConfig) -> pd.DataFrame:
    """The walkers that go on."""
    crowd = Crowd(*(frame[column].to_numpy() for column in _CROWD.columns))
    return frame[still_going(crowd, traversal, walk_plan(config))]


def write_frame(frame: pd.DataFrame, root: str, spec: WriteSpec, config: WalkConfig) -> pd.DataFrame:
    """Count the visits of one chunk and write it."""
    visiting = frame.index.to_numpy().astype(np.int32)
    rows = range(int(visiting[0]), int(visiting[-1]) + 1)
    visited, orders = frame["node"].to_numpy(), frame["order"].to_numpy()
    made = neighborhoods_of_visits(rows, visiting, visited, orders, walk_plan(config), config.top_t)
    write_chunk(Store.open(root).resume(spec), rows, made, config)
    return pd.DataFrame({"walks_made": [int(made.walks_made.sum())]})


def waves_of(chunks: list[range], parts: int) -> Iterator[list[range]]:
    """Neighboring chunks, at most so many together."""
    wave: list[range] = []
    for rows in chunks:
        if wave and (len(wave) == parts or wave[-1].stop != rows.start):
            yield wave
            wave = []
        wave.append(rows)
    if wave:
        yield wave
