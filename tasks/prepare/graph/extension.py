"""The graph of a day from that of an earlier day and what was delivered since, when nothing was taken away in between.

An earlier graph serves when its catalog is the beginning of this one: then all rows are the same, new ids are appended
and new edges are inserted. The result equals a rebuild, byte for byte; which way was taken is no part of a fingerprint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pinsage.graph import edge_keys
from pinsage.graph.distinct_ids import distinct_ids, int_or_large_string
from pinsage.graph.edge_keys import Edges
from pinsage.graph.extension import find_edges, with_inserted
from pinsage.store import Store, Version
from pinsage.store.errors import UnknownVersionError
from tasks.prepare.graph.chunks import SIDES, Chunk, chunks_of, read_chunk, save_columns, unknown_items

SEARCHED_DAYS = 7  # a correction of a few days ago leaves the graph before it of use; one of a year ago leaves none


@dataclass(frozen=True)
class Earlier:
    """A graph that can be extended, and what came since: one chunk of items' and one of saves' partitions."""

    graph: Version
    items: Chunk
    saves: Chunk


def find_earlier(
    store: Store, catalog: Version, settings: Mapping[str, Any], code_version: int, max_rows: int
) -> Earlier | None:
    """The newest earlier graph whose catalog is the beginning of this one.

    Args:
        store: Where to look.
        catalog: Of the day.
        settings: Of the graph; those of the earlier one must be equal.
        code_version: The same.
        max_rows: Items or saves delivered since, above which a rebuild is the better way.
    """
    listed = catalog.json("partitions")
    days = [known for known in store.partitions("graph") if known < catalog.partition]
    for day in reversed(days[-SEARCHED_DAYS:]):
        for graph in store.versions("graph", day):
            if (graph.manifest.config, graph.manifest.code_version) != (dict(settings), code_version):
                continue
            try:
                earlier = store.input_of(graph, "catalog")
            except UnknownVersionError:
                continue
            before = earlier.json("partitions")
            if earlier.facts.get("weighted") != catalog.facts.get("weighted"):
                continue  # without weights it is not known how often an edge was saved
            if any(before[table] != listed[table][: len(before[table])] for table in ("items", "saves")):
                continue
            items, saves = (
                chunks_of(store, listed[table], table, max_rows, first=len(before[table]))
                for table in ("items", "saves")
            )
            return Earlier(graph, items[0], saves[0]) if len(items) == len(saves) == 1 else None
    return None


@dataclass(frozen=True)
class Extended:
    """The graph, still in pieces; the same attributes and methods as `Rebuilt`.

    Attributes:
        graph: The earlier graph.
        num_saves: Of both.
        new_ids: Of each side.
        new: The edges that are added, by item and board.
        saved_again: With weights, the saves of edges that the graph has, in their order.
        pruned: Nothing.
    """

    graph: Version
    num_saves: int
    new_ids: dict[str, pa.Array]
    new: Edges
    saved_again: Edges
    pruned: dict[str, dict[str, list[int]]]

    def ids(self, side: str) -> Iterator[pa.Array]:
        """Ids in row order."""
        yield _ids(self.graph, side)
        yield self.new_ids[side]

    def degrees(self, side: str) -> np.ndarray:
        """Edges of every row, int64."""
        before = np.diff(self.graph.array(f"{side}_offsets"))
        rows = edge_keys.high(seen_from(side, self.new).keys)
        added = np.bincount(rows, minlength=len(before) + len(self.new_ids[side]))
        added[: len(before)] += before
        return added

    def others(self, side: str) -> Iterator[np.ndarray]:
        """The rows of the other side in CSR order, int32."""
        new = seen_from(side, self.new)
        points, _ = find_edges(*self._csr(side), edge_keys.high(new.keys), edge_keys.low(new.keys))
        return with_inserted(self._csr(side)[1], points, edge_keys.low(new.keys))

    def weights(self, side: str, ages: np.ndarray) -> Iterator[np.ndarray]:
        """Of a graph with weights, those of the edges in CSR order, float32; no age is looked at."""
        del ages
        new, again = seen_from(side, self.new), seen_from(side, self.saved_again)
        assert new.weights is not None
        assert again.weights is not None
        points, _ = find_edges(*self._csr(side), edge_keys.high(new.keys), edge_keys.low(new.keys))
        saved, _ = find_edges(*self._csr(side), edge_keys.high(again.keys), edge_keys.low(again.keys))
        before = self.graph.array(f"{side}_edge_weights")
        places, of_saves = np.unique(saved, return_inverse=True)
        sums = before[places]
        np.add.at(sums, of_saves, again.weights)  # save by save, as `edge_keys.merge` does
        return with_inserted(before, points, new.weights, changed=(places, sums))

    def _csr(self, side: str) -> tuple[np.ndarray, np.ndarray]:
        other = SIDES[1 - SIDES.index(side)]
        return self.graph.array(f"{side}_offsets"), self.graph.array(f"{side}_{other}s")


def seen_from(side: str, edges: Edges) -> Edges:
    """Edges by item and board, as the items or the boards see them, ascending."""
    return edges if side == "item" else edge_keys.ordered(edges._replace(keys=edge_keys.swap(edges.keys)))


def extend(store: Store, earlier: Earlier) -> Extended:
    """Add what was delivered since to a graph.

    Args:
        store: Where the partitions are.
        earlier: The graph and the partitions.

    Raises:
        ValueError: A save names an item that no items partition holds.
    """
    graph = earlier.graph
    is_weighted = "item_edge_weights" in graph.names()
    table, days = read_chunk(store, earlier.saves, save_columns(is_weighted))
    named = {side: distinct_ids(int_or_large_string(table.column(f"{side}_id")), days) for side in SIDES}
    delivered, item_days = read_chunk(store, earlier.items, ["item_id"])
    defined = {
        "item": distinct_ids(int_or_large_string(delivered.column("item_id")), item_days),
        "board": named["board"],
    }
    new_ids, rows = {}, {}
    for side in SIDES:
        known = _ids(graph, side)
        is_new = _places(known, defined[side].ids) < 0
        added = defined[side].ids.filter(pa.array(is_new))
        order = np.argsort(defined[side].days[is_new], kind="stable")
        new_ids[side] = added.take(pa.array(order))
        of_named, of_new = _places(known, named[side].ids), _places(new_ids[side], named[side].ids)
        row_of_code = np.where(of_named >= 0, of_named, np.where(of_new >= 0, of_new + len(known), -1))
        if (row_of_code < 0).any():
            unknown = named[side].ids.filter(pa.array(row_of_code < 0))
            raise ValueError(unknown_items(unknown))
        rows[side] = row_of_code.astype(np.int32)[named[side].codes]
    weights = table.column("weight").to_numpy() if is_weighted else None
    edges = edge_keys.ordered(Edges(edge_keys.pack(rows["item"], rows["board"]), weights=weights))
    _, is_there = find_edges(
        graph.array("item_offsets"), graph.array("item_boards"), edge_keys.high(edges.keys), edge_keys.low(edges.keys)
    )
    num_saves = graph.json("statistics")["num_saves"] + len(days)
    return Extended(graph, num_saves, new_ids, edge_keys.merge(edges.taken(~is_there)), edges.taken(is_there), {})


def _ids(graph: Version, side: str) -> pa.Array:
    return int_or_large_string(graph.table(f"{side}_ids").column(f"{side}_id"))


def _places(ids: pa.Array, few: pa.Array) -> np.ndarray:
    """Where each of a few distinct ids is among many, int64; -1 where it isn't. Only the few are put into a table."""
    found = pc.index_in(ids, value_set=few)
    hits = np.flatnonzero(found.is_valid().to_numpy(zero_copy_only=False))
    places = np.full(len(few), -1, np.int64)
    places[found.drop_null().to_numpy()] = hits
    return places
