"""Days, the partition keys: ``YYYY-MM-DD`` in UTC, as text, since text sorts like the calendar."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date


def check_day(day: str) -> str:
    """Return ``day`` when it is a calendar day written ``YYYY-MM-DD``.

    Raises:
        ValueError: It is not.
    """
    if not is_day(day):
        raise ValueError(f"day {day!r}: expected a calendar day written YYYY-MM-DD, such as 2026-03-01")
    return day


def is_day(text: str) -> bool:
    """Whether ``text`` is a calendar day written ``YYYY-MM-DD``."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except (TypeError, ValueError):
        return False


def add_days(day: str, num_days: int) -> str:
    """Return the day ``num_days`` later (earlier when negative), within the calendar of 0001-01-01 to 9999-12-31."""
    ordinal = date.fromisoformat(check_day(day)).toordinal() + num_days
    return date.fromordinal(min(max(ordinal, date.min.toordinal()), date.max.toordinal())).isoformat()


def day_range(first: str, last: str) -> list[str]:
    """List the days from ``first`` to ``last``, both inclusive; none when ``last`` is earlier."""
    num_days = (date.fromisoformat(check_day(last)) - date.fromisoformat(check_day(first))).days + 1
    return [add_days(first, offset) for offset in range(num_days)]


def days_named(days: Sequence[str]) -> str:
    """Ascending days in words: one by its name, several by their number and span."""
    return f"{len(days)} days, {days[0]} to {days[-1]}" if len(days) > 1 else days[0]
