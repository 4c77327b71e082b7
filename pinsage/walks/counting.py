"""Visit counts of one item's walks in a small hash table, and the T most visited.

The table is open-addressed, one uint64 per slot: the visited item in the high half, its count in the low one, 0 for an
empty slot. At twice as many slots as visits it stays in the first level of the cache.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from pinsage.walks.random_stream import GOLDEN, HALF_WORD, LOW_HALF

_ONE = np.uint64(1)


class VisitTable(NamedTuple):
    """Working memory for counting.

    Attributes:
        slots: uint64 [power of two], all 0 between items.
        found: uint32 [visits + 1], the slots in use, by first visit.
        often: uint64 [visits + 1], entries visited more than once.
        once: uint64 [visits + 1], entries visited once.
        places: uint64 [visits + 2], all 0 between items: of the counting sort.
    """

    slots: np.ndarray
    found: np.ndarray
    often: np.ndarray
    once: np.ndarray
    places: np.ndarray


@njit(nogil=True)
def new_visit_table(most_items: int, most_visits: int) -> VisitTable:
    """Working memory for at most so many distinct items and visits."""
    num_slots = 16
    while num_slots < 2 * most_items:
        num_slots *= 2
    return VisitTable(
        np.zeros(num_slots, np.uint64),
        np.empty(most_items + 1, np.uint32),
        np.empty(most_items + 1, np.uint64),
        np.empty(most_items + 1, np.uint64),
        np.zeros(most_visits + 2, np.uint64),
    )


@njit(nogil=True)
def count_visits(visits: np.ndarray, num_visits: np.uint64, num_found: np.uint64, table: VisitTable) -> np.uint64:
    """Add visits to the table. Returns how many distinct items it holds now.

    Args:
        visits: uint32, the items in order of visit.
        num_visits: How many of them count.
        num_found: Distinct items so far.
        table: The counts so far.
    """
    slots, found = table.slots, table.found
    mask = np.uint64(len(slots) - 1)
    for visit in range(num_visits):
        item = np.uint64(visits[visit])
        slot = item * GOLDEN >> HALF_WORD & mask
        entry = slots[slot]
        while entry != 0 and entry >> HALF_WORD != item:
            slot = slot + _ONE & mask
            entry = slots[slot]
        found[num_found] = slot
        num_found += np.uint64(entry == 0)
        slots[slot] = (item << HALF_WORD) | ((entry & LOW_HALF) + _ONE)
    return num_found


@njit(nogil=True)
def num_visited(num_found: np.uint64, table: VisitTable, at_least: np.uint64) -> np.uint64:
    """How many items were visited at least so often."""
    num = np.uint64(0)
    for position in range(num_found):
        num += np.uint64(table.slots[np.uint64(table.found[position])] & LOW_HALF >= at_least)
    return num


@njit(nogil=True)
def take_entries(num_found: np.uint64, table: VisitTable) -> tuple[np.uint64, np.uint64]:
    """Move the entries to ``often`` and ``once``, each by first visit, and empty the slots. Returns both counts."""
    slots, found, often, once, _ = table
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


@njit(nogil=True)
def find_places(num_often: np.uint64, table: VisitTable) -> np.uint64:
    """Let ``places[c]`` be the rank, from 0, of the first entry with ``c`` visits. Returns the highest count."""
    _, _, often, _, places = table
    highest = _ONE
    for position in range(num_often):
        visits = often[position] & LOW_HALF
        highest = max(highest, visits)
        places[visits] += _ONE
    place = np.uint64(0)
    visits = highest
    while visits > _ONE:
        place, places[visits] = place + places[visits], place
        visits -= _ONE
    return highest


@njit(nogil=True)
def select_top(num_found: np.uint64, table: VisitTable, neighbors: np.ndarray, importances: np.ndarray) -> None:
    """Write the most visited items and empty the table: descending visits, ties by first visit.

    Most items are visited once, and of these only as many are looked at as there are places left: no sort of all.

    Args:
        num_found: Distinct items in the table.
        table: The counts.
        neighbors: Output int32 [T], padded with -1.
        importances: Output float32 [T]: visits over the sum of the visits kept, padded with 0.
    """
    _, _, often, once, places = table
    top_t = np.uint64(len(neighbors))
    num_often, num_once = take_entries(num_found, table)
    highest = find_places(num_often, table)
    total = np.uint64(0)
    for position in range(num_often):
        entry = often[position]
        visits = entry & LOW_HALF
        place = places[visits]
        places[visits] += _ONE
        if place < top_t:
            neighbors[place] = entry >> HALF_WORD
            importances[place] = visits
            total += visits
    for visits in range(highest + _ONE):
        places[visits] = 0
    kept_often = min(num_often, top_t)
    kept = kept_often + min(num_once, top_t - kept_often)
    for place in range(kept_often, kept):
        neighbors[place] = once[place - kept_often] >> HALF_WORD
        importances[place] = np.float32(1)
    total += kept - kept_often
    for place in range(kept):
        importances[place] = importances[place] / np.float64(total)
    for place in range(kept, top_t):
        neighbors[place], importances[place] = -1, 0
