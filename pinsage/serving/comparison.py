"""What other methods would answer, beside the model: content, random walk, popularity (the figures of section 4.4).

Everything comes from the versions that the index was made of, so all methods know the same items and the same day. They
are opened when somebody compares; answering from the index alone needs none of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pinsage.features.assemble import content_width
from pinsage.index.geometry import row_blocks
from pinsage.store import Store, Version

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
    """

    content: np.ndarray
    lengths: np.ndarray
    neighbors: np.ndarray
    importances: np.ndarray
    degrees: np.ndarray

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
        """Rows and importances of the ``k`` items that short walks from the item visit most."""
        neighbors, importances = np.asarray(self.neighbors[row][:k]), np.asarray(self.importances[row][:k])
        return neighbors[neighbors >= 0].astype(np.int64), importances[neighbors >= 0]

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
