"""Parts of the evaluation that are reported on their own.

Held-out pairs mostly end in popular items, and labels that a recommender produced favour it; the slice of targets with
few saves shows what is left when neither helps, that of queries with few saves how well rare items are served, the
slice of cold targets what is known from features alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Slice(NamedTuple):
    """Some of the evaluated pairs: ``members`` bool [n], all with at most ``max_saves`` saves of one of their items."""

    members: NDArray[np.bool_]
    max_saves: int


def few_saves_slice(degrees: NDArray[np.integer], share: float) -> Slice:
    """The pairs whose positive, or whose query, has few saves: the lowest ``share`` of the evaluated pairs.

    All pairs at the bound belong to it, so that the slice may be larger than ``share``, never smaller.

    Args:
        degrees: saves of each pair's positive or query as of the as-of day, [n].
        share: 0 < share < 1.
    """
    if not len(degrees):
        return Slice(np.zeros(0, dtype=np.bool_), 0)
    bound = int(np.quantile(degrees, share, method="inverted_cdf"))
    return Slice(degrees <= bound, bound)


def cold_slice(target_degrees: NDArray[np.integer]) -> Slice:
    """The pairs whose positive had no saves at all as of the as-of day: it can be found by its features alone.

    Args:
        target_degrees: saves of each pair's positive, [n].
    """
    return Slice(target_degrees == 0, 0)
