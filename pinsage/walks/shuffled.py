"""The walks of `kernel.py` cut into single hops, for graphs of which no process can hold more than a part.

Who holds the walkers, and how they reach the part that owns their node, is left to the caller: here are the arrays of
one part. The random stream knows a walker by its item row and walk, so the bits are those of the walk in one memory.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from pinsage.walks.counting import count_visits, new_visit_table, select_top
from pinsage.walks.importance import Neighborhoods
from pinsage.walks.kernel import is_enough
from pinsage.walks.random_stream import HALF_WORD, draw, row_key, walk_key
from pinsage.walks.walkers import DRAWS_PER_TRAVERSAL, ROUND_WALKS, Side, Walkers, WalkPlan, hop

_WALKERS_IN_FLIGHT = 512
# Comes before every visit: an item that no walk left has this entry alone.
START_ORDER = -1


class Crowd(NamedTuple):
    """Walkers on the nodes of one part.

    Attributes:
        rows: int32 [walkers], the item row that they started from.
        walks: int32 [walkers], the walk of that item.
        nodes: int32 [walkers], where they are.
    """

    rows: np.ndarray
    walks: np.ndarray
    nodes: np.ndarray


def start_crowd(rows: range, degrees: np.ndarray, num_walks: int) -> Crowd:
    """All walkers of the items that have saves; ``degrees`` is of these rows."""
    starting = np.arange(rows.start, rows.stop, dtype=np.int32)[degrees > 0]
    walks = np.tile(np.arange(num_walks, dtype=np.int32), len(starting))
    started = np.repeat(starting, num_walks)
    return Crowd(started, walks, started)


def hop_crowd(part: Side, first: int, crowd: Crowd, number: int, plan: WalkPlan) -> np.ndarray:
    """Move walkers over random edges.

    Args:
        part: Edges of the nodes from ``first`` on, offsets from 0.
        first: First node of the part.
        crowd: Walkers on nodes of the part.
        number: The draw that chooses the edges: 3 t for an item's and 3 t + 1 for a board's in traversal t.
        plan: What a walk is.

    Returns:
        int32 [walkers], the nodes they reach.
    """
    reached = np.empty(len(crowd.nodes), np.int32)
    _hop_crowd(part, first, crowd.rows, crowd.walks, crowd.nodes, np.uint64(number), plan.seed, reached)
    return reached


def still_going(crowd: Crowd, traversal: int, plan: WalkPlan) -> np.ndarray:
    """Which walkers go on after ``traversal``, bool [walkers]."""
    if traversal + 1 >= plan.walk_length:
        return np.zeros(len(crowd.rows), bool)
    going = np.empty(len(crowd.rows), bool)
    number = np.uint64(traversal) * DRAWS_PER_TRAVERSAL + np.uint64(2)
    _still_going(crowd.rows, crowd.walks, number, plan, going)
    return going


def visit_orders(walks: np.ndarray, traversal: int, plan: WalkPlan) -> np.ndarray:
    """When a visit happens among those of its item, int64 [walkers]: by round, then traversal, then walk."""
    rounds, places = np.divmod(walks.astype(np.int64), int(ROUND_WALKS))
    return (rounds * int(plan.walk_length) + traversal) * int(ROUND_WALKS) + places


def neighborhoods_of_visits(
    rows: range, visiting: np.ndarray, visited: np.ndarray, orders: np.ndarray, plan: WalkPlan, top_t: int
) -> Neighborhoods:
    """Count the visits of some items, and select.

    Args:
        rows: The items.
        visiting: int32 [visits], the item whose walk it is.
        visited: int32 [visits]; visits to itself do not count.
        orders: int64 [visits], see `visit_orders`.
        plan: What a walk is, and when walks are enough.
        top_t: Neighbors kept.
    """
    made = Neighborhoods(
        neighbors=np.empty((len(rows), top_t), np.int32),
        importances=np.empty((len(rows), top_t), np.float32),
        walks_made=np.empty(len(rows), np.int32),
    )
    in_order = np.lexsort((orders, visiting))
    bounds = np.searchsorted(visiting[in_order], np.arange(rows.start, rows.stop + 1))
    _neighborhoods_of_visits(bounds, visited[in_order], orders[in_order], rows.start, plan, *made)
    return made


@njit(nogil=True, cache=True)
def _hop_crowd(
    part: Side,
    first: int,
    rows: np.ndarray,
    walks: np.ndarray,
    nodes: np.ndarray,
    number: np.uint64,
    seed: np.uint64,
    reached: np.ndarray,
) -> None:
    keys, edges = np.empty(_WALKERS_IN_FLIGHT, np.uint64), np.empty(_WALKERS_IN_FLIGHT, np.uint64)
    local, ends = np.empty(_WALKERS_IN_FLIGHT, np.uint32), np.empty(0, np.uint64)
    walkers = Walkers(keys, local, edges, ends)
    for begin in range(0, len(nodes), _WALKERS_IN_FLIGHT):
        num = min(_WALKERS_IN_FLIGHT, len(nodes) - begin)
        for place in range(num):
            keys[place] = walk_key(row_key(seed, np.uint64(rows[begin + place])), np.uint64(walks[begin + place]))
            local[place] = nodes[begin + place] - first
        # The side that the walkers reach is elsewhere: what is prefetched of it is nothing, and harmless.
        hop(part, part, np.uint64(num), number, walkers)
        for place in range(num):
            reached[begin + place] = local[place]


@njit(nogil=True, cache=True)
def _still_going(rows: np.ndarray, walks: np.ndarray, number: np.uint64, plan: WalkPlan, going: np.ndarray) -> None:
    for walker in range(len(rows)):
        key = walk_key(row_key(plan.seed, np.uint64(rows[walker])), np.uint64(walks[walker]))
        going[walker] = draw(key, number) >> HALF_WORD >= plan.restart_below


@njit(nogil=True, cache=True)
def _neighborhoods_of_visits(
    bounds: np.ndarray,
    visited: np.ndarray,
    orders: np.ndarray,
    first: int,
    plan: WalkPlan,
    neighbors: np.ndarray,
    importances: np.ndarray,
    walks_made: np.ndarray,
) -> None:
    most_visits = np.int64(plan.num_walks * plan.walk_length)
    table = new_visit_table(most_visits, most_visits)
    visits = np.empty((1, np.int64(ROUND_WALKS * plan.walk_length) + 1), np.uint32)
    orders_per_round = np.int64(ROUND_WALKS * plan.walk_length)
    for output in range(len(neighbors)):
        place, end = bounds[output], bounds[output + 1]
        num_found, last_walk, enough = np.uint64(0), np.uint64(0), False
        while last_walk < plan.num_walks and not enough:
            round_end = np.int64(last_walk // ROUND_WALKS + np.uint64(1)) * orders_per_round
            last_walk = min(last_walk + ROUND_WALKS, plan.num_walks)
            num_visits = np.uint64(0)
            while place < end and orders[place] < round_end:
                visits[0, num_visits] = visited[place]
                num_visits += np.uint64(visited[place] != first + output)
                place += 1
            num_found = count_visits(visits, np.uint64(0), num_visits, num_found, table)
            enough = is_enough(num_found, table, plan)
        select_top(num_found, table, np.uint64(output), neighbors, importances)
        walks_made[output] = last_walk
