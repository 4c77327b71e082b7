"""Which row an id gets: rows are ordered by (first day, id), and the parts that hold the ids are known by counts alone.

Ids are ranked within parts, ranges of ids, by (first day, id). The row of an id is then its rank, moved by what comes
before it: all ids of earlier days, and those of its own day in the parts of smaller ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np


def rank_by_day(days: np.ndarray) -> np.ndarray:
    """Rank by (day, position), int32 [n], of ids that are ascending; the inverse of a stable sort by ``days``."""
    ranks = np.empty(len(days), np.int32)
    ranks[np.argsort(days, kind="stable")] = np.arange(len(days), dtype=np.int32)
    return ranks


@dataclass(frozen=True)
class RowLayout:
    """Rows of one side of the graph.

    Attributes:
        counts: int64 [num_parts, num_days], ids of each part that are new on each day.
    """

    counts: np.ndarray

    @classmethod
    def of_parts(cls, counts: Sequence[Sequence[int]]) -> RowLayout:
        """Of counts by day for each part; days after the last new id of a part may be missing."""
        matrix = np.zeros((len(counts), max(map(len, counts), default=1) or 1), np.int64)
        for part, by_day in enumerate(counts):
            matrix[part, : len(by_day)] = by_day
        return cls(matrix)

    @property
    def num_rows(self) -> int:
        """Rows in all."""
        return int(self.counts.sum())

    @cached_property
    def first_rows(self) -> np.ndarray:
        """Row of the first id of each part and day, int64 [num_parts, num_days]."""
        by_day = self.counts.T.reshape(-1)
        starts = np.concatenate([[0], np.cumsum(by_day)[:-1]])
        return np.asarray(starts.reshape(self.counts.T.shape).T)

    def rows(self, part: int, ranks: np.ndarray) -> np.ndarray:
        """Rows, int32, of ids of a part by their ranks in it."""
        stops = np.cumsum(self.counts[part])
        moves = self.first_rows[part] - (stops - self.counts[part])
        days = np.searchsorted(stops, ranks, side="right")
        return (ranks + moves[days]).astype(np.int32)
