"""Many walkers that advance together, hop by hop (Ying et al. 2018, section 3.2).

A hop is two dependent reads, the offsets of a node and then one of its edges, and on a large graph both miss every
cache. One walker would wait for each; hundreds of walkers ask for the next line of memory (prefetch) long before they
need it, and the misses overlap.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from pinsage.graph.bipartite import BipartiteGraph
from pinsage.walks.intrinsics import borrowing, prefetch
from pinsage.walks.random_stream import HALF_WORD, LOW_HALF, below, draw, row_key, walk_key

# Draws of one traversal: the board, the item, and whether the walk goes on.
DRAWS_PER_TRAVERSAL = np.uint64(3)
# Walks of an item that advance together at most: bounds the memory, and is part of what "first visit" means.
ROUND_WALKS = np.uint64(256)


class Side(NamedTuple):
    """The edges of one kind of node, CSR. Unsigned: a signed index costs a branch at each access.

    Attributes:
        offsets: uint64 or uint32 [num_nodes + 1].
        neighbors: uint32 [num_edges], rows of the other kind.
        aliases: uint64 [num_edges], see `edge_aliases`; empty when all edges of a node are alike.
    """

    offsets: np.ndarray
    neighbors: np.ndarray
    aliases: np.ndarray


class WalkPlan(NamedTuple):
    """What a walk is, and when walks are enough; see `WalkConfig`.

    Attributes:
        seed: Of the random stream.
        num_walks: Most walks per item.
        walk_length: Most traversals per walk.
        restart_below: Restart probability times 2**32.
        enough_items: Walks end when so many items ...
        enough_visits: ... were visited so often; never, for 0 items.
    """

    seed: np.uint64
    num_walks: np.uint64
    walk_length: np.uint64
    restart_below: np.uint64
    enough_items: np.uint64 = np.uint64(0)
    enough_visits: np.uint64 = np.uint64(0)


class Walkers(NamedTuple):
    """The state of the walkers in flight, those of one item side by side.

    Attributes:
        keys: uint64 [walkers], of the random stream.
        nodes: uint32 [walkers], where they are.
        edges: uint64 [walkers], the edge that they take next.
        ends: uint64 [items], one past the last walker of each item.
    """

    keys: np.ndarray
    nodes: np.ndarray
    edges: np.ndarray
    ends: np.ndarray


def graph_sides(graph: BipartiteGraph) -> tuple[Side, Side]:
    """The items' and the boards' side of a graph; its arrays are not copied."""
    return (
        side_of(graph.item_offsets, graph.item_boards, graph.item_aliases),
        side_of(graph.board_offsets, graph.board_items, graph.board_aliases),
    )


def side_of(offsets: np.ndarray, neighbors: np.ndarray, aliases: np.ndarray) -> Side:
    """The kernel's view of one side, without copying."""
    return Side(_unsigned(offsets), _unsigned(neighbors), _unsigned(aliases))


def _unsigned(array: np.ndarray) -> np.ndarray:
    """An unsigned, read-only view: one compiled kernel serves arrays in memory and mapped ones."""
    view = np.asarray(array).view(np.dtype(f"uint{8 * array.itemsize}"))
    view.flags.writeable = False
    return view


@njit(nogil=True)
def new_walkers(num_items: int, num_walks: int) -> Walkers:
    """Working memory for the walks of some items."""
    num = num_items * num_walks
    return Walkers(
        np.empty(num, np.uint64), np.empty(num, np.uint32), np.empty(num, np.uint64), np.empty(num_items, np.uint64)
    )


