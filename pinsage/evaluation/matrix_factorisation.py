"""Baseline: matrix factorisation of the saves by alternating least squares (Hu, Koren and Volinsky 2008).

Items are compared by the cosine of their factors, as `implicit` recommends for similar items. The library is optional
(extra ``baselines``); without it the evaluation names this baseline as absent.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from pinsage.arrays.unit_rows import unit_rows
from pinsage.evaluation.ranking import Ranks, Rows, rank_by_vectors
from pinsage.graph.bipartite import BipartiteGraph


def matrix_factorisation_ranks(
    graph: BipartiteGraph,
    queries: Rows,
    positives: Rows,
    *,
    factors: int,
    iterations: int,
    seed: int,
    threads: int = 2,
) -> Ranks:
    """Ranks by cosine of item factors.

    Args:
        graph: Saves as of the as-of day.
        queries: query rows, -1 = unknown, [n].
        positives: rows of the positives, -1 = unknown, [n].
        factors: width of the factors.
        iterations: alternations of boards and items.
        seed: seed of the first factors.
        threads: rows of factors solved, and blocks of queries scored, at once; changes no result.

    Returns:
        float64 [n].
    """
    vectors = item_factors(graph, factors=factors, iterations=iterations, seed=seed, threads=threads)
    return rank_by_vectors(vectors, vectors, queries, positives, threads=threads)


def item_factors(
    graph: BipartiteGraph, *, factors: int, iterations: int, seed: int, threads: int
) -> NDArray[np.float32]:
    """Factors of the items scaled to length 1, float32 [num_items, factors]; 0 for items without saves."""
    from implicit.cpu.als import AlternatingLeastSquares

    # Copies, because the library asks for arrays that it could write to, and a graph is mapped read-only.
    saves = sparse.csr_matrix(
        (np.ones(graph.num_edges, np.float32), np.array(graph.board_items), np.array(graph.board_offsets)),
        shape=(graph.num_boards, graph.num_items),
    )
    with threadpool_limits(limits=1):  # the library warns against a BLAS that brings threads of its own
        model = AlternatingLeastSquares(factors=factors, iterations=iterations, random_state=seed, num_threads=threads)
        model.fit(saves, show_progress=False)
    return np.where(graph.item_degrees()[:, None] > 0, unit_rows(model.item_factors), np.float32(0))
