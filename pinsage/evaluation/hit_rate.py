"""Hit-rate@K: the share of queries whose positive is among the K highest ranked (Ying et al. 2018, section 4.2)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def hits(ranks: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """1 where the positive ranks within ``k``, 0 where it does not, NaN where the rank is undefined; [n].

    A tie's rank is the middle of its places (``ranking.py``): a positive tied across the border is a hit exactly when
    the middle is inside.
    """
    return np.where(np.isnan(ranks), np.nan, (ranks <= k).astype(np.float64))


def hit_rate(ranks: NDArray[np.float64], k: int) -> float:
    """Mean of `hits` over the queries whose rank is defined; NaN if there is none.

    Args:
        ranks: rank of each query's positive, 1 = best, NaN = undefined, [n].
        k: ranks that count, in items of the whole catalogue.
    """
    defined = ~np.isnan(ranks)
    return float(hits(ranks[defined], k).mean()) if defined.any() else float("nan")
