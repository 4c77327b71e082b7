"""Positive pairs from saves alone: what a person saved to a board right after the query item (section 4.1).

Saves of one board are put in order of time; ties (one basket, data without times) in the order of a hash, which makes
a basket a random chain through its items. Each save then forms a pair with the one before it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pinsage.arrays.stable_hash import combine


class ConsecutivePairs(NamedTuple):
    """Pairs as positions in the saves that they came from: ``saves[query]`` was followed by ``saves[item]``."""

    query: NDArray[np.int64]
    item: NDArray[np.int64]


def consecutive_pairs(
    board_hash: NDArray[np.uint64],
    item_hash: NDArray[np.uint64],
    saved_at: NDArray[np.int64],
    *,
    seed: int,
    chains: int = 1,
    first_at: int | None = None,
    max_gap: int | None = None,
    max_pairs_per_board: int | None = None,
) -> ConsecutivePairs:
    """Consecutive saves of each board, by (saved_at, hash of seed, board and item).

    Self pairs are dropped; several chains repeat a pair where its order is given by time, and such repeats are dropped
    too. The result does not depend on the order of the rows, but for exact duplicates.

    Args:
        board_hash: a word for each save's board, uint64 [num_saves] (``stable_hash.hash_ids``).
        item_hash: a word for each save's item, uint64 [num_saves].
        saved_at: time of each save, any unit, int64 [num_saves]; a constant for data without times.
        seed: seed of the order among ties.
        chains: times that each board is walked through, each with another order among ties.
        first_at: pairs whose second save is before this time are left out (the first one may be earlier).
        max_gap: pairs whose saves are further apart are left out, unit of ``saved_at``.
        max_pairs_per_board: at most this many pairs of one board, those with the smallest hash.

    Returns:
        Positions of the pairs' saves, ordered by (board hash, saved_at of the second, hash).
    """
    found = [_chain(board_hash, item_hash, saved_at, seed + chain, first_at, max_gap) for chain in range(chains)]
    query = np.concatenate([pairs.query for pairs in found])
    item = np.concatenate([pairs.item for pairs in found])
    if chains > 1:
        query, item = _distinct(query, item, len(board_hash))
    if max_pairs_per_board is not None:
        kept = _cap(board_hash[item], combine(seed, item_hash[query], item_hash[item]), max_pairs_per_board)
        query, item = query[kept], item[kept]
    order = np.lexsort((item_hash[query], item_hash[item], saved_at[item], board_hash[item]))
    return ConsecutivePairs(query[order], item[order])


def _chain(
    board_hash: NDArray[np.uint64],
    item_hash: NDArray[np.uint64],
    saved_at: NDArray[np.int64],
    seed: int,
    first_at: int | None,
    max_gap: int | None,
) -> ConsecutivePairs:
    order = np.lexsort((combine(seed, board_hash, item_hash), saved_at, board_hash))
    query, item = order[:-1], order[1:]
    kept = (board_hash[query] == board_hash[item]) & (item_hash[query] != item_hash[item])
    if first_at is not None:
        kept &= saved_at[item] >= first_at
    if max_gap is not None:
        kept &= saved_at[item] - saved_at[query] <= max_gap
    return ConsecutivePairs(query[kept], item[kept])


def _distinct(
    query: NDArray[np.int64], item: NDArray[np.int64], num_saves: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    keys = np.unique(query * np.int64(num_saves) + item)
    return keys // num_saves, keys % num_saves


def _cap(group: NDArray[np.uint64], priority: NDArray[np.uint64], limit: int) -> NDArray[np.int64]:
    """Positions of at most ``limit`` rows of each group: those with the smallest priority."""
    order = np.lexsort((priority, group))
    starts = np.flatnonzero(np.r_[True, group[order][1:] != group[order][:-1]]) if len(order) else order
    sizes = np.diff(np.r_[starts, len(order)])
    rank = np.arange(len(order)) - np.repeat(starts, sizes)
    return np.sort(order[rank < limit])
