"""Baseline: personalised PageRank on the bipartite graph, by a few exact item-board-item steps (Pixie's score).

With restart probability a and step matrix P (item to board to item, uniform at each hop), the score of item i for q is
the i-th entry of a * sum_k (1 - a)^k P^k e_q, k = 1 to the number of iterations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pinsage.evaluation.ranking import Ranks, Rows, known_pairs, mid_ranks
from pinsage.graph.bipartite import BipartiteGraph

BLOCK = 256


def pagerank_ranks(graph: BipartiteGraph, queries: Rows, positives: Rows, *, iterations: int, restart: float) -> Ranks:
    """Ranks by truncated personalised PageRank.

    Args:
        graph: Saves as of the as-of day.
        queries: query rows, -1 = unknown, [n].
        positives: rows of the positives, -1 = unknown, [n].
        iterations: item-board-item steps.
        restart: probability of returning to the query before each step.

    Returns:
        float64 [n].
    """
    to_items, to_boards = step_matrices(graph)
    ranks = np.full(len(queries), np.nan)
    known = np.flatnonzero(known_pairs(queries, positives))
    rows, row_of_pair = np.unique(queries[known], return_inverse=True)
    order = np.argsort(row_of_pair, kind="stable")
    for start in range(0, len(rows), BLOCK):
        scores = pagerank_scores(to_items, to_boards, rows[start : start + BLOCK], iterations, restart)
        first, last = np.searchsorted(row_of_pair[order], [start, start + BLOCK])
        for pair in order[first:last]:
            column = scores[:, row_of_pair[pair] - start]
            target = column[positives[known[pair]]]
            # The query itself scores -1; float32 sums leave the last digits open.
            higher = np.count_nonzero(column > target * (1 + 1e-5))
            tied = np.count_nonzero(column >= target * (1 - 1e-5)) - higher - 1
            ranks[known[pair]] = mid_ranks(np.asarray(higher), np.asarray(tied))
    return ranks


def step_matrices(graph: BipartiteGraph) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Transposed transition matrices: board to item [num_items, num_boards] and item to board, its other way."""
    item_weights = 1 / np.maximum(np.diff(graph.item_offsets), 1)
    board_weights = 1 / np.maximum(np.diff(graph.board_offsets), 1)
    shape = (graph.num_items, graph.num_boards)
    to_items = sparse.csr_array(
        (board_weights[graph.item_boards].astype(np.float32), graph.item_boards, graph.item_offsets), shape=shape
    )
    to_boards = sparse.csr_array(
        (item_weights[graph.board_items].astype(np.float32), graph.board_items, graph.board_offsets), shape=shape[::-1]
    )
    return to_items, to_boards


def pagerank_scores(
    to_items: sparse.csr_array, to_boards: sparse.csr_array, rows: Rows, iterations: int, restart: float
) -> NDArray[np.float32]:
    """Scores [num_items, len(rows)]; a query's own score is -1."""
    mass = np.zeros((to_items.shape[0], len(rows)), np.float32)
    mass[rows, np.arange(len(rows))] = 1
    scores = np.zeros_like(mass)
    for _ in range(iterations):
        mass = to_items @ (to_boards @ mass)
        mass *= np.float32(1 - restart)
        scores += mass
    scores *= np.float32(restart)
    scores[rows, np.arange(len(rows))] = -1
    return scores