@borrowing
def walk_group(
    items: Side,
    boards: Side,
    first: np.uint64,
    first_walk: np.uint64,
    last_walk: np.uint64,
    plan: WalkPlan,
    walkers: Walkers,
    visits: np.ndarray,
    num_visits: np.ndarray,
) -> None:
    """Walk from the rows ``first`` to ``first + len(num_visits)`` (exclusive), together.

    A walk traverses item -> board -> item up to ``walk_length`` times and ends after each but the last when a draw says
    so. Visits to the starting item itself are not recorded.

    Args:
        items: Edges of the items.
        boards: Edges of the boards.
        first: First item row.
        first_walk: First walk of every item.
        last_walk: One past the last walk.
        plan: Seed, length and restart.
        walkers: Working memory, for all walks of the group.
        visits: Output uint32 [rows, walks * length + 1]: the items visited, by traversal, then by walk.
        num_visits: Output uint64 [rows].
    """
    num_going = start_walkers(items, first, first_walk, last_walk, plan.seed, walkers, num_visits)
    for traversal in range(plan.walk_length):
        number = traversal * DRAWS_PER_TRAVERSAL
        hop(items, boards, num_going, number, walkers)
        hop(boards, items, num_going, number + np.uint64(1), walkers)
        num_going = record_visits(first, number + np.uint64(2), plan.restart_below, walkers, visits, num_visits)
        if num_going == 0:
            break


@borrowing
def start_walkers(
    items: Side,
    first: np.uint64,
    first_walk: np.uint64,
    last_walk: np.uint64,
    seed: np.uint64,
    walkers: Walkers,
    num_visits: np.ndarray,
) -> np.uint64:
    """Put the walkers on their items; none on an item without saves. Returns how many."""
    offsets = items.offsets
    keys, nodes, _, ends = walkers
    num_going = np.uint64(0)
    for position in range(np.uint64(len(num_visits))):
        num_visits[position] = 0
        row = first + position
        if offsets[row + np.uint64(1)] > offsets[row]:
            key = row_key(seed, row)
            for walk in range(first_walk, last_walk):
                keys[num_going] = walk_key(key, walk)
                nodes[num_going] = row
                num_going += np.uint64(1)
        ends[position] = num_going
    return num_going


@borrowing
def hop(side: Side, other: Side, num_going: np.uint64, number: np.uint64, walkers: Walkers) -> None:
    """Move every walker over a random edge of its node; ``number`` is the draw that chooses it."""
    offsets, neighbors, aliases = side
    keys, nodes, edges, _ = walkers
    other_offsets = other.offsets
    is_weighted = len(aliases) > 0
    for walker in range(num_going):
        node = np.uint64(nodes[walker])
        start = np.uint64(offsets[node])
        degree = np.uint64(offsets[node + np.uint64(1)]) - start
        edge = start + below(draw(keys[walker], number), degree)
        edges[walker] = edge
        prefetch(neighbors, edge)
        if is_weighted:
            prefetch(aliases, edge)
    for walker in range(num_going):
        edge = edges[walker]
        node = np.uint64(neighbors[edge])
        if is_weighted:
            alias = aliases[edge]
            keeps = draw(keys[walker], number) & LOW_HALF <= alias >> HALF_WORD
            node = node if keeps else alias & LOW_HALF
        nodes[walker] = node
        prefetch(other_offsets, node)


@borrowing
def record_visits(
    first: np.uint64,
    number: np.uint64,
    restart_below: np.uint64,
    walkers: Walkers,
    visits: np.ndarray,
    num_visits: np.ndarray,
) -> np.uint64:
    """Note where the walkers are, and close the ranks of those that go on. Returns how many do.

    Without a branch that depends on a draw: half of them would be mispredicted.
    """
    keys, nodes, _, ends = walkers
    num_going, walker = np.uint64(0), np.uint64(0)
    for position in range(np.uint64(len(num_visits))):
        row, num, end = np.uint32(first + position), num_visits[position], ends[position]
        while walker < end:
            item, key = nodes[walker], keys[walker]
            visits[position, num] = item
            num += np.uint64(item != row)
            nodes[num_going], keys[num_going] = item, key
            num_going += np.uint64(draw(key, number) >> HALF_WORD >= restart_below)
            walker += np.uint64(1)
        num_visits[position], ends[position] = num, num_going
    return num_going
