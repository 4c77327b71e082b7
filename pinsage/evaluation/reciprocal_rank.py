"""Mean reciprocal rank, plain and scaled (Ying et al. 2018, section 4.2).

The paper scales ranks by 100 so that, in a catalogue of billions, rank 1,000 still differs from rank 2,000:
MRR = mean of 1 / ceil(R / 100).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def reciprocal_ranks(ranks: NDArray[np.float64], scale: int = 1) -> NDArray[np.float64]:
    """1 / ceil(R / scale) of each query, NaN where the rank is undefined; [n].

    With ``scale`` 1 a tie's half rank counts as it is (1 / 1.5), not rounded up.
    """
    return 1 / (np.ceil(ranks / scale) if scale > 1 else ranks)


def mean_reciprocal_rank(ranks: NDArray[np.float64], scale: int = 1) -> float:
    """Mean of `reciprocal_ranks` over the queries whose rank is defined; NaN if there is none.

    Args:
        ranks: rank of each query's positive, 1 = best, NaN = undefined, [n].
        scale: 100 is the paper's measure, 1 the plain one.
    """
    defined = ~np.isnan(ranks)
    return float(reciprocal_ranks(ranks[defined], scale).mean()) if defined.any() else float("nan")
