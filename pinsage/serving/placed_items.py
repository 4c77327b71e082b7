"""The map of a published version, as `pinsage.index.embedding_map` made it when the index was built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from pinsage.serving.answers import UnknownItemError
from pinsage.store import Version


@dataclass(frozen=True)
class PlacedItems:
    """Places of items; of none where the version was built without a map.

    Attributes:
        rows: int32 [n], the items on the map, ascending.
        places: float32 [n, 2], each between 0 and 1.
    """

    rows: np.ndarray
    places: np.ndarray

    @classmethod
    def open(cls, index: Version) -> Self:
        """Read the map of an ``index`` version."""
        if "map_rows" not in index.names():
            return cls(np.empty(0, np.int32), np.empty((0, 2), np.float32))
        return cls(np.array(index.array("map_rows")), np.array(index.array("map_places")))

    def places_of(self, rows: Sequence[int]) -> list[tuple[float, float] | None]:
        """Where some items are; None for one that is not on the map."""
        positions = np.searchsorted(self.rows, rows)
        return [
            (round(float(self.places[at][0]), 5), round(float(self.places[at][1]), 5))
            if at < len(self.rows) and self.rows[at] == row
            else None
            for at, row in zip(positions, rows, strict=True)
        ]

    def nearest(self, x: float, y: float) -> int:
        """Row of the item that is nearest to a place.

        Raises:
            UnknownItemError: No item is on the map.
        """
        if len(self.rows) == 0:
            raise UnknownItemError("this version has no map; build the index with index.map_points above 0")
        return int(self.rows[((self.places - (x, y)) ** 2).sum(axis=1).argmin()])
