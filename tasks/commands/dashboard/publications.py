"""Which day was published when: the log ``published``, read from its newest entry as far as a page needs it."""

from __future__ import annotations

from concurrent.futures import Executor
from functools import lru_cache

from pinsage.store import Store
from pinsage.store.names import split_uri
from pinsage.store.references import Reference
from tasks.commands.dashboard.cells import attempt

BLOCK = 128


def publications(store: Store, first_day: str, threads: Executor) -> dict[str, Reference]:
    """The newest entry of every day, complete for ``first_day`` and later ones where days were published in order.

    Args:
        store: Whose log it is.
        first_day: The earliest day of interest; reading ends at a block of entries that are all of earlier days.
        threads: Read the entries of a block side by side.
    """
    numbers = store.ref("published").numbers()
    newest: dict[str, Reference] = {}
    for stop in range(len(numbers), 0, -BLOCK):
        block = reversed(numbers[max(stop - BLOCK, 0) : stop])
        entries = [entry for entry in threads.map(lambda number: _entry(store, number), block) if entry is not None]
        for entry in entries:
            newest.setdefault(day_of(entry), entry)
        if entries and max(map(day_of, entries)) < first_day:
            break
    return newest


def day_of(reference: Reference) -> str:
    """The day of the version that a reference points to."""
    return split_uri(reference.uri)[1]


def _entry(store: Store, number: int) -> Reference | None:
    return attempt(lambda: _read(store, number), lambda fault: None)


# An entry is never rewritten.
@lru_cache(maxsize=20_000)
def _read(store: Store, number: int) -> Reference:
    return store.ref("published").get(number)
