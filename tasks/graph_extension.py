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
from pinsage.graph.extension import insertion_points, with_inserted
from pinsage.store import Store, Version
from pinsage.store.errors import UnknownVersionError
from tasks.graph_chunks import SIDES, Chunk, chunks_of, read_chunk, unknown_items

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
                before = store.input_of(graph, "catalog").json("partitions")
            except UnknownVersionError:
                continue
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
    """The graph, still in pieces; the same attributes and methods as `Rebuilt`."""

    graph: Version
    num_saves: int
    new_ids: dict[str, pa.Array]
    rows: dict[str, np.ndarray]
    pruned: dict[str, dict[str, list[int]]]

    def ids(self, side: str) -> Iterator[pa.Array]:
        """Ids in row order."""
        yield _ids(self.graph, side)
        yield self.new_ids[side]

    def degrees(self, side: str) -> np.ndarray:
        """Edges of every row, int64."""
        before = np.diff(self.graph.array(f"{side}_offsets"))
        added = np.bincount(self.rows[side], minlength=len(before) + len(self.new_ids[side]))
        added[: len(before)] += before
        return added

    def others(self, side: str) -> Iterator[np.ndarray]:
        """The rows of the other side in CSR order, int32."""
        other = SIDES[1 - SIDES.index(side)]
        order = np.argsort(edge_keys.pack(self.rows[side], self.rows[other]))
        rows, added = self.rows[side][order], self.rows[other][order]
        others = self.graph.array(f"{side}_{other}s")
        return with_inserted(others, insertion_points(self.graph.array(f"{side}_offsets"), others, rows, added), added)


def extend(store: Store, earlier: Earlier) -> Extended:
    """Add what was delivered since to a graph.

    Args:
        store: Where the partitions are.
        earlier: The graph and the partitions.

    Raises:
        ValueError: A save names an item that no items partition holds.
    """
    graph = earlier.graph
    table, days = read_chunk(store, earlier.saves, ["item_id", "board_id", "split"])
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
    keys, _ = edge_keys.merge(edge_keys.pack(rows["item"], rows["board"]), None)
    rows = {"item": edge_keys.high(keys), "board": edge_keys.low(keys)}
    points = insertion_points(graph.array("item_offsets"), graph.array("item_boards"), rows["item"], rows["board"])
    num_saves = graph.json("statistics")["num_saves"] + len(days)
    return Extended(graph, num_saves, new_ids, {side: rows[side][points >= 0] for side in SIDES}, {})


def _ids(graph: Version, side: str) -> pa.Array:
    return int_or_large_string(graph.table(f"{side}_ids").column(f"{side}_id"))


def _places(ids: pa.Array, few: pa.Array) -> np.ndarray:
    """Where each of a few distinct ids is among many, int64; -1 where it isn't. Only the few are put into a table."""
    found = pc.index_in(ids, value_set=few)
    hits = np.flatnonzero(found.is_valid().to_numpy(zero_copy_only=False))
    places = np.full(len(few), -1, np.int64)
    places[found.drop_null().to_numpy()] = hits
    return places
