"""Importance neighborhoods of a range of items (Ying et al. 2018, section 3.2): walk, count, select.

The parts are in `walkers.py`, `counting.py` and `random_stream.py`. ``tests/naive.py`` follows the same stream with
dictionaries and gives the same bits.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from pinsage.walks.counting import VisitTable, count_visits, new_visit_table, num_visited, select_top
from pinsage.walks.intrinsics import borrowing
from pinsage.walks.walkers import ROUND_WALKS, Side, WalkPlan, new_walkers, walk_group

# Enough to hide the latency of memory, few enough for the first levels of the cache.
WALKERS_IN_FLIGHT = np.int64(512)


@borrowing
def is_enough(num_found: np.uint64, table: VisitTable, plan: WalkPlan) -> bool:
    """Whether the walks may end early."""
    return bool(plan.enough_items > 0 and num_visited(num_found, table, plan.enough_visits) >= plan.enough_items)


@njit(nogil=True, cache=True)
def walk_rows(
    items: Side,
    boards: Side,
    first: int,
    plan: WalkPlan,
    neighbors: np.ndarray,
    importances: np.ndarray,
    walks_made: np.ndarray,
) -> None:
    """Fill the neighborhoods of the rows ``first`` to ``first + len(neighbors)`` (exclusive).

    An item's walks go in rounds, and as in Pixie (Eksombatchai et al. 2018, section 3.1) they end after a round that
    has brought enough items to enough visits.

    Args:
        items: Edges of the items.
        boards: Edges of the boards.
        first: First item row.
        plan: What a walk is, and when they are enough.
        neighbors: Output int32 [rows, T]: descending visits, ties by first visit, -1 for padding.
        importances: Output float32 [rows, T]: sum 1, or 0 for an item whose walks met nobody else.
        walks_made: Output int32 [rows].
    """
    round_walks = np.int64(min(plan.num_walks, ROUND_WALKS))
    # Items that need several rounds are walked one by one, because there is one table.
    group = max(np.int64(1), WALKERS_IN_FLIGHT // round_walks) if plan.num_walks <= ROUND_WALKS else np.int64(1)
    walkers = new_walkers(group, round_walks)
    num_visits = np.empty(group, np.uint64)
    visits = np.empty((group, round_walks * np.int64(plan.walk_length) + 1), np.uint32)
    most_visits = np.int64(plan.num_walks * plan.walk_length)
    table = new_visit_table(min(most_visits, np.int64(len(items.offsets))), most_visits)
    for begin in range(0, len(neighbors), group):
        rows = min(group, np.int64(len(neighbors) - begin))
        num_found, last_walk, enough = np.uint64(0), np.uint64(0), False
        while last_walk < plan.num_walks and not enough:
            first_walk, last_walk = last_walk, min(last_walk + ROUND_WALKS, plan.num_walks)
            row = np.uint64(first + begin)
            walk_group(items, boards, row, first_walk, last_walk, plan, walkers, visits, num_visits[:rows])
            for position in range(rows):
                num_found = count_visits(visits, np.uint64(position), num_visits[position], num_found, table)
                enough = is_enough(num_found, table, plan)
                if last_walk == plan.num_walks or enough:
                    select_top(num_found, table, np.uint64(begin + position), neighbors, importances)
                    walks_made[begin + position] = last_walk
                    num_found = np.uint64(0)
