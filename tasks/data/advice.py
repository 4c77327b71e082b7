"""The day, or the setting, that leads to a first model, where the day that was asked for has none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from pinsage.store import Version
from tasks.runtime.days import day_range

# One day in so many is held out where the setting leaves none to learn from.
HELD_OUT_ONE_IN = 3


class DeliveredDays(Protocol):
    """What advice is taken from: `tasks.data.deliveries.Deliveries`."""

    def days(self, table: str) -> list[str]:
        """Every delivered day, ascending."""

    def raw(self, table: str, day: str) -> Version:
        """The raw partition in force."""

    def can_model(self, day: str, holdout_days: int) -> bool:
        """Whether a model of ``day`` has items and saves to learn from."""


def advice(deliveries: DeliveredDays, holdout_days: int) -> str:
    """What to do next, in one clause; a run that it names is not refused for want of days.

    Args:
        deliveries: Days of items and of saves, at least one of each.
        holdout_days: The setting ``evaluation.holdout_days``.
    """
    items, saves = deliveries.days("items"), deliveries.days("saves")
    earlier_items = f"if they were there before, ingest them again with --day {saves[0]}"
    if items[0] > saves[-1]:
        return f"the first items are of {items[0]}, after the newest saves, of {saves[-1]}: {earlier_items}"
    late = f"; the first items are of {items[0]}: {earlier_items}" if items[0] > saves[0] else ""
    filled = [day for day in reversed(saves) if day >= items[0] and deliveries.raw("saves", day).facts["num_rows"]]
    day = next((day for day in filled if deliveries.can_model(day, holdout_days)), None)
    if day is not None:
        return f"choose {day}, the newest day with saves that a model can be for{late}"
    for day, fewer in _shorter(filled):
        if deliveries.can_model(day, fewer):
            return (
                f"the saves reach from {filled[-1]} to {filled[0]}, too short to hold {holdout_days} days out: take "
                f"--day {day} with `--set evaluation.holdout_days={fewer}`, or ingest more days first{late}"
            )
    return (
        "a model learns from the saves of one day and is measured on those of a later one: ingest saves of another day "
        f"on which items are known, or ingest them without times into a store of its own, which splits the boards{late}"
    )


def _shorter(filled: list[str]) -> Iterator[tuple[str, int]]:
    """Days, newest first, each with the numbers of days that may be held out, the sensible ones first."""
    for day in filled:
        reach = len(day_range(filled[-1], day))
        sensible = max(1, reach // HELD_OUT_ONE_IN)
        yield from ((day, fewer) for fewer in sorted(range(1, reach), key=lambda days: abs(days - sensible)))
