"""The reasons of rows in quarantine: a row may have several, which its cell ``reason`` joins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_SEPARATOR = ", "


def joined(masks: Mapping[str, np.ndarray], rows: np.ndarray) -> pa.Array:
    """Text of the names whose mask is set, for each of ``rows`` (indices), in the order of the masks."""
    words: list[list[str]] = [[] for _ in rows]
    for name, mask in masks.items():
        for place in np.flatnonzero(mask[rows]).tolist():
            words[place].append(name)
    return pa.array([_SEPARATOR.join(names) for names in words], pa.string())


def split(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """The reasons of each row, list<string>."""
    return pc.split_pattern(cells, _SEPARATOR)


def counted(cells: pa.ChunkedArray) -> Counter[str]:
    """Reason -> rows that have it; a row with several counts for each."""
    return Counter(pc.list_flatten(split(cells)).to_pylist())


def having(cells: pa.ChunkedArray, reasons: Collection[str]) -> pa.Array:
    """Which rows have one of the reasons, bool [num_rows]."""
    lists = split(cells).combine_chunks()
    wanted = pc.is_in(pc.list_flatten(lists), value_set=pa.array(sorted(reasons), pa.string()))
    rows = pc.list_parent_indices(lists).filter(wanted).to_numpy(zero_copy_only=False)
    mask = np.zeros(len(lists), dtype=bool)
    mask[rows] = True
    return pa.array(mask)
