"""Which edges are left out of the graph: boards outside a range of sizes, and edges of items that have very many.

Pixie (Eksombatchai et al. 2018) removes diverse boards and keeps degree ** exponent edges of an item;
OmniSage (Badrinath et al. 2025) adds a cap and a floor. Pixie keeps the edges that are closest in topic; here, where a
graph is made of saves alone, the edges that stay are a seeded uniform draw.
"""

from __future__ import annotations

import numpy as np

from pinsage.arrays.stable_hash import combine
from pinsage.graph.config import GraphConfig
from pinsage.graph.edge_keys import high


def boards_in_range(keys: np.ndarray, config: GraphConfig) -> np.ndarray:
    """Which edges stay, bool [num_edges], when boards outside ``min_board_items`` to ``max_board_items`` go.

    Args:
        keys: Edges sorted by (board, item), whole boards only.
        config: The range; 0 is no upper limit.
    """
    sizes = degree_of_each(keys)
    most = config.max_board_items or np.iinfo(np.int64).max
    return (sizes >= config.min_board_items) & (sizes <= most)


def edges_kept(degrees: np.ndarray, config: GraphConfig) -> np.ndarray:
    """Edges that items of these degrees keep, int64: max(min(degree ** exponent, cap), floor), at most the degree."""
    # The small number keeps 100 ** 0.5 at 10 whatever the last bit of the machine's power function is.
    kept = np.floor(degrees.astype(np.float64) ** config.degree_exponent + 1e-6).astype(np.int64)
    if config.degree_cap:
        kept = np.minimum(kept, config.degree_cap)
    return np.minimum(np.maximum(kept, config.degree_floor), degrees)


def degrees_limited(keys: np.ndarray, config: GraphConfig) -> np.ndarray:
    """Which edges stay, bool [num_edges]: of each item those with the smallest hash of (seed, edge).

    Args:
        keys: Edges sorted by (item, board), whole items only.
        config: Exponent, cap, floor and seed.
    """
    degrees = degree_of_each(keys)
    limits = edges_kept(degrees, config)
    stays = limits == degrees
    contested = np.flatnonzero(~stays)
    rows = high(keys[contested])
    order = np.lexsort((combine(config.prune_seed, keys[contested]), rows))
    starts = np.flatnonzero(np.concatenate([np.ones(min(len(rows), 1), bool), rows[1:] != rows[:-1]]))
    place = np.arange(len(rows)) - np.repeat(starts, np.diff(np.concatenate([starts, [len(rows)]])))
    stays[contested[order]] = place < limits[contested[order]]
    return stays


def degree_of_each(keys: np.ndarray) -> np.ndarray:
    """For every edge the number of edges of its row, int64 [num_edges]; ``keys`` are sorted."""
    rows = high(keys)
    starts = np.flatnonzero(np.concatenate([np.ones(min(len(rows), 1), bool), rows[1:] != rows[:-1]]))
    sizes = np.diff(np.concatenate([starts, [len(rows)]]))
    return np.repeat(sizes, sizes)


def count_by_class(keys: np.ndarray, stays: np.ndarray) -> dict[str, list[int]]:
    """Edges before and after by the degree of their row: ``{"2": [.., ..], "4": ..}``, class ``c`` up to degree c."""
    classes = np.ceil(np.log2(degree_of_each(keys))).astype(np.int64)
    before, after = np.bincount(classes), np.bincount(classes, weights=stays).astype(np.int64)
    return {str(2**number): [int(before[number]), int(after[number])] for number in np.flatnonzero(before).tolist()}
