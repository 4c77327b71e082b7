"""A whole graph from validated partitions: an external sort in rounds of chunks, in memory bounded by the chunk.

1. Each chunk of saves is reduced to its distinct ids, sorted, and to codes that point at them. Items' partitions give
   the ids that items may have.
2. The sorted ids of all chunks are cut into parts at common splitters. A part drops repetitions and ranks its ids by
   (first day, id); the counts of all parts then say every row (`pinsage.graph.row_layout`).
3. Each chunk turns its codes into rows, and saves into sorted edges.
4. The edges of all chunks are cut at common splitters, merged and pruned, once for each side: both CSRs.

What a worker does is in `chunks.py`. Every round spills its results, so a killed worker costs its chunk and a
killed stage goes on from what is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pinsage.graph import edge_keys
from pinsage.graph.recency import decayed
from pinsage.graph.row_layout import RowLayout
from pinsage.graph.sorted_runs import choose_splitters, cut
from tasks.prepare.graph.chunks import (
    SIDES,
    Chunk,
    Part,
    Work,
    find_edges,
    rank_part,
    read_items,
    read_saves,
    sort_part,
)
from tasks.runtime.dask_cluster import ChunkMap


@dataclass(frozen=True)
class Rebuilt:
    """The graph, still in pieces.

    Attributes:
        work: Where the pieces are.
        num_saves: Saves read, repeated ones counted.
        layouts: Rows of the items and of the boards.
        pieces: Of each side, the names of the pieces of its CSR.
        pruned: For each rule that was applied, edges before and after by class of degree.
    """

    work: Work
    num_saves: int
    layouts: dict[str, RowLayout]
    pieces: dict[str, list[str]]
    pruned: dict[str, dict[str, list[int]]]

    def ids(self, side: str) -> Iterator[pa.Array]:
        """Ids in row order."""
        counts = self.layouts[side].counts
        stops = np.cumsum(counts, axis=1)
        yield self.work.spill.column(f"{side}-part-0", "ids").slice(0, 0)  # their type, should there be none
        for day in range(counts.shape[1]):
            for part in np.flatnonzero(counts[:, day]).tolist():
                ids = self.work.spill.column(f"{side}-part-{part}", "ids")
                yield ids.slice(stops[part, day] - counts[part, day], counts[part, day])

    def degrees(self, side: str) -> np.ndarray:
        """Edges of every row, int64."""
        degrees = np.zeros(self.layouts[side].num_rows, np.int64)
        for piece in self.pieces[side]:
            first, counts = self.work.spill.facts(piece)["first_row"], self.work.spill.column(piece, "degrees")
            degrees[first : first + len(counts)] += counts.to_numpy()
        return degrees

    def others(self, side: str) -> Iterator[np.ndarray]:
        """The rows of the other side in CSR order, int32."""
        return (self.work.spill.column(piece, "others").to_numpy() for piece in self.pieces[side])

    def weights(self, side: str, ages: np.ndarray) -> Iterator[np.ndarray]:
        """Of a graph with weights, those of the edges in CSR order, float32.

        Args:
            side: The items or the boards.
            ages: Days between the day of the graph and each partition of saves.
        """
        spill, half_life = self.work.spill, self.work.config.recency_half_life_days
        for piece in self.pieces[side]:
            weights = (
                spill.column(piece, "other_weights").to_numpy() if self.work.is_weighted else np.ones(1, np.float32)
            )
            if self.work.keeps_days:
                weights = decayed(weights, ages[spill.column(piece, "other_days").to_numpy()], half_life)
            yield weights


def rebuild(work: Work, item_chunks: list[Chunk], save_chunks: list[Chunk], part_rows: int, run: ChunkMap) -> Rebuilt:
    """Build the graph of the chunks.

    Args:
        work: Store, spill and settings.
        item_chunks: Slices of items' partitions.
        save_chunks: Slices of saves' partitions.
        part_rows: Wanted size of a part.
        run: Where rounds of chunks are computed.

    Raises:
        ValueError: A save names an item that no items partition holds.
    """
    spill = work.spill
    run(read_items, item_chunks, work, name="graph-items")
    run(read_saves, save_chunks, work, name="graph-saves")
    layouts, lengths = {}, {}
    for side in SIDES:
        runs = [*work.defining(side), *work.using(side)]
        parts = _parts(work, runs, "ids", part_rows)
        run(rank_part, parts, side, work, name=f"graph-{side}-rows")
        facts = [spill.facts(f"{side}-part-{part.number}") for part in parts]
        layouts[side] = RowLayout.of_parts([fact["counts"] for fact in facts])
        lengths[side] = np.array([fact["lengths"] for fact in facts], np.int64)
        if layouts[side].num_rows > edge_keys.MAX_ROWS:
            raise ValueError(f"graph: {layouts[side].num_rows} {side}s, expected at most {edge_keys.MAX_ROWS}")
    run(find_edges, list(range(len(save_chunks))), layouts, lengths, work, name="graph-edges")
    runs, pieces, pruned = [f"edges-{number}" for number in range(len(save_chunks))], {}, {}
    for step, (side, rule) in enumerate(work.sorts):
        parts = _parts(work, runs, "keys", part_rows, whole_rows=bool(rule))
        run(sort_part, parts, step, runs, work, name=f"graph-{side}-edges")
        runs = pieces[side] = [f"sorted-{step}-{part.number}" for part in parts]
        if rule:
            pruned[rule] = _sum_classes([spill.facts(piece)["classes"] for piece in runs])
    num_saves = sum(spill.facts(f"saves-{chunk.number}")["num_saves"] for chunk in save_chunks)
    return Rebuilt(work, num_saves, layouts, pieces, pruned)


def _parts(work: Work, runs: Sequence[str], column: str, part_rows: int, *, whole_rows: bool = False) -> list[Part]:
    """Cut runs into parts; with ``whole_rows`` no row of the CSR is in two of them."""
    arrays = [work.spill.column(name, column) for name in runs]
    splitters = choose_splitters(arrays, part_rows)
    if whole_rows:
        splitters = pc.unique(pa.array(edge_keys.first_of_row(splitters.to_numpy())))
    bounds = np.stack([cut(array, splitters) for array in arrays])
    return [
        Part(number, tuple(zip(bounds[:, number].tolist(), bounds[:, number + 1].tolist(), strict=True)))
        for number in range(bounds.shape[1] - 1)
    ]


def _sum_classes(classes: Sequence[dict[str, list[int]]]) -> dict[str, list[int]]:
    names = sorted({name for each in classes for name in each}, key=int)
    return {name: np.sum([each.get(name, [0, 0]) for each in classes], axis=0).tolist() for name in names}
