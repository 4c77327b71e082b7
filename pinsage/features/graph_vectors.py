"""Where an item stands in the whole graph, as a vector: beyond the paper, whose features know no graph but the degree.

With A the saves (items by boards) and D their degrees, items are given the leading left singular vectors of
S = D_items^-1/2 A D_boards^-1/2, scaled by the singular values: inner products then approximate S S^T, two items' share
of common boards, the one-step PageRank of `pinsage.evaluation.pagerank` made symmetric. The model starts from it
instead of learning every co-occurrence anew. Subspace iteration (Halko et al. 2011, algorithm 4.4) with one thread, so
that no number of threads changes a bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from threadpoolctl import threadpool_limits

from pinsage.arrays.unit_rows import unit_rows
from pinsage.graph.bipartite import BipartiteGraph

ITERATIONS = 4
OVERSAMPLES = 10
# Share of an item's weight that the leading vectors must hold; below it there is rounding alone, in a random direction.
MIN_SHARE = 1e-6


def graph_vectors(graph: BipartiteGraph, width: int, *, seed: int) -> NDArray[np.float32]:
    """Leading singular vectors of a graph, by item.

    Args:
        graph: Saves as of a day; its edges and ``num_boards`` x ``width`` numbers are held in memory.
        width: Vectors kept; columns beyond the rank are 0.
        seed: Of the random start.

    Returns:
        float32 [num_items, width], rows of length 1, or 0 for items without saves and for those that the leading
        vectors say nothing about.
    """
    found = np.zeros((graph.num_items, width), np.float32)
    columns = min(width + OVERSAMPLES, graph.num_items, graph.num_boards)
    if not columns:
        return found
    of_items = _normalised(graph)
    of_boards = of_items.T.tocsr()
    with threadpool_limits(limits=1):
        basis = np.random.default_rng(seed).standard_normal((graph.num_items, columns)).astype(np.float32)
        for _ in range(ITERATIONS):
            basis, _ = linalg.qr(of_items @ (of_boards @ basis), mode="economic", check_finite=False)
        boards = (of_boards @ basis).astype(np.float64)
        squares, rotation = np.linalg.eigh(boards.T @ boards)
        leading = np.argsort(-squares)[:width]
        scaled = (basis @ rotation[:, leading].astype(np.float32)) * np.sqrt(np.maximum(squares[leading], 0))
    weights = of_items.multiply(of_items).sum(axis=1)
    usable = np.einsum("ij,ij->i", scaled, scaled) > MIN_SHARE * weights
    found[:, : len(leading)] = np.where((usable & (weights > 0))[:, None], unit_rows(scaled.astype(np.float32)), 0)
    return found


def fold_in(graph: BipartiteGraph, known: NDArray[np.float32], is_known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Vectors of a later graph in the basis of an earlier one: new items get the mean of their boards' known items.

    Args:
        graph: The later graph.
        known: float32 [num_items, width], the earlier vectors; rows of new items are not read.
        is_known: Which items the earlier graph had; they keep their vectors.

    Returns:
        float32 [num_items, width].
    """
    ones = np.ones(graph.num_edges, np.float32)
    saves = sparse.csr_array((ones, graph.item_boards, graph.item_offsets), shape=(graph.num_items, graph.num_boards))
    boards = unit_rows(saves.T @ np.where(is_known[:, None], known, np.float32(0)))
    found = np.array(known)
    found[~is_known] = unit_rows(saves[np.flatnonzero(~is_known)] @ boards)
    return found


def _normalised(graph: BipartiteGraph) -> sparse.csr_array:
    """S, [num_items, num_boards]."""
    item_degrees, board_degrees = np.diff(graph.item_offsets), np.diff(graph.board_offsets)
    weights = 1 / np.sqrt(np.repeat(item_degrees, item_degrees) * board_degrees[graph.item_boards].astype(np.float64))
    return sparse.csr_array(
        (weights.astype(np.float32), graph.item_boards, graph.item_offsets), shape=(graph.num_items, graph.num_boards)
    )
