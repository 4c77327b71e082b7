"""Drawing a random edge of a node by weight in constant time (Walker 1977; the construction is Vose's, 1991).

Every edge of a node gets an equal share of the draws, keeps the part of it that its weight deserves, and hands the rest
to one other edge of the node, its alias.
"""

from __future__ import annotations

import numpy as np
from numba import njit


def edge_aliases(offsets: np.ndarray, neighbors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The alias tables of all nodes of one side.

    Args:
        offsets: Integer [num_nodes + 1].
        neighbors: int32 [num_edges].
        weights: float32 [num_edges], above 0; only their proportions within a node count.

    Returns:
        uint64 [num_edges]: in the high half the share of 2**32 that an edge keeps of its draws (all bits set: it keeps
        all), in the low half the neighbor that gets the rest.

    Raises:
        ValueError: There are more or fewer weights than edges, or one is not a finite number above 0.
    """
    if weights.shape != neighbors.shape:
        raise ValueError(f"graph: {len(weights)} edge weights for {len(neighbors)} edges; expected one for each")
    if len(weights) and not (weights.min() > 0 and np.isfinite(weights.max())):
        raise ValueError(f"graph: edge weights from {weights.min()} to {weights.max()}; expected finite ones above 0")
    aliases = np.empty(len(neighbors), np.uint64)
    fill_aliases(offsets, neighbors, weights, aliases)
    return aliases


@njit(nogil=True, cache=True)
def fill_aliases(offsets: np.ndarray, neighbors: np.ndarray, weights: np.ndarray, aliases: np.ndarray) -> None:
    """Fill ``aliases`` uint64 [num_edges]; see `edge_aliases`."""
    most = 0
    for node in range(len(offsets) - 1):
        most = max(most, offsets[node + 1] - offsets[node])
    shares, waiting = np.empty(most, np.float64), np.empty(most, np.int64)
    for node in range(len(offsets) - 1):
        start = offsets[node]
        degree = offsets[node + 1] - start
        total = 0.0
        for edge in range(start, start + degree):
            total += weights[edge]
        # Edges with less than an equal share wait at the front of one array, the others at its back.
        num_small, num_large = 0, 0
        for place in range(degree):
            shares[place] = weights[start + place] * degree / total
            if shares[place] < 1:
                waiting[num_small] = place
                num_small += 1
            else:
                num_large += 1
                waiting[degree - num_large] = place
        while num_small and num_large:
            num_small -= 1
            small, large = waiting[num_small], waiting[degree - num_large]
            aliases[start + small] = _entry(shares[small], neighbors[start + large])
            shares[large] -= 1 - shares[small]
            if shares[large] < 1:
                num_large -= 1
                waiting[num_small] = large
                num_small += 1
        for position in range(num_small):  # left by rounding alone
            aliases[start + waiting[position]] = _entry(1.0, neighbors[start + waiting[position]])
        for position in range(degree - num_large, degree):
            aliases[start + waiting[position]] = _entry(1.0, neighbors[start + waiting[position]])


@njit(nogil=True)
def _entry(share: float, neighbor: int) -> np.uint64:
    kept = min(np.uint64(share * 2.0**32), np.uint64(0xFFFFFFFF))
    return kept << np.uint64(32) | np.uint64(neighbor)
