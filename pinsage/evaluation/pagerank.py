"""Baseline: personalised PageRank on the bipartite graph, by a few exact item-board-item steps (Pixie's score).

With restart probability a and step matrix P (item to board to item, uniform at each hop), the score of item i for q is
the i-th entry of a * sum_k (1 - a)^k P^k e_q, k = 1 to the number of iterations.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from pinsage.evaluation.ranking import Ranks, Rows, mid_ranks, rank_in_blocks
from pinsage.graph.bipartite import BipartiteGraph

BLOCK = 32  # distinct queries: their scores of the items, 128 bytes each, stay in the caches


def pagerank_ranks(
    graph: BipartiteGraph, queries: Rows, positives: Rows, *, iterations: int, restart: float, threads: int = 2
) -> Ranks:
    """Ranks by truncated personalised PageRank.

    Args:
        graph: Saves as of the as-of day.
        queries: query rows, -1 = unknown, [n].
        positives: rows of the positives, -1 = unknown, [n].
        iterations: item-board-item steps.
        restart: probability of returning to the query before each step.
        threads: blocks of queries scored at once; changes no result.

    Returns:
        float64 [n].
    """
    to_items, to_boards = step_matrices(graph)

    def score(rows: NDArray[np.int64], pairs: NDArray[np.int64], row_of_pair: NDArray[np.int64]) -> Ranks:
        of_items = pagerank_scores(to_items, to_boards, rows, iterations, restart)
        scores = np.ascontiguousarray(of_items.T)
        # The query itself scores -1; float32 sums leave the last digits open.
        target = scores[row_of_pair, positives[pairs]]
        higher, tied = np.empty(len(pairs), np.int64), np.empty(len(pairs), np.int64)
        for pair, row in enumerate(row_of_pair):
            higher[pair] = np.count_nonzero(scores[row] > target[pair] * (1 + 1e-5))
            tied[pair] = np.count_nonzero(scores[row] >= target[pair] * (1 - 1e-5)) - higher[pair] - 1
        return mid_ranks(higher, tied)

    return rank_in_blocks(score, queries, positives, BLOCK, threads)


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
    # After one step most scores are zero, after two hardly any.
    mass = (to_items @ to_boards[:, rows]).toarray() * np.float32(1 - restart)
    scores = mass.copy()
    for _ in range(iterations - 1):
        mass = to_items @ (to_boards @ mass)
        mass *= np.float32(1 - restart)
        scores += mass
    scores *= np.float32(restart)
    scores[rows, np.arange(len(rows))] = -1
    return scores
