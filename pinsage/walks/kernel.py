"""Walks, visit counts and the top T, one item row after another (Ying et al. 2018, section 3.2).

The random stream is a function of (seed, item row, walk, draw) alone, so threads, chunks and workers change nothing.
``tests/naive.py`` follows the same stream with dictionaries and gives the same bits.
"""

from __future__ import annotations

import numpy as np
from numba import njit

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
NOBODY = np.int32(-1)


@njit(nogil=True, cache=True)
def mix(word: np.uint64) -> np.uint64:
    """The finaliser of splitmix64 (Steele et al. 2014)."""
    word = word + GOLDEN
    word = (word ^ (word >> np.uint64(30))) * MIX_1
    word = (word ^ (word >> np.uint64(27))) * MIX_2
    return word ^ (word >> np.uint64(31))


@njit(nogil=True, cache=True)
def draw(key: np.uint64, counter: np.uint64) -> np.uint64:
    """32 random bits: draw ``counter`` of the walk whose key is ``key``."""
    return mix(key ^ (counter * GOLDEN)) >> np.uint64(32)


@njit(nogil=True, cache=True)
def walk_rows(
    item_offsets: np.ndarray,
    item_boards: np.ndarray,
    board_offsets: np.ndarray,
    board_items: np.ndarray,
    first: int,
    seed: int,
    num_walks: int,
    walk_length: int,
    restart_below: np.uint64,
    neighbors: np.ndarray,
    visits: np.ndarray,
) -> None:
    """Fill the neighborhoods of the rows ``first`` to ``first + len(neighbors)`` (exclusive).

    A walk traverses item -> board -> item up to ``walk_length`` times and ends before each further traversal when a
    draw falls below ``restart_below`` (of 2**32). Visits to the starting item itself are not counted.

    Args:
        item_offsets: CSR of the items, see `BipartiteGraph`.
        item_boards: See `BipartiteGraph`.
        board_offsets: See `BipartiteGraph`.
        board_items: See `BipartiteGraph`.
        first: First item row.
        seed: Seed of the stream.
        num_walks: Walks per item.
        walk_length: Most traversals per walk.
        restart_below: Restart probability times 2**32.
        neighbors: Output int32 [rows, T]: descending visits, ties by first visit, -1 padding.
        visits: Output int32 [rows, T]: visit counts, 0 padding.
    """
    most = num_walks * walk_length
    size = 1
    while size < 2 * most:
        size *= 2
    mask = np.uint64(size - 1)
    slots = np.full(size, -1, np.int32)  # position in `found` of the item that hashes here
    slot_of = np.empty(most, np.int64)
    found = np.empty(most, np.int32)
    counts = np.empty(most, np.int32)
    starts = np.zeros(most + 2, np.int32)
    top_t = neighbors.shape[1]
    for output in range(len(neighbors)):
        row = first + output
        num_found = 0
        row_key = mix(np.uint64(seed) ^ mix(np.uint64(row)))
        if item_offsets[row + 1] > item_offsets[row]:
            for walk in range(num_walks):
                key = mix(row_key ^ np.uint64(walk))
                item = np.int64(row)
                counter = np.uint64(0)
                for step in range(walk_length):
                    if step > 0:
                        if draw(key, counter) < restart_below:
                            break
                        counter += np.uint64(1)
                    start = item_offsets[item]
                    degree = np.uint64(item_offsets[item + 1] - start)
                    board = item_boards[start + np.int64((draw(key, counter) * degree) >> np.uint64(32))]
                    start = board_offsets[board]
                    degree = np.uint64(board_offsets[board + 1] - start)
                    counter += np.uint64(1)
                    item = np.int64(board_items[start + np.int64((draw(key, counter) * degree) >> np.uint64(32))])
                    counter += np.uint64(1)
                    if item == row:
                        continue
                    slot = (np.uint64(item) * GOLDEN >> np.uint64(32)) & mask
                    while slots[slot] >= 0 and found[slots[slot]] != item:
                        slot = (slot + np.uint64(1)) & mask
                    if slots[slot] < 0:
                        slots[slot] = num_found
                        slot_of[num_found] = np.int64(slot)
                        found[num_found] = item
                        counts[num_found] = 1
                        num_found += 1
                    else:
                        counts[slots[slot]] += 1
        # A counting sort on visits, stable, so that ties stay in order of first visit.
        highest = 0
        for position in range(num_found):
            highest = max(highest, counts[position])
            starts[counts[position]] += 1
        place = 0
        for count in range(highest, 0, -1):
            place, starts[count] = place + starts[count], place
        for position in range(num_found):
            place = starts[counts[position]]
            starts[counts[position]] += 1
            if place < top_t:
                neighbors[output, place] = found[position]
                visits[output, place] = counts[position]
            slots[slot_of[position]] = -1
        starts[: highest + 1] = 0
        for place in range(num_found, top_t):
            neighbors[output, place] = NOBODY
            visits[output, place] = 0
