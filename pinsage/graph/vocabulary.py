"""Ids outside, rows inside: converted for a graph that is built.

Rows are ordered by (first day, id), so that an item keeps its row while days are appended. Building a graph finds
rows by other means (`distinct_ids.py`, `row_layout.py`), because it must not hold all ids at once.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


class Vocabulary:
    """The ids of items or boards in row order.

    Args:
        ids: int64 or string [n], distinct, no nulls; row ``r`` has ``ids[r]``.
    """

    def __init__(self, ids: pa.Array) -> None:
        self.ids = ids

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, ids: pa.Array | pa.ChunkedArray) -> np.ndarray:
        """Row of every id, int64 [n]; -1 for an id that is not in the vocabulary."""
        found = pc.fill_null(pc.index_in(ids.cast(self.ids.type), value_set=self.ids), -1)
        return np.asarray(
            found.to_numpy(zero_copy_only=False) if isinstance(found, pa.Array) else found.to_numpy()
        ).astype(np.int64)
