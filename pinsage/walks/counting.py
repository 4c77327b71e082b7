"""Visit counts of one item's walks in a small hash table, and the T most visited.

The table is open-addressed, one uint64 per slot: the visited item in the high half, its count in the low one, 0 for an
empty slot. At twice as many slots as visits it stays in the first level of the cache.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from pinsage.walks.intrinsics import borrowing
from pinsage.walks.random_stream import GOLDEN, HALF_WORD, LOW_HALF

_ONE = np.uint64(1)
# 8 KB at least, so that hardly two items of a short walk want the same slot.
_FEWEST_SLOTS = 1024


class VisitTable(NamedTuple):
    """Working memory for counting.

    Attributes:
        slots: uint64 [power of two], all 0 between items.
        found: uint32 [visits + 1], the slots in use, by first visit.
        often: uint64 [visits + 1], entries visited more than once.
        once: uint64 [visits + 1], entries visited once.
        ranked: uint64 [visits + 1], entries visited more than once, by their rank.
        places: uint64 [visits + 2], all 0 between items: of the counting sort.
    """

    slots: np.ndarray
    found: np.ndarray
    often: np.ndarray
    once: np.ndarray
    ranked: np.ndarray
    places: np.ndarray


@njit(nogil=True)
def new_visit_table(most_items: int, most_visits: int) -> VisitTable:
    """Working memory for at most so many distinct items and visits."""
    num_slots = _FEWEST_SLOTS
    while num_slots < 2 * most_items:
        num_slots *= 2
    return VisitTable(
        np.zeros(num_slots, np.uint64),
        np.empty(most_items + 1, np.uint32),
        np.empty(most_items + 1, np.uint64),
        np.empty(most_items + 1, np.uint64),
        np.empty(most_items + 1, np.uint64),
        np.zeros(most_visits + 2, np.uint64),
    )


@borrowing
def count_visits(
    visits: np.ndarray, row: np.uint64, num_visits: np.uint64, num_found: np.uint64, table: VisitTable
) -> np.uint64:
    """Add a row of visits to the table. Returns how many distinct items it holds now.

    Args:
        visits: uint32 [rows, visits], the items in order of visit.
        row: Which row.
        num_visits: How many of them count.
        num_found: Distinct items so far.
        table: The counts so far.
    """
    slots, found = table.slots, table.found
    mask = np.uint64(len(slots) - 1)
    for visit in range(num_visits):
        item = np.uint64(visits[row, visit])
        slot = item * GOLDEN >> HALF_WORD & mask
        entry = slots[slot]
        while entry != 0 and entry >> HALF_WORD != item:
            slot = slot + _ONE & mask
            entry = slots[slot]
        found[num_found] = slot
        num_found += np.uint64(entry == 0)
        slots[slot] = (item << HALF_WORD) | ((entry & LOW_HALF) + _ONE)
    return num_found


@borrowing
def num_visited(num_found: np.uint64, table: VisitTable, at_least: np.uint64) -> np.uint64:
    """How many items were visited at least so often."""
    num = np.uint64(0)
    for position in range(num_found):
        num += np.uint64(table.slots[np.uint64(table.found[position])] & LOW_HALF >= at_least)
    return num


@borrowing
def take_entries(num_found: np.uint64, table: VisitTable) -> tuple[np.uint64, np.uint64]:
    """Move the entries to ``often`` and ``once``, each by first visit, and empty the slots. Returns both counts."""
    slots, found, often, once, _, _ = table
    num_often, num_once = np.uint64(0), np.uint64(0)
    for position in range(num_found):
        slot = np.uint64(found[position])
        entry = slots[slot]
        slots[slot] = np.uint64(0)
        repeated = np.uint64(entry & LOW_HALF > _ONE)
        often[num_often] = entry
        num_often += repeated
        once[num_once] = entry
        num_once += _ONE - repeated
    return num_often, num_once


@borrowing
def rank_often(num_often: np.uint64, table: VisitTable) -> None:
    """Write ``often`` to ``ranked``: descending visits, ties by first visit; a counting sort."""
    _, _, often, _, ranked, places = table
    highest = _ONE
    for position in range(num_often):
        visits = often[position] & LOW_HALF
        highest = max(highest, visits)
        places[visits] += _ONE
    place, visits = np.uint64(0), highest
    while visits > _ONE:
        place, places[visits] = place + places[visits], place
        visits -= _ONE
    for position in range(num_often):
        entry = often[position]
        visits = entry & LOW_HALF
        ranked[places[visits]] = entry
        places[visits] += _ONE
    while highest > _ONE:
        places[highest] = 0
        highest -= _ONE


@borrowing
def select_top(
    num_found: np.uint64, table: VisitTable, row: np.uint64, neighbors: np.ndarray, importances: np.ndarray
) -> None:
    """Write the most visited items to a row and empty the table: descending visits, ties by first visit.

    Most items are visited once, and of these only as many are looked at as there are places left: no sort of all.

    Args:
        num_found: Distinct items in the table.
        table: The counts.
        row: Which row of the outputs.
        neighbors: Output int32 [rows, T], padded with -1.
        importances: Output float32 [rows, T]: visits over the sum of the visits kept, padded with 0.
    """
    top_t = np.uint64(neighbors.shape[1])
    num_often, _ = take_entries(num_found, table)
    rank_often(num_often, table)
    kept, kept_often = min(num_found, top_t), min(num_often, top_t)
    total = kept - kept_often
    for place in range(kept_often):
        entry = table.ranked[place]
        total += entry & LOW_HALF
    for place in range(kept_often):
        entry = table.ranked[place]
        neighbors[row, place] = entry >> HALF_WORD
        importances[row, place] = np.float64(entry & LOW_HALF) / np.float64(total)
    share = np.float32(1 / np.float64(total))
    for place in range(kept_often, kept):
        entry = table.once[place - kept_often]
        neighbors[row, place] = entry >> HALF_WORD
        importances[row, place] = share
    for place in range(kept, top_t):
        neighbors[row, place], importances[row, place] = -1, 0
