"""Hard negatives from a band of personalised PageRank ranks (Ying et al. 2018, section 3.3).

PageRank is taken from the visit counts of many walks with restart; ties go by first visit. The stream is a function of
(seed, query row, walk, draw), as in `kernel.py`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit

from pinsage.graph.bipartite import BipartiteGraph
from pinsage.walks.config import HardNegativeConfig
from pinsage.walks.kernel import draw, mix

_QUERIES_PER_CALL = 512


def rank_band(config: HardNegativeConfig, num_items: int) -> tuple[int, int]:
    """First and last rank of the band, both inclusive, 1 = best; shares become ranks of the catalogue.

    Raises:
        ValueError: The band ends before it begins.
    """
    low, high = (
        max(1, round(bound * num_items)) if bound < 1 else round(bound) for bound in (config.band_low, config.band_high)
    )
    if high < low:
        raise ValueError(f"hard_negatives: the band ends at rank {high} before it begins at {low}; raise band_high")
    return low, high


def hard_negative_pools(
    graph: BipartiteGraph,
    queries: np.ndarray,
    positive_offsets: np.ndarray,
    positives: np.ndarray,
    config: HardNegativeConfig,
    *,
    threads: int = 1,
) -> np.ndarray:
    """Draw a pool from the rank band of every query.

    Where walks visited fewer items than the band's last rank, the band keeps its place relative to what was visited.

    Args:
        graph: The graph to walk.
        queries: int32 [q] item rows.
        positive_offsets: int64 [num_items + 1] into ``positives``, by query row.
        positives: int32 [n] rows that are positives of a query, ascending within a query; never drawn.
        config: Band, walks, pool size, seed.
        threads: Threads that share the queries; changes nothing.

    Returns:
        int32 [q, pool_size], distinct within a row, -1 for padding.
    """
    low, high = rank_band(config, graph.num_items)
    pools = np.full((len(queries), config.pool_size), -1, np.int32)

    def fill(start: int) -> None:
        stop = min(start + _QUERIES_PER_CALL, len(queries))
        draw_pools(
            graph.item_offsets,
            graph.item_boards,
            graph.board_offsets,
            graph.board_items,
            queries[start:stop],
            positive_offsets,
            positives,
            low,
            high,
            config.seed,
            config.num_walks,
            config.walk_length,
            np.uint64(config.restart * 2**32),
            pools[start:stop],
        )

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(0, len(queries), _QUERIES_PER_CALL)))
    return pools


@njit(nogil=True, cache=True)
def draw_pools(
    item_offsets: np.ndarray,
    item_boards: np.ndarray,
    board_offsets: np.ndarray,
    board_items: np.ndarray,
    queries: np.ndarray,
    positive_offsets: np.ndarray,
    positives: np.ndarray,
    low: int,
    high: int,
    seed: int,
    num_walks: int,
    walk_length: int,
    restart_below: np.uint64,
    pools: np.ndarray,
) -> None:
    """Fill ``pools`` int32 [q, P], given as -1; arguments as in `hard_negative_pools` and `walk_rows`."""
    num_items = len(item_offsets) - 1
    counts = np.zeros(num_items, np.int32)
    found = np.empty(min(num_items, num_walks * walk_length), np.int32)
    for output in range(len(queries)):
        row = np.int64(queries[output])
        if item_offsets[row + 1] == item_offsets[row]:
            continue
        row_key = mix(np.uint64(seed) ^ mix(np.uint64(row)))
        num_found = 0
        highest = 0
        for walk in range(num_walks):
            key = mix(row_key ^ np.uint64(walk))
            item = row
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
                if item != row:
                    if counts[item] == 0:
                        found[num_found] = item
                        num_found += 1
                    counts[item] += 1
                    highest = max(highest, counts[item])
        # A stable counting sort: ranks by visits, ties by first visit.
        starts = np.zeros(highest + 2, np.int64)
        for place in range(num_found):
            starts[counts[found[place]]] += 1
        total = 0
        for count in range(highest, 0, -1):
            total, starts[count] = total + starts[count], total
        ranked = np.empty(num_found, np.int32)
        for place in range(num_found):
            item = found[place]
            ranked[starts[counts[item]]] = item
            starts[counts[item]] += 1
        for place in range(num_found):
            counts[found[place]] = 0
        first, last = low - 1, high
        if num_found < high:
            first, last = (low - 1) * num_found // high, num_found
        kept = 0
        for place in range(first, last):
            item = ranked[place]
            begin, end = positive_offsets[row], positive_offsets[row + 1]
            at = begin + np.searchsorted(positives[begin:end], item)
            if at == end or positives[at] != item:
                ranked[first + kept] = item
                kept += 1
        # Fisher-Yates over the band, as far as the pool needs it.
        key = mix(row_key ^ np.uint64(num_walks))
        for place in range(min(kept, pools.shape[1])):
            left = np.uint64(kept - place)
            other = first + place + np.int64((draw(key, np.uint64(place)) * left) >> np.uint64(32))
            pools[output, place] = ranked[other]
            ranked[other] = ranked[first + place]
