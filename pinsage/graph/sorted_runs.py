"""Sorting more than memory holds: sorted runs are cut at common splitters, and each part is merged on its own.

A run is a sorted array: ids of a chunk of saves, or edges. Parts hold about as many entries as a chunk, however many
entries there are in all and however they are distributed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

SAMPLES_PER_PART = 256


def choose_splitters(runs: Sequence[pa.Array], part_rows: int) -> pa.Array:
    """Values at which all runs are cut, so that a part holds about ``part_rows`` entries of all runs together.

    Args:
        runs: Sorted arrays of one type, at least one.
        part_rows: Wanted size of a part, at least 1.

    Returns:
        Ascending and distinct; part ``p`` are the entries with ``splitters[p - 1] <= entry < splitters[p]``.
    """
    step = max(1, part_rows // SAMPLES_PER_PART)
    samples = pa.concat_arrays([run.take(pa.array(np.arange(step - 1, len(run), step))) for run in runs])
    ordered = samples.take(pc.sort_indices(samples))
    every = max(1, part_rows // step)
    return pc.unique(ordered.take(pa.array(np.arange(every, len(ordered), every))))


def cut(run: pa.Array, splitters: pa.Array) -> np.ndarray:
    """Bounds of every part in a run, int64 [len(splitters) + 2]: part ``p`` is ``run[bounds[p]:bounds[p + 1]]``."""
    inner = pc.search_sorted(run, splitters).to_numpy() if len(splitters) and len(run) else np.zeros(len(splitters))
    return np.concatenate([[0], inner, [len(run)]]).astype(np.int64)
