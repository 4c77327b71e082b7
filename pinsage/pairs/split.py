"""Training pairs and the few that watch it: a split by hash, so that it is the same for any order of the rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pinsage.stable_hash import combine, uniform


def is_tune_pair(
    query_hash: NDArray[np.uint64], item_hash: NDArray[np.uint64], *, share: float, seed: int
) -> NDArray[np.bool_]:
    """Which pairs are kept out of training: about ``share`` of the distinct pairs, bool [n].

    A pair, its repeats and its reverse fall on the same side, so that tuning never sees a trained pair.
    """
    low, high = np.minimum(query_hash, item_hash), np.maximum(query_hash, item_hash)
    return uniform(combine(seed, low, high)) < share
