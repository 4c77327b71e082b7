"""A store holds data with times or data without; a delivery for a day holds that day. Anything else is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.data.ingest import IngestSummary, ingest
from tasks.data.ingestion.columns import IngestError
from tasks.data.ingestion.mapping import IngestMapping
from tasks.data.validate import validate_days
from tasks.prepare.build_catalog import build_catalog
from tasks.runtime.session import Session

DAY, NEXT = "2026-03-01", "2026-03-02"
ITEMS = "item_id,title\n" + "".join(f"{item},thing {item}\n" for item in range(4))
TIMED = "board_id,item_id,saved_at\n" + "".join(f"{row},{row % 4},{DAY}T0{row}:00:00Z\n" for row in range(8))
UNTIMED = "board_id,item_id\n" + "".join(f"{row},{row % 4}\n" for row in range(8))
LOGGED = f"query_id,item_id,engaged_at\n1,2,{DAY}T01:00:00Z\n"
UNLOGGED = "query_id,item_id\n1,2\n"


def deliver(session: Session, folder: Path, day: str | None = None, **tables: str) -> IngestSummary:
    paths: dict[str, Path | None] = {"items": None, "saves": None}
    for name, text in tables.items():
        paths[name] = folder / f"{name}.csv"
        (folder / f"{name}.csv").write_text(text)
    return ingest(session, **paths, day=day)  # type: ignore[arg-type]  # files by the name of their table


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"saves": TIMED}, {"saves": UNTIMED}),
        ({"saves": UNTIMED}, {"saves": TIMED}),
        ({"saves": TIMED}, {"engagements": UNLOGGED}),
        ({"saves": UNTIMED}, {"engagements": LOGGED}),
    ],
)
def test_the_other_kind_is_refused_before_anything_is_written(
    tmp_path: Path, first: dict[str, str], second: dict[str, str]
) -> None:
    session = Session.open(str(tmp_path / "store"))
    deliver(session, tmp_path, None if first["saves"] == TIMED else DAY, **first)
    before = [info.key for info in session.store.objects.walk("")]
    untimed = UNTIMED in second.values() or UNLOGGED in second.values()
    message = r"can't be mixed.*raw/saves/2026-03-01/\w+ with.*csv with.*--timestamp.*another root"
    with pytest.raises(IngestError, match=message):
        deliver(session, tmp_path, NEXT if untimed else None, **second)
    with pytest.raises(IngestError, match="can't be mixed"):
        deliver(Session.open(str(tmp_path / "empty")), tmp_path, None, saves=TIMED, engagements=UNLOGGED)
    assert [info.key for info in session.store.objects.walk("")] == before


def test_a_day_that_items_are_given_unasked_is_told(tmp_path: Path) -> None:
    session = Session.open(str(tmp_path / "store"))
    (note,) = deliver(session, tmp_path, items=ITEMS, saves=TIMED).notes
    assert f"all count from {DAY}" in note
    assert deliver(session, tmp_path, NEXT, items=ITEMS).notes == ()
    assert deliver(session, tmp_path, saves=TIMED).notes == ()


def test_what_got_in_all_the_same_makes_no_catalog(tmp_path: Path) -> None:
    one, other = Session.open(str(tmp_path / "one")), Session.open(str(tmp_path / "other"))
    deliver(one, tmp_path, items=ITEMS, saves=TIMED)
    deliver(other, tmp_path, NEXT, saves=UNTIMED)
    moved = other.store.referenced(f"raw/saves/{NEXT}")
    assert moved is not None
    with one.store.write("raw/saves", partition=NEXT, inputs=[], config={}, code_version=1) as out:
        out.write_table("saves", moved.table("saves"))
        out.facts.update(moved.facts)
    one.store.ref(f"raw/saves/{NEXT}").point_to(out.version.uri)
    validate_days(one, [DAY, NEXT])
    with pytest.raises(ValueError, match=r"saves/2026-03-01/\w+ has times and validated/saves/2026-03-02/\w+ has none"):
        build_catalog(one, NEXT)


def test_a_delivery_for_a_day_holds_that_day_alone(tmp_path: Path) -> None:
    session = Session.open(str(tmp_path / "store"))
    for rows in (TIMED, TIMED + f"9,1,{NEXT}T00:00:00Z\n"):
        with pytest.raises(
            IngestError, match=r"row \d is of 2026-03-0\d, but --day 2026-03-0\d was given; leave --day out"
        ):
            deliver(session, tmp_path, NEXT if rows == TIMED else DAY, items=ITEMS, saves=rows)
    assert list(session.store.objects.walk("raw")) == []
    deliver(session, tmp_path, DAY, items=ITEMS, saves=TIMED)
    assert session.store.ref_names("raw/items") == session.store.ref_names("raw/saves") == [DAY]


def test_engagements_take_the_column_with_times_of_the_saves(tmp_path: Path) -> None:
    session = Session.open(str(tmp_path / "store"))
    for name, text in (("saves", TIMED), ("engagements", LOGGED)):
        (tmp_path / f"{name}.csv").write_text(text.replace("saved_at", "ts").replace("engaged_at", "ts"))
    mapping = IngestMapping(timestamp="ts")
    ingest(session, items=None, saves=tmp_path / "saves.csv", engagements=tmp_path / "engagements.csv", mapping=mapping)
    assert session.store.ref_names("raw/engagements") == [DAY]


def test_items_alone_need_a_day_or_saves_before_them(tmp_path: Path) -> None:
    session = Session.open(str(tmp_path / "store"))
    with pytest.raises(IngestError, match=r"--item-timestamp COLUMN\) or give --day .* with or after their saves"):
        deliver(session, tmp_path, items=ITEMS)
    deliver(session, tmp_path, saves=TIMED)
    deliver(session, tmp_path, items=ITEMS)
    assert session.store.ref_names("raw/items") == [DAY]
