"""What other methods would answer, beside the model: content, random walk, popularity (the figures of section 4.4).

Everything comes from the versions that the index was made of, so all methods know the same items and the same day. They
are opened when somebody compares; answering from the index alone needs none of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pinsage.features.blocks import content_width
from pinsage.index.geometry import row_blocks
from pinsage.store import Store, Version

# Importances are shares of few visits; beyond this float32 does not tell.
MAX_VISITS = 2_000
VISIT_TOLERANCE = 1e-3
# Of one row of the explorer: a tenth of a second.
MAX_COUNTED_BOARDS = 1_000_000
MAX_COUNTED_ITEMS = 60
MAX_HOPS = 5_000_000

Found = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Comparison:
    """The other methods of one index version.

    Attributes:
        content: float32 [num_items, d], the items' own features, memory mapped.
        lengths: float32 [num_items], their Euclidean lengths.
        neighbors: int32 [num_items, T], -1 for padding.
        importances: float32 [num_items, T].
        degrees: int64 [num_items], boards that hold the item.
        item_offsets: int64 [num_items + 1], where an item's boards begin in ``item_boards``.
        item_boards: int [saves], memory mapped.
        board_offsets: int64 [num_boards + 1], where a board's items begin in ``board_items``.
        board_items: int [saves], memory mapped.
    """

    content: np.ndarray
    lengths: np.ndarray
    neighbors: np.ndarray
    importances: np.ndarray
    degrees: np.ndarray
    item_offsets: np.ndarray
    item_boards: np.ndarray
    board_offsets: np.ndarray
    board_items: np.ndarray

    @classmethod
    def open(cls, store: Store, index: Version) -> Comparison:
        """Follow an index to features, neighborhoods and graph; reads the features once for their lengths."""
        embeddings = store.input_of(index, "embeddings")
        features, graph = store.input_of(embeddings, "features"), store.input_of(embeddings, "graph")
        neighborhoods = store.input_of(embeddings, "neighborhoods")
        content = features.array("features")[:, : content_width(features.json("columns"))]
        lengths = np.concatenate(
            [np.zeros(0), *(np.linalg.norm(content[rows], axis=1) for rows in row_blocks(len(content)))]
        )
        return cls(
            content=content,
            lengths=lengths.astype(np.float32),
            neighbors=neighborhoods.array("neighbors"),
            importances=neighborhoods.array("importances"),
            degrees=np.diff(graph.array("item_offsets")),
            item_offsets=graph.array("item_offsets"),
            item_boards=graph.array("item_boards"),
            board_offsets=graph.array("board_offsets"),
            board_items=graph.array("board_items"),
        )

    def by_content(self, row: int, k: int) -> Found:
        """Rows and cosines of the ``k`` items with the most similar features, best first; none without content."""
        if self.lengths[row] == 0:
            return _nothing()
        query = np.asarray(self.content[row]) / self.lengths[row]
        cosines = np.concatenate([self.content[rows] @ query for rows in row_blocks(len(self.content))])
        np.divide(cosines, self.lengths, out=cosines, where=self.lengths > 0)
        cosines[row] = -np.inf
        return _best(cosines, k)

    def by_random_walk(self, row: int, k: int) -> Found:
        """Rows and shares of visits of the ``k`` items that walks from the item visit most.

        Where the sampled walks made fewer visits than the item has boards, their order is chance: then these are the
        shares that very many hops item -> board -> item would have.
        """
        if self.is_poorly_sampled(row):
            return self._by_hops(row, k)
        neighbors, importances = np.asarray(self.neighbors[row][:k]), np.asarray(self.importances[row][:k])
        return neighbors[neighbors >= 0].astype(np.int64), importances[neighbors >= 0]

    def is_poorly_sampled(self, row: int) -> bool:
        """Whether the sampled walks saw only a part of the item's boards."""
        visits = self.num_visits(row)
        return visits is not None and visits < self.degrees[row]

    def num_visits(self, row: int) -> int | None:
        """Visits that the importances of an item are shares of: the smallest number that makes all of them whole."""
        importances = np.asarray(self.importances[row], dtype=np.float64)
        importances = importances[importances > 0]
        if not len(importances):
            return 0
        numbers = np.arange(1, MAX_VISITS + 1)
        visits = numbers[:, None] * importances
        whole = (np.abs(visits - np.round(visits)) < VISIT_TOLERANCE).all(axis=1)
        return int(numbers[whole][0]) if whole.any() else None

    def _by_hops(self, row: int, k: int) -> Found:
        boards = self._boards(row).astype(np.int64)
        starts, sizes = self.board_offsets[boards], np.diff(self.board_offsets)[boards]
        # Of an item on very many boards, evenly spaced ones are enough.
        step = -(-int(sizes.sum()) // MAX_HOPS) or 1
        starts, sizes = starts[::step], sizes[::step]
        firsts = np.cumsum(sizes) - sizes
        places = np.arange(sizes.sum()) + np.repeat(starts - firsts, sizes)
        shares = np.bincount(self.board_items[places], weights=np.repeat(1 / sizes, sizes), minlength=len(self.degrees))
        shares[row] = 0
        rows, best = _best(shares / max(shares.sum(), 1e-9), k)
        return rows[best > 0], best[best > 0]

    def shared_boards(self, row: int, others: np.ndarray) -> np.ndarray:
        """Boards that hold an item together with each of some others, int64 [n]; -1 where too many were to count."""
        own = np.unique(self._boards(row))
        shared = np.full(len(others), -1, dtype=np.int64)
        others = others[:MAX_COUNTED_ITEMS]
        for place in np.flatnonzero(np.cumsum(self.degrees[others]) <= MAX_COUNTED_BOARDS):
            shared[place] = np.isin(own, self._boards(int(others[place]))).sum()
        return shared

    def _boards(self, row: int) -> np.ndarray:
        return np.asarray(self.item_boards[self.item_offsets[row] : self.item_offsets[row + 1]])

    def by_popularity(self, row: int, k: int) -> Found:
        """Rows and degrees of the ``k`` items that most boards hold: the same for every query."""
        degrees = self.degrees.astype(np.float64)
        degrees[row] = -np.inf
        return _best(degrees, k)

    def starters(self, categories: np.ndarray, num_items: int) -> np.ndarray:
        """Rows of the items that most boards hold, one of each category, the most popular first.

        Args:
            categories: int [num_items of the catalogue], a code per item.
            num_items: Items wanted; items of a category seen before fill up what categories leave.
        """
        rows = np.lexsort((np.arange(len(self.degrees)), -self.degrees))
        first = np.sort(np.unique(categories[rows], return_index=True)[1])
        rest = np.setdiff1d(np.arange(min(len(rows), 2 * num_items)), first)
        return rows[np.concatenate([first, rest])[:num_items]]


def _best(scores: np.ndarray, k: int) -> Found:
    k = min(k, len(scores) - 1)
    if k < 1:
        return _nothing()
    # Ties at the edge go by row, whatever order the partition leaves them in.
    edge = -np.partition(-scores, k - 1)[k - 1]
    rows = np.flatnonzero(scores >= edge)
    rows = rows[np.lexsort((rows, -scores[rows]))[:k]]
    return rows, scores[rows]


def _nothing() -> Found:
    return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float64)
