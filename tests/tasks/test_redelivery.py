"""What a later delivery may change: the days that it holds, nothing else. And the day whose graph is trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.data.ingest import ingest
from tasks.data.ingestion.columns import IngestError
from tasks.prepare.prepared import graph_day
from tasks.runtime.session import Session

ITEMS = "item_id,title\n" + "".join(f"{item},thing {item}\n" for item in range(4))


def deliver(session: Session, folder: Path, days: list[str], *, items: bool = False) -> None:
    """Three saves on each of some days."""
    rows = [f"{row},{row},{day}T0{row}:00:00Z" for day in days for row in range(3)]
    (folder / "saves.csv").write_text("board_id,item_id,saved_at\n" + "\n".join(rows) + "\n")
    (folder / "items.csv").write_text(ITEMS)
    ingest(session, items=folder / "items.csv" if items else None, saves=folder / "saves.csv")


def rows_by_day(session: Session) -> dict[str, int]:
    days = session.store.ref_names("raw/saves")
    versions = {day: session.store.referenced(f"raw/saves/{day}") for day in days}
    return {day: version.facts["num_rows"] for day, version in versions.items() if version is not None}


def days_of_march(first: int, last: int) -> list[str]:
    return [f"2026-03-{day:02}" for day in range(first, last + 1)]


def test_days_between_keep_their_rows_and_new_ones_are_empty(tmp_path: Path) -> None:
    session = Session.open(str(tmp_path / "store"))
    deliver(session, tmp_path, days_of_march(2, 4))
    deliver(session, tmp_path, ["2026-03-01", "2026-03-06"])
    expected = {**dict.fromkeys(days_of_march(1, 6), 3), "2026-03-05": 0}
    assert rows_by_day(session) == expected


@pytest.mark.parametrize(
    ("days", "lookback", "expected"),
    [
        (days_of_march(1, 31), 365, "2026-03-17"),  # 14 days before the last
        (days_of_march(22, 31), 365, "2026-03-27"),  # half of ten days
        (["2025-12-01", *days_of_march(22, 31)], 365, "2026-03-26"),  # one old save is one day
        (["2026-03-31"], 365, "2026-03-31"),
        (["2026-01-01", *days_of_march(30, 31)], 20, "2026-03-31"),  # nothing older within the lookback
    ],
)
def test_the_graph_that_is_trained_on_has_half_of_the_days_with_saves(
    tmp_path: Path, days: list[str], lookback: int, expected: str
) -> None:
    session = Session.open(str(tmp_path / "store"), {"graph.lookback_days": lookback})
    deliver(session, tmp_path, days, items=True)
    assert graph_day(session, "2026-03-31") == expected


def test_ids_are_of_the_kind_of_the_first_delivery_of_any_table(tmp_path: Path) -> None:
    session = Session.open(str(tmp_path / "store"))
    deliver(session, tmp_path, ["2026-03-01"])
    (tmp_path / "items.csv").write_text("item_id,title\n1,a\nx3,c\n")
    with pytest.raises(IngestError, match=r"item_id: these files hold text, but the store .* holds integers"):
        ingest(session, items=tmp_path / "items.csv", saves=None)
    assert session.store.ref_names("raw/items") == []


@pytest.mark.parametrize("day", ["0206-03-01", "0001-01-01", "1969-12-31", "2200-01-01", "9999-12-31"])
def test_a_day_outside_the_calendar_of_times_is_refused(tmp_path: Path, day: str) -> None:
    session = Session.open(str(tmp_path / "store"))
    items = tmp_path / "items.csv"
    items.write_text(ITEMS)
    with pytest.raises(IngestError, match=rf"--day {day}: expected a day of the years 1970 to 2199"):
        ingest(session, items=items, saves=None, day=day)
    assert not session.store.ref_names("raw/items")


def test_a_day_that_loses_rows_is_told(tmp_path: Path) -> None:
    session = Session.open(str(tmp_path / "store"))
    deliver(session, tmp_path, days_of_march(1, 2), items=True)
    rest = tmp_path / "rest.csv"
    rest.write_text("board_id,item_id,saved_at\n1,1,2026-03-02T23:30:00Z\n1,1,2026-03-03T05:00:00Z\n")
    (note,) = ingest(session, items=None, saves=rest).notes
    assert (
        "saves of 2026-03-02: 1 rows replace the 3 that were delivered before. A delivery replaces whole days" in note
    )
    assert ingest(session, items=None, saves=rest).notes == (), "nothing changes"
    new = tmp_path / "new.csv"
    new.write_text("item_id,title\n9,new\n")
    assert any(
        "items of 2026-03-01: 1 rows replace the 4" in note for note in ingest(session, items=new, saves=None).notes
    )
