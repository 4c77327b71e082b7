"""What a worker does for one chunk or part of a graph that is rebuilt; the rounds are in `rebuild.py`.

Every result is spilled under its name, and a name that is there is not computed again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pinsage.graph import edge_keys
from pinsage.graph.config import GraphConfig
from pinsage.graph.distinct_ids import distinct_ids, int_or_large_string, positions
from pinsage.graph.edge_keys import Edges
from pinsage.graph.pruning import boards_in_range, count_by_class, degrees_limited
from pinsage.graph.row_layout import RowLayout, rank_by_day
from pinsage.store import Store
from tasks.prepare.graph.spill import Spill

SIDES = ("item", "board")


@dataclass(frozen=True)
class Slice:
    """Rows of one partition; ``day`` is its place among the partitions of its table."""

    uri: str
    table: str
    day: int
    rows: range


@dataclass(frozen=True)
class Chunk:
    """Slices, in order of their days, that one worker reads at once."""

    number: int
    slices: tuple[Slice, ...]


def chunks_of(store: Store, uris: Sequence[str], table: str, chunk_rows: int, *, first: int = 0) -> list[Chunk]:
    """Cut partitions into chunks of at most ``chunk_rows`` rows; at least one chunk, however few rows there are.

    Args:
        store: Where the partitions are.
        uris: The partitions of a table, ascending by day.
        table: ``items`` or ``saves``.
        chunk_rows: Rows of a chunk.
        first: Partitions before this place are left out.
    """
    chunks: list[list[Slice]] = [[]]
    room = chunk_rows
    for day in range(first, len(uris)):
        start, stop = 0, store.version(uris[day]).num_rows(table)
        while start < stop:
            if room == 0:
                chunks.append([])
                room = chunk_rows
            rows = range(start, min(stop, start + room))
            chunks[-1].append(Slice(uris[day], table, day, rows))
            start, room = rows.stop, room - len(rows)
    if not chunks[0]:
        chunks[0].append(Slice(uris[-1], table, len(uris) - 1, range(0)))  # no rows, but their types
    return [Chunk(number, tuple(slices)) for number, slices in enumerate(chunks)]


@dataclass(frozen=True)
class Part:
    """A range of ids or of edges, and where it is in each run."""

    number: int
    bounds: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Work:
    """What every worker needs to know: the store, the spill's folder, the settings, the numbers of chunks.

    ``is_weighted`` says that saves have weights.
    """

    root: str
    folder: Path
    config: GraphConfig
    num_item_chunks: int
    num_save_chunks: int
    is_weighted: bool

    @property
    def spill(self) -> Spill:
        """The scratch files."""
        return Spill(self.folder)

    @property
    def keeps_days(self) -> bool:
        """Whether the days of the edges are kept."""
        return self.config.recency_half_life_days > 0

    @property
    def sorts(self) -> tuple[tuple[str, str], ...]:
        """The sides that edges are sorted by, one after the other, each with the rule that is applied to it then.

        Boards are judged by their sizes before items lose edges.
        """
        sorts = [("board", "board_sizes")] if self.config.limits_boards else []
        sorts.append(("item", "degree_limits" if self.config.limits_degrees else ""))
        if self.config.limits_degrees or not self.config.limits_boards:
            sorts.append(("board", ""))
        return tuple(sorts)

    def defining(self, side: str) -> list[str]:
        """The runs whose ids have rows: items have partitions of their own, boards are what the saves name."""
        return [f"items-{number}" for number in range(self.num_item_chunks)] if side == "item" else self.using(side)

    def using(self, side: str) -> list[str]:
        """The runs of the ids that saves name."""
        return [f"{side}-ids-{number}" for number in range(self.num_save_chunks)]


def read_items(chunk: Chunk, work: Work) -> None:
    """Spill the distinct ids of a chunk of items, with the first day of each."""
    name = f"items-{chunk.number}"
    if not work.spill.has(name):
        table, days = read_chunk(Store.open(work.root), chunk, ["item_id"])
        found = distinct_ids(int_or_large_string(table.column("item_id")), days)
        work.spill.write(name, {"ids": found.ids, "days": found.days})


def read_saves(chunk: Chunk, work: Work) -> None:
    """Spill the distinct ids of a chunk of saves, for each side, and the saves as codes of them."""
    name = f"saves-{chunk.number}"
    if work.spill.has(name):
        return
    table, days = read_chunk(Store.open(work.root), chunk, save_columns(work.is_weighted))
    codes: dict[str, np.ndarray] = {"days": days} if work.keeps_days else {}
    if work.is_weighted:
        codes["weights"] = table.column("weight").to_numpy()
    for side in SIDES:
        found = distinct_ids(int_or_large_string(table.column(f"{side}_id")), days)
        work.spill.write(f"{side}-ids-{chunk.number}", {"ids": found.ids, "days": found.days})
        codes[side] = found.codes
    work.spill.write(name, codes, {"num_saves": len(days)})


def save_columns(is_weighted: bool) -> list[str]:
    """The columns of the saves that edges are made of."""
    return ["item_id", "board_id", "split", *(["weight"] if is_weighted else [])]


def read_chunk(store: Store, chunk: Chunk, columns: Sequence[str]) -> tuple[pa.Table, np.ndarray]:
    """The rows of a chunk and the place of each one's day, int32.

    Untimed saves are those of the split ``train``. A partition without weights has saves of weight 1.
    """
    tables = []
    for each in chunk.slices:
        version = store.version(each.uri)
        there = [name for name in columns if name != "weight" or version.facts.get("weighted")]
        rows = version.table(each.table, there, each.rows)
        if len(there) < len(columns):
            rows = rows.append_column("weight", pa.array(np.ones(len(rows), np.float32)))
        tables.append(rows)
    table = pa.concat_tables(tables)
    days = np.repeat(np.array([each.day for each in chunk.slices], np.int32), [len(each) for each in tables])
    if "split" in columns:
        kept = pc.fill_null(pc.equal(table.column("split"), "train"), True)
        if not pc.all(kept, min_count=0).as_py():
            table, days = table.filter(kept), days[kept.to_numpy()]
    return table, days


def rank_part(part: Part, side: str, work: Work) -> None:
    """Rank the distinct ids of a part by (first day, id), and spill the rank of every id that a chunk of saves names.

    Raises:
        ValueError: A save names an item that no items partition holds.
    """
    spill, name = work.spill, f"{side}-part-{part.number}"
    if spill.has(name):
        return
    defining, using = work.defining(side), work.using(side)
    bounds = part.bounds[: len(defining)]
    days = _joined(spill, defining, "days", bounds).to_numpy()
    found = distinct_ids(_joined(spill, defining, "ids", bounds), days)
    places = found.codes
    if side == "item":
        wanted = _joined(spill, using, "ids", part.bounds[len(defining) :])
        places = positions(found.ids, wanted)
        if (places < 0).any():
            raise ValueError(unknown_items(wanted.filter(pa.array(places < 0))))
    ordered = found.ids.take(pa.array(np.argsort(found.days, kind="stable")))
    spill.write(
        name,
        {"ids": ordered, "ranks": rank_by_day(found.days)[places]},
        {
            "counts": np.bincount(found.days).tolist(),
            "lengths": [stop - start for start, stop in part.bounds[-len(using) :]],
        },
    )


def unknown_items(ids: pa.Array) -> str:
    """The message for items that saves name and no partition of items holds."""
    return (
        f"graph: saves name {len(ids)} items that are in no items partition, such as {ids[0]}; "
        "validation quarantines such saves: validate the days of the catalog again"
    )


def find_edges(number: int, layouts: dict[str, RowLayout], lengths: dict[str, np.ndarray], work: Work) -> None:
    """Spill the edges of a chunk of saves, sorted by the side that comes first.

    Args:
        number: The chunk's.
        layouts: Rows of both sides.
        lengths: Of each side int64 [num_parts, num_chunks], the ids that each chunk has in each part.
        work: Store, spill and settings.
    """
    spill, name = work.spill, f"edges-{number}"
    if spill.has(name):
        return
    rows = {}
    for side in SIDES:
        starts = np.cumsum(lengths[side], axis=1) - lengths[side]
        row_of_code = [
            layouts[side].rows(
                part,
                spill.column(f"{side}-part-{part}", "ranks")
                .slice(starts[part, number], lengths[side][part, number])
                .to_numpy(),
            )
            for part in range(len(lengths[side]))
        ]
        rows[side] = np.concatenate(row_of_code)[spill.column(f"saves-{number}", side).to_numpy()]
    first, second = SIDES if work.sorts[0][0] == "item" else SIDES[::-1]
    edges = Edges(
        edge_keys.pack(rows[first], rows[second]),
        spill.column(f"saves-{number}", "days").to_numpy() if work.keeps_days else None,
        spill.column(f"saves-{number}", "weights").to_numpy() if work.is_weighted else None,
    )
    # Weights are summed in the order of the saves, which is known only when the edges of all chunks are together.
    spill.write(name, _columns_of(edge_keys.ordered(edges) if work.is_weighted else edge_keys.merge(edges)))


def sort_part(part: Part, step: int, runs: list[str], work: Work) -> None:
    """Merge the edges of a part, apply the step's rule, and spill a piece of the CSR and the run for the next side."""
    spill, name = work.spill, f"sorted-{step}-{part.number}"
    if spill.has(name):
        return
    edges = edge_keys.merge(
        Edges(
            _joined(spill, runs, "keys", part.bounds).to_numpy(),
            _joined(spill, runs, "days", part.bounds).to_numpy() if work.keeps_days else None,
            _joined(spill, runs, "weights", part.bounds).to_numpy() if work.is_weighted else None,
        )
    )
    rule, facts = work.sorts[step][1], {}
    if rule:
        stays = (boards_in_range if rule == "board_sizes" else degrees_limited)(edges.keys, work.config)
        facts["classes"] = count_by_class(edges.keys, stays)
        edges = edges.taken(stays)
    first_row, degrees = edge_keys.degrees(edges.keys)
    of_csr = {f"other_{column}": array for column, array in _columns_of(edges).items() if column != "keys"}
    columns = {"others": edge_keys.low(edges.keys), "degrees": degrees, **of_csr}
    if step + 1 < len(work.sorts):
        columns |= _columns_of(edge_keys.ordered(edges._replace(keys=edge_keys.swap(edges.keys))))
    spill.write(name, columns, {"first_row": first_row, **facts})


def _columns_of(edges: Edges) -> dict[str, np.ndarray]:
    return {name: column for name, column in edges._asdict().items() if column is not None}


def _joined(spill: Spill, runs: Sequence[str], column: str, bounds: Sequence[tuple[int, int]]) -> pa.Array:
    return pa.concat_arrays(
        [
            spill.column(name, column).slice(start, stop - start)
            for name, (start, stop) in zip(runs, bounds, strict=True)
        ]
    )
