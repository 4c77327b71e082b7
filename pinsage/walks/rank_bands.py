"""Hard negatives from a band of personalised PageRank ranks (Ying et al. 2018, section 3.3).

PageRank is taken from the visit counts of many walks with restart; ties go by first visit. The walks and their random
stream are those of `kernel.py`, only longer.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit

from pinsage.graph.bipartite import BipartiteGraph
from pinsage.walks.config import HardNegativeConfig
from pinsage.walks.counting import count_visits, new_visit_table, select_top
from pinsage.walks.random_stream import below, draw, row_key, walk_key
from pinsage.walks.walkers import ROUND_WALKS, Side, WalkPlan, graph_sides, new_walkers, walk_group

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

    items, boards = graph_sides(graph)
    plan = WalkPlan(
        seed=np.uint64(config.seed),
        num_walks=np.uint64(config.num_walks),
        walk_length=np.uint64(config.walk_length),
        restart_below=np.uint64(config.restart * 2**32),
    )

    def fill(start: int) -> None:
        part = slice(start, min(start + _QUERIES_PER_CALL, len(queries)))
        draw_pools(items, boards, queries[part], positive_offsets, positives, low, high, plan, pools[part])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(0, len(queries), _QUERIES_PER_CALL)))
    return pools


@njit(nogil=True, cache=True)
def draw_pools(
    items: Side,
    boards: Side,
    queries: np.ndarray,
    positive_offsets: np.ndarray,
    positives: np.ndarray,
    low: int,
    high: int,
    plan: WalkPlan,
    pools: np.ndarray,
) -> None:
    """Fill ``pools`` int32 [q, P], given as -1; arguments as in `hard_negative_pools` and `walk_rows`."""
    most_visits = np.int64(plan.num_walks * plan.walk_length)
    most_items = min(most_visits, np.int64(len(items.offsets)))
    table = new_visit_table(most_items, most_visits)
    walkers = new_walkers(1, np.int64(ROUND_WALKS))
    visits = np.empty((1, np.int64(ROUND_WALKS * plan.walk_length) + 1), np.uint32)
    num_visits = np.empty(1, np.uint64)
    ranked, pagerank = np.empty((1, most_items), np.int32), np.empty((1, most_items), np.float32)
    for output in range(len(queries)):
        row = np.uint64(queries[output])
        num_found, last_walk = np.uint64(0), np.uint64(0)
        while last_walk < plan.num_walks:
            first_walk, last_walk = last_walk, min(last_walk + ROUND_WALKS, plan.num_walks)
            walk_group(items, boards, row, first_walk, last_walk, plan, walkers, visits, num_visits)
            num_found = count_visits(visits, np.uint64(0), num_visits[0], num_found, table)
        select_top(num_found, table, np.uint64(0), ranked[:, :num_found], pagerank[:, :num_found])
        num = np.int64(num_found)
        first, last = (low - 1, high) if num >= high else ((low - 1) * num // high, num)
        begin, end = positive_offsets[row], positive_offsets[row + np.uint64(1)]
        band = without_positives(ranked[0, first:last], positives[begin:end])
        draw_some(band, walk_key(row_key(plan.seed, row), plan.num_walks), pools[output])


@njit(nogil=True)
def without_positives(band: np.ndarray, positives: np.ndarray) -> np.ndarray:
    """Move the items of the band that are no positives (ascending) to its front. Returns that part."""
    kept = 0
    for item in band:
        at = np.searchsorted(positives, item)
        if at == len(positives) or positives[at] != item:
            band[kept] = item
            kept += 1
    return band[:kept]


@njit(nogil=True)
def draw_some(band: np.ndarray, key: np.uint64, pool: np.ndarray) -> None:
    """Draw the pool from the band without repetition: Fisher-Yates, as far as the pool needs it."""
    for place in range(min(len(band), len(pool))):
        other = place + np.int64(below(draw(key, np.uint64(place)), np.uint64(len(band) - place)))
        pool[place] = band[other]
        band[other] = band[place]
