"""Days as partition keys."""

from __future__ import annotations

import pytest

from tasks.runtime.days import add_days, check_day, day_range


def test_ranges_are_inclusive_and_cross_leap_days() -> None:
    assert day_range("2024-02-28", "2024-03-01") == ["2024-02-28", "2024-02-29", "2024-03-01"]
    assert day_range("2024-03-01", "2024-02-28") == []
    assert add_days("2017-12-31", -14) == "2017-12-17"


def test_the_calendar_ends_at_its_first_and_last_day() -> None:
    assert add_days("0001-01-05", -400) == "0001-01-01"
    assert add_days("9999-12-31", 1) == "9999-12-31"
    assert day_range("9999-12-30", "9999-12-31") == ["9999-12-30", "9999-12-31"]


@pytest.mark.parametrize("day", ["", "2026-3-1", "20260301", "2026-02-30", "2026-W01-1", "../../etc", None])
def test_other_spellings_are_refused(day: str) -> None:
    with pytest.raises(ValueError, match="expected a calendar day"):
        check_day(day)
