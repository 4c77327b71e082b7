"""Days as partition keys."""

from __future__ import annotations

import pytest

from tasks.runtime.days import add_days, check_day, day_range


def test_ranges_are_inclusive_and_cross_leap_days() -> None:
    assert day_range("2024-02-28", "2024-03-01") == ["2024-02-28", "2024-02-29", "2024-03-01"]
    assert day_range("2024-03-01", "2024-02-28") == []
    assert add_days("2017-12-31", -14) == "2017-12-17"


@pytest.mark.parametrize("day", ["", "2026-3-1", "20260301", "2026-02-30", "2026-W01-1", "../../etc", None])
def test_other_spellings_are_refused(day: str) -> None:
    with pytest.raises(ValueError, match="expected a calendar day"):
        check_day(day)
