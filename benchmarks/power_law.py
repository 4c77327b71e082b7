"""Power-law bipartite graphs with planted topics: Zipf items, lognormal boards; the input of the benchmarks.

Save number ``i`` is a function of (seed, i) alone. Any range of saves can therefore be made by itself, in any order and
in memory bounded by the range, and a range can stand for a day.

    python -m benchmarks.power_law --items 1000000 --boards 200000 --saves 20000000 --seed 0 --output saves.parquet
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numba import njit

from pinsage.graph.bipartite import BipartiteGraph

CHUNK_SAVES = 4_000_000


@dataclass(frozen=True)
class PowerLawSaves:
    """A stream of saves.

    Items have ranks; rank r of n is drawn with a weight of r ** -zipf. A board belongs to a topic, and a share of its
    saves comes from the items of that topic, every ``topics``-th rank. Item rows are ranks in scrambled order,
    so that popular items do not lie side by side in memory. Saves may repeat, as in real logs.

    Attributes:
        items: Item rows.
        boards: Board rows.
        saves: Length of the stream.
        seed: Of everything.
        topics: Planted topics; item row ``i`` belongs to `topic_of_items`, board ``b`` to ``b % topics``.
        topic_share: Share of a board's saves inside its topic.
        zipf: Exponent of item popularity, not 1.
        sigma: Of the lognormal board sizes.
    """

    items: int
    boards: int
    saves: int
    seed: int
    topics: int = 100
    topic_share: float = 0.8
    zipf: float = 0.8
    sigma: float = 1.0

    def rows(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Item rows and board rows, int32 [stop - start], of the saves ``start`` to ``stop`` (exclusive)."""
        item_rows, board_rows = np.empty(stop - start, np.int32), np.empty(stop - start, np.int32)
        shares, guide = self._boards
        _fill(
            np.uint64(self.seed),
            start,
            shares,
            guide,
            self.items,
            self._stride,
            self.topics,
            self.topic_share,
            self.zipf,
            item_rows,
            board_rows,
        )
        return item_rows, board_rows

    def chunks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The whole stream, `CHUNK_SAVES` at a time."""
        for start in range(0, self.saves, CHUNK_SAVES):
            yield self.rows(start, min(start + CHUNK_SAVES, self.saves))

    def graph(self) -> BipartiteGraph:
        """The graph of the whole stream, repeated saves counted once."""
        item_rows, board_rows = self.rows(0, self.saves)
        board_offsets, board_items = _boards_csr(item_rows, board_rows, self.boards)
        item_offsets, item_boards = _transposed(board_offsets, board_items, self.items)
        return BipartiteGraph(item_offsets, item_boards, board_offsets, board_items)

    def topic_of_items(self) -> np.ndarray:
        """The topic of every item row, int64 [items]."""
        topics = np.empty(self.items, np.int64)
        ranks = np.arange(self.items, dtype=np.int64)
        topics[ranks * self._stride % self.items] = ranks % self.topics
        return topics

    @cached_property
    def _stride(self) -> int:
        """Rank r has row r * stride % items: a bijection, because the stride is coprime to the number of items."""
        stride = int(0.6180339887 * self.items) | 1
        while np.gcd(stride, self.items) != 1:
            stride += 2
        return stride

    @cached_property
    def _boards(self) -> tuple[np.ndarray, np.ndarray]:
        """Cumulative shares float64 [boards], and for each of 2 * boards equal steps the first board that may match."""
        sizes = np.random.default_rng(self.seed).lognormal(0.0, self.sigma, self.boards)
        shares = np.cumsum(sizes) / sizes.sum()
        shares[-1] = 1.0
        steps = np.arange(2 * self.boards) / (2 * self.boards)
        return shares, np.searchsorted(shares, steps, side="right").astype(np.int32)


@njit(nogil=True, cache=True)
def _uniform(seed: np.uint64, save: np.uint64, which: np.uint64) -> float:
    """One of several uniform numbers in [0, 1) of a save: the finaliser of splitmix64 (Steele et al. 2014)."""
    word = seed * np.uint64(0xD1342543DE82EF95) + save * np.uint64(4) + which
    word = (word + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    word ^= word >> np.uint64(31)
    return (word >> np.uint64(11)) * 2.0**-53


@njit(nogil=True, cache=True)
def _zipf_rank(uniform: float, count: int, exponent: float) -> int:
    """A rank of ``count`` from 0, by inverting the continuous Zipf distribution on [1, count + 1)."""
    power = 1.0 - exponent
    rank = (uniform * ((count + 1.0) ** power - 1.0) + 1.0) ** (1.0 / power)
    return min(int(rank) - 1, count - 1)


@njit(nogil=True, cache=True)
def _fill(
    seed: np.uint64,
    start: int,
    shares: np.ndarray,
    guide: np.ndarray,
    items: int,
    stride: int,
    topics: int,
    topic_share: float,
    zipf: float,
    item_rows: np.ndarray,
    board_rows: np.ndarray,
) -> None:
    for place in range(len(item_rows)):
        save = np.uint64(start + place)
        uniform = _uniform(seed, save, np.uint64(0))
        board = guide[int(uniform * len(guide))]
        while shares[board] <= uniform:
            board += 1
        topic = board % topics
        uniform = _uniform(seed, save, np.uint64(2))
        inside = (items - topic + topics - 1) // topics
        if inside > 0 and _uniform(seed, save, np.uint64(1)) < topic_share:
            rank = _zipf_rank(uniform, inside, zipf) * topics + topic
        else:
            rank = _zipf_rank(uniform, items, zipf)
        item_rows[place] = rank * stride % items
        board_rows[place] = board


@njit(nogil=True, cache=True)
def _boards_csr(item_rows: np.ndarray, board_rows: np.ndarray, boards: int) -> tuple[np.ndarray, np.ndarray]:
    """Offsets int64 and items int32 of the boards, ascending and once: counting sorts, in the memory of two copies."""
    starts = np.zeros(boards + 1, np.int64)
    for board in board_rows:
        starts[board + 1] += 1
    starts = np.cumsum(starts)
    places, items = starts[:-1].copy(), np.empty(len(item_rows), np.int32)
    for save in range(len(item_rows)):
        items[places[board_rows[save]]] = item_rows[save]
        places[board_rows[save]] += 1
    offsets, kept = np.zeros(boards + 1, np.int64), 0
    for board in range(boards):
        members = np.sort(items[starts[board] : starts[board + 1]])
        for place in range(len(members)):
            if place == 0 or members[place] != members[place - 1]:
                items[kept] = members[place]
                kept += 1
        offsets[board + 1] = kept
    return offsets, items[:kept].copy()


@njit(nogil=True, cache=True)
def _transposed(board_offsets: np.ndarray, board_items: np.ndarray, items: int) -> tuple[np.ndarray, np.ndarray]:
    """The same edges from the side of the items."""
    offsets = np.zeros(items + 1, np.int64)
    for item in board_items:
        offsets[item + 1] += 1
    offsets = np.cumsum(offsets)
    places, boards = offsets[:-1].copy(), np.empty(len(board_items), np.int32)
    for board in range(len(board_offsets) - 1):
        for edge in range(board_offsets[board], board_offsets[board + 1]):
            boards[places[board_items[edge]]] = board
            places[board_items[edge]] += 1
    return offsets, boards


def main() -> None:
    """Write a stream as Parquet, columns item_row and board_row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("items", "boards", "saves"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    stream = PowerLawSaves(arguments.items, arguments.boards, arguments.saves, arguments.seed)
    schema = pa.schema({"item_row": pa.int32(), "board_row": pa.int32()})
    with pq.ParquetWriter(arguments.output, schema) as writer:
        for item_rows, board_rows in stream.chunks():
            writer.write_table(pa.table({"item_row": item_rows, "board_row": board_rows}, schema=schema))


if __name__ == "__main__":
    main()
