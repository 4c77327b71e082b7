"""Baseline: visit counts of short random walks, the importance neighborhoods that the model itself pools over.

Only the T neighbors of a query are ranked; all other items score 0 and tie behind them (``ranking.py``), so this
baseline has little to say about hit-rates far beyond T.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pinsage.evaluation.ranking import Ranks, Rows, known_pairs, mid_ranks


def random_walk_ranks(
    neighbors: NDArray[np.integer], importances: NDArray[np.floating], queries: Rows, positives: Rows
) -> Ranks:
    """Ranks by the importance of the positive in the query's neighborhood.

    Args:
        neighbors: item rows, -1 = padding, never the item itself, [num_items, T].
        importances: their normalised visit counts, 0 for padding, [num_items, T].
        queries: query rows, -1 = unknown, [n].
        positives: rows of the positives, -1 = unknown, [n].

    Returns:
        float64 [n].
    """
    ranks = np.full(len(queries), np.nan)
    known = known_pairs(queries, positives)
    around = neighbors[queries[known]]
    weights = np.where(around >= 0, importances[queries[known]], 0)
    target = np.where(around == positives[known][:, None], weights, 0).max(axis=1, initial=0)
    higher = (weights > target[:, None]).sum(axis=1)
    ranked_ties = (weights == target[:, None]).sum(axis=1) - 1
    unranked_ties = len(neighbors) - 2 - higher  # all but the query, the positive and the neighbors
    ranks[known] = mid_ranks(higher, np.where(target > 0, ranked_ties, unranked_ties))
    return ranks
