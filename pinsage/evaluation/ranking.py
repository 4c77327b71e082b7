"""Exact ranks of positives in the whole catalogue.

For each pair (query, positive) every item but the query itself competes. The rank is

    R = 1 + |{items scored higher}| + |{other items scored the same}| / 2,

the mean over all orders of the tied items. A method that scores everything alike gets the middle of the catalogue
and gains nothing from the order of rows; one that leaves most items at zero pays for the ones it did not find.
Scores closer than ``TIE`` times the lengths of the two vectors, or 1, are the same: equal vectors must tie although a
matrix product rounds them differently in different columns. Pairs with a row of -1 (not in the catalogue) have rank
NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import threadpool_limits

from pinsage.arrays.mapped_rows import read_rows

TIE = 1e-6

Rows = NDArray[np.integer]
Ranks = NDArray[np.float64]


def mid_ranks(higher: Rows, tied: Rows) -> Ranks:
    """R = 1 + higher + tied / 2, where ``tied`` counts the other items of the same score; [n]."""
    return 1.0 + higher + tied / 2.0


def rank_by_vectors(
    query_vectors: NDArray[np.float32],
    item_vectors: NDArray[np.float32],
    queries: Rows,
    positives: Rows,
    *,
    popularity: bool = False,
    block: int = 256,
    columns: int = 65_536,
    threads: int = 2,
) -> Ranks:
    """Ranks by inner product of the query's row in ``query_vectors`` with every row of ``item_vectors``.

    Each distinct query is scored once. BLAS gets one thread per block, so that no thread count changes a bit. Vectors
    may be mapped from files larger than memory.

    Args:
        query_vectors: [num_items, d].
        item_vectors: [num_items, d].
        queries: item row of each pair's query, -1 = unknown, [n].
        positives: item row of each pair's positive, -1 = unknown, [n].
        popularity: the last column is a popularity term, which counts in full for every query: see `as_queries`.
        block: distinct queries scored at once; takes block x columns x 4 bytes a thread.
        columns: items that they are scored against at once.
        threads: blocks scored at once.

    Returns:
        float64 [n]; NaN also where a vector is not finite.
    """
    ask = as_queries if popularity else np.asarray
    known = known_pairs(queries, positives)
    asked = ask(read_rows(query_vectors, queries[known]))
    wanted = read_rows(item_vectors, positives[known])
    target = np.full(len(queries), np.nan, np.float32)
    target[known] = np.einsum("nd,nd->n", asked, wanted)
    margin = np.ones(len(queries), np.float32)
    # Sums of products are rounded as the lengths are large, however small they end.
    margin[known] = TIE * np.maximum(1, np.linalg.norm(asked, axis=1) * np.linalg.norm(wanted, axis=1))
    above, level = target + margin, target - margin
    ranks = np.where(np.isnan(target), np.nan, 1.0)

    def add(first: int, rows: NDArray[np.int64], pairs: NDArray[np.int64], row_of_pair: NDArray[np.int64]) -> Ranks:
        """What the items from ``first`` on add to the ranks of some pairs."""
        scores = ask(read_rows(query_vectors, rows)) @ item_vectors[first : first + columns].T
        # Neither the query itself nor the positive compete.
        own = np.flatnonzero((rows >= first) & (rows < first + columns))
        scores[own, rows[own] - first] = -np.inf
        higher, at_least = np.empty(len(pairs), np.int64), np.empty(len(pairs), np.int64)
        for place, (pair, row) in enumerate(zip(pairs, row_of_pair, strict=True)):
            higher[place] = np.count_nonzero(scores[row] > above[pair])
            at_least[place] = np.count_nonzero(scores[row] >= level[pair])
            if first <= positives[pair] < first + columns:
                itself = scores[row, positives[pair] - first]
                higher[place] -= itself > above[pair]
                at_least[place] -= itself >= level[pair]
        return mid_ranks(higher, at_least - higher) - 1

    with threadpool_limits(limits=1):
        for first in range(0, len(item_vectors), columns):
            ranks += rank_in_blocks(partial(add, first), queries, positives, block, threads)
    return ranks


def as_queries(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of an index whose last column is a popularity term, asked as queries: with 1 in that column."""
    queries = np.array(vectors)
    queries[:, -1] = 1.0
    return queries


