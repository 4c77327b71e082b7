"""Ids outside, rows inside: the only place that converts between them.

Rows are ordered by (first day, id), so that an item keeps its row while days are appended.
"""

from __future__ import annotations

from collections.abc import Iterable

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

    @classmethod
    def from_days(cls, days: Iterable[pa.Array | pa.ChunkedArray], id_type: pa.DataType) -> Vocabulary:
        """Collect distinct ids from days in ascending order; within a day new ids are ordered by themselves."""
        seen: pa.Array = pa.array([], id_type)
        for ids in days:
            flat = ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids
            distinct = pc.unique(flat.cast(id_type)).drop_null()
            new = distinct.filter(pc.invert(pc.is_in(distinct, value_set=seen))) if len(seen) else distinct
            if len(new):
                seen = pa.concat_arrays([seen, new.take(pc.sort_indices(new))])
        return cls(seen)

    def rows(self, ids: pa.Array | pa.ChunkedArray) -> np.ndarray:
        """Row of every id, int64 [n]; -1 for an id that is not in the vocabulary."""
        found = pc.fill_null(pc.index_in(ids.cast(self.ids.type), value_set=self.ids), -1)
        return np.asarray(
            found.to_numpy(zero_copy_only=False) if isinstance(found, pa.Array) else found.to_numpy()
        ).astype(np.int64)