def rank_by_sparse_scores(
    score_rows: Callable[[NDArray[np.int64]], sparse.csr_array],
    num_items: int,
    queries: Rows,
    positives: Rows,
    *,
    block: int = 256,
    threads: int = 2,
) -> Ranks:
    """Ranks by non-negative scores of which most are zero.

    Args:
        score_rows: gives the scores of some query rows, [len(rows), num_items] without duplicate entries.
        num_items: items in the catalogue.
        queries: item row of each pair's query, -1 = unknown, [n].
        positives: item row of each pair's positive, -1 = unknown, [n].
        block: distinct queries scored at once.
        threads: blocks scored at once.

    Returns:
        float64 [n].
    """

    def score(rows: NDArray[np.int64], pairs: NDArray[np.int64], row_of_pair: NDArray[np.int64]) -> Ranks:
        scores = score_rows(rows)
        higher, tied = np.empty(len(pairs), np.int64), np.empty(len(pairs), np.int64)
        for pair, row in enumerate(row_of_pair):
            entries = slice(scores.indptr[row], scores.indptr[row + 1])
            columns, values = scores.indices[entries], scores.data[entries]
            competing = (columns != rows[row]) & (values > 0)
            target = float(values[columns == positives[pairs[pair]]].sum())
            margin = TIE * target  # relative alone: small scores are as exact as large ones
            higher[pair] = np.count_nonzero(competing & (values > target + margin))
            if target > 0:
                tied[pair] = np.count_nonzero(competing & (values >= target - margin)) - higher[pair] - 1
            else:
                tied[pair] = num_items - 2 - np.count_nonzero(competing)
        return mid_ranks(higher, tied)

    return rank_in_blocks(score, queries, positives, block, threads)


def rank_by_item_score(scores: NDArray[np.float64], queries: Rows, positives: Rows) -> Ranks:
    """Ranks by a score that is the same for every query, such as popularity; exact ties only.

    Args:
        scores: score of each item, [num_items].
        queries: item row of each pair's query, -1 = unknown, [n].
        positives: item row of each pair's positive, -1 = unknown, [n].

    Returns:
        float64 [n].
    """
    ranks = np.full(len(queries), np.nan)
    known = known_pairs(queries, positives)
    query, target = scores[queries[known]], scores[positives[known]]
    ascending = np.sort(scores)
    right, left = np.searchsorted(ascending, target, "right"), np.searchsorted(ascending, target, "left")
    higher = len(scores) - right - (query > target)
    ranks[known] = mid_ranks(higher, right - left - 1 - (query == target))
    return ranks


def known_pairs(queries: Rows, positives: Rows) -> NDArray[np.bool_]:
    """Pairs that can be ranked: both items are in the catalogue, and they differ; [n]."""
    return (queries >= 0) & (positives >= 0) & (queries != positives)


def rank_in_blocks(
    score: Callable[[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]], Ranks],
    queries: Rows,
    positives: Rows,
    block: int,
    threads: int,
) -> Ranks:
    """Ranks of pairs by blocks of distinct queries.

    Args:
        score: gives the ranks of some pairs from (distinct query rows, positions of their pairs, and for each of these
            pairs the position of its query among the rows).
        queries: item row of each pair's query, -1 = unknown, [n].
        positives: item row of each pair's positive, -1 = unknown, [n].
        block: distinct queries scored at once.
        threads: blocks scored at once.

    Returns:
        float64 [n].
    """
    ranks = np.full(len(queries), np.nan)
    known = np.flatnonzero(known_pairs(queries, positives))
    rows, row_of_pair = np.unique(queries[known].astype(np.int64), return_inverse=True)
    order = np.argsort(row_of_pair, kind="stable")
    bounds = np.searchsorted(row_of_pair[order], np.arange(0, len(rows) + block, block))

    def blocks() -> Iterator[tuple[int, NDArray[np.int64]]]:
        for number in range(len(bounds) - 1):
            yield number * block, order[bounds[number] : bounds[number + 1]]

    def one(task: tuple[int, NDArray[np.int64]]) -> None:
        start, members = task
        if len(members):
            pairs = known[members]
            ranks[pairs] = score(rows[start : start + block], pairs, row_of_pair[members] - start)

    with ThreadPoolExecutor(max(1, threads)) as pool:
        for _ in pool.map(one, blocks()):
            pass
    return ranks
