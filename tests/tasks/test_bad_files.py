"""Files as nobody should deliver them: each is taken rightly, or refused with a reason before anything is written."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.data.ingest import ingest
from tasks.data.ingestion.columns import IngestError
from tasks.data.ingestion.mapping import IngestMapping
from tasks.runtime.session import Session

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session.open(str(tmp_path / "store"))


def saves(**columns: Any) -> pa.Table:
    """Two saves of noon; columns may be replaced, or left out with None."""
    given = {"board_id": pa.array([1, 2]), "item_id": pa.array([10, 20]), "saved_at": pa.array([NOON, NOON]), **columns}
    return pa.table({name: column for name, column in given.items() if column is not None})


def take(session: Session, path: Path, data: pa.Table | str | bytes, **options: Any) -> dict[str, pa.Table]:
    """Ingest saves; the rows that lie in the store, by day."""
    write(path, data)
    mapping = IngestMapping(**{name: value for name, value in options.items() if name != "day"})
    ingest(session, items=None, saves=path, mapping=mapping, day=options.get("day"))
    return delivered(session, "saves")


def write(path: Path, data: pa.Table | str | bytes) -> None:
    if isinstance(data, pa.Table):
        pq.write_table(data, path)
    else:
        path.write_bytes(data.encode() if isinstance(data, str) else data)


def delivered(session: Session, table: str) -> dict[str, pa.Table]:
    store = session.store
    return {day: store.referenced(f"raw/{table}/{day}").table(table) for day in store.ref_names(f"raw/{table}")}


def column(found: dict[str, pa.Table], name: str) -> list[Any]:
    return [value for day in sorted(found) for value in found[day].column(name).to_pylist()]


REFUSED = {
    "no time column": (saves(saved_at=None), {}, r"--day YYYY-MM-DD; its columns are: board_id, item_id"),
    "no item column": (saves(item_id=None), {}, r"no column item_id; its columns are: board_id, saved_at"),
    "named time missing": (saves(), {"timestamp": "ts"}, r"no column ts"),
    "boolean ids": (saves(item_id=pa.array([True, False])), {}, r"column item_id: type bool is no id; expected int"),
    "list ids": (saves(item_id=pa.array([[1], [2]])), {}, r"type list.* is no id"),
    "fractional ids": (saves(item_id=pa.array([1.0, 2.5])), {}, r"column item_id: row 2 is 2\.5; expected integers"),
    "infinite ids": (saves(item_id=pa.array([1.0, float("inf")])), {}, r"row 2 is inf; expected integers"),
    "ids above int64": (saves(item_id=pa.array([1, 2**63], pa.uint64())), {}, r"column item_id: .*not in range"),
    "ids that are no text": (saves(item_id=pa.array([b"\xff\xfe", b"a"])), {}, r"column item_id: .*UTF-?8"),
    "boolean times": (saves(saved_at=pa.array([True, False])), {}, r"column saved_at: type bool is no time"),
    "a missing time": (saves(saved_at=pa.array([NOON, None])), {}, r"row 2 has no time"),
    "prose as time": (saves(saved_at=pa.array(["2026-03-01", "soon"])), {}, r"saved_at: .*'soon'.*ISO 8601"),
    "American dates": (saves(saved_at=pa.array(["03/01/2026", "03/02/2026"])), {}, r"expected ISO 8601"),
    "zones on some": (saves(saved_at=pa.array(["2026-03-01T00:00Z", "2026-03-01T00:00"])), {}, r"saved_at: .*zone"),
    "before the epoch": (
        saves(saved_at=pa.array([NOON, datetime(1816, 3, 1, tzinfo=UTC)])), {},
        r"row 2 is 1816-03-01.*expected 1970 to 2199; .*--timestamp-unit",
    ),
    "milliseconds as seconds": (
        saves(saved_at=pa.array([1_772_366_400_000] * 2)), {"timestamp_unit": "s"}, r"column saved_at: row 1 is 58134",
    ),
    "beyond the calendar": (saves(saved_at=pa.array([1_772_366_400, 2**62])), {"timestamp_unit": "s"}, r"saved_at"),
    "seconds among milliseconds": (
        saves(saved_at=pa.array([1_772_366_400, 1_772_366_400_000])), {},
        r"from 1772366400 \(s\) to 1772366400000 \(ms\).*--timestamp-unit",
    ),
    "not a number as time": (saves(saved_at=pa.array([1.7e9, float("nan")])), {}, r"row 2 has no time"),
    "no rows": (saves().slice(0, 0), {}, r"no rows"),
    "two columns of one name": (
        pa.table([[1], [2], [3], [NOON]], names=["board_id", "item_id", "item_id", "saved_at"]), {},
        r"multiple columns named item_id",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_parquet_that_is_refused(session: Session, tmp_path: Path, case: str) -> None:
    data, options, message = REFUSED[case]
    before = [info.key for info in session.store.objects.walk("")]
    with pytest.raises(IngestError, match=message) as caught:
        take(session, tmp_path / "saves.parquet", data, **options)
    assert "saves.parquet" in str(caught.value)
    assert [info.key for info in session.store.objects.walk("")] == before


REFUSED_TEXT = {
    "an empty file": (b"", "csv", r"[Ee]mpty"),
    "only a header": (b"board_id,item_id,saved_at\n", "csv", r"no rows"),
    "an empty Parquet file": (b"", "parquet", r"can't be read as Parquet"),
    "half a Parquet file": (b"PAR1" + bytes(100), "parquet", r"can't be read as Parquet"),
    "Latin-1": ("board_id,item_id,saved_at\n1,caf\xe9,2026-03-01\n".encode("latin-1"), "csv", r"UTF-?8"),
    "Latin-1 header": ("board_id,item_id,s\xe9\n1,2,3\n".encode("latin-1"), "csv", r"UTF-?8"),
    "two columns of one name": (b"board_id,item_id,item_id\n1,2,3\n", "csv", r"multiple columns named item_id"),
    "a ragged row": (b"board_id,item_id,saved_at\n1,2,2026-03-01\n1,2\n", "csv", r"Expected 3 columns, got 2"),
    "half a gz file": (gzip.compress(b"board_id,item_id,saved_at\n1,2,2026-03-01\n" * 99)[:60], "csv.gz", r"\.gz: "),
    "not gz": (b"board_id,item_id,saved_at\n1,2,2026-03-01\n", "csv.gz", r"\.gz: "),
}


@pytest.mark.parametrize("case", REFUSED_TEXT)
def test_text_that_is_refused(session: Session, tmp_path: Path, case: str) -> None:
    data, suffix, message = REFUSED_TEXT[case]
    with pytest.raises(IngestError, match=message):
        take(session, tmp_path / f"saves.{suffix}", data)
    assert delivered(session, "saves") == {}


def test_times_of_every_kind_mean_the_same(session: Session, tmp_path: Path) -> None:
    seconds = int(NOON.timestamp())
    berlin = timezone(timedelta(hours=1))
    kinds: dict[str, pa.Array] = {
        "zoned": pa.array([NOON.astimezone(berlin)] * 2, pa.timestamp("ns", "Europe/Berlin")),
        "naive": pa.array([NOON.replace(tzinfo=None)] * 2, pa.timestamp("ms")),
        "s": pa.array([seconds] * 2),
        "ms": pa.array([seconds * 1000] * 2),
        "us": pa.array([seconds * 10**6] * 2),
        "ns": pa.array([seconds * 10**9] * 2, pa.uint64()),
        "float": pa.array([float(seconds)] * 2),
        "decimal": pa.array([Decimal(seconds)] * 2),
        "text": pa.array(["2026-03-01T12:00:00Z", "2026-03-01T13:00:00+01:00"], pa.large_string()),
        "spaced text": pa.array(["2026-03-01 12:00:00"] * 2),
        "view": pa.array(["2026-03-01T12:00:00.000000001Z"] * 2, pa.string_view()),
        "digits": pa.array([str(seconds)] * 2),
        "words": pa.array(["2026-03-01 12:00:00"] * 2).dictionary_encode(),
    }
    for kind, times in kinds.items():
        found = take(session, tmp_path / f"{kind}.parquet", saves(saved_at=times))
        assert column(found, "saved_at") == [NOON, NOON], kind
    assert list(found) == ["2026-03-01"]
    found = take(session, tmp_path / "dates.parquet", saves(saved_at=pa.array([date(2026, 3, 1)] * 2)))
    assert column(found, "saved_at") == [NOON.replace(hour=0)] * 2


def test_an_hour_that_a_clock_shows_twice_is_two_hours(session: Session, tmp_path: Path) -> None:
    # New York, 2025-11-02: 01:30 with and without daylight saving; and the last second of a UTC day.
    text = [
        "2025-11-02T01:30:00-04:00",
        "2025-11-02T01:30:00-05:00",
        "2025-11-02T18:59:59-05:00",
        "2025-11-02T19:00-05:00",
    ]
    table = saves(board_id=pa.array([1] * 4), item_id=pa.array(range(4)), saved_at=pa.array(text))
    found = take(session, tmp_path / "saves.parquet", table)
    assert {day: rows.num_rows for day, rows in found.items()} == {"2025-11-02": 3, "2025-11-03": 1}
    assert [when.hour for when in column(found, "saved_at")] == [5, 6, 23, 0]


def test_ids_of_every_kind(session: Session, tmp_path: Path) -> None:
    for kind in (
        pa.array([10, 20], pa.int8()),
        pa.array([10, 20], pa.uint64()),
        pa.array([10.0, 20.0]),
        pa.array([Decimal(10), Decimal(20)]),
    ):
        found = take(session, tmp_path / "saves.parquet", saves(item_id=kind))
        assert column(found, "item_id") == [10, 20], kind.type


def test_text_ids_are_kept_byte_by_byte(tmp_path: Path) -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    odd = [composed, decomposed, " x", "x", "", "007", "7", "x" * 4096, "\U0001f9e6", "a\tb\nc", "None", "nan"]
    table = saves(board_id=pa.array(range(len(odd))), item_id=pa.array(odd), saved_at=pa.array([NOON] * len(odd)))
    for kind in (pa.string(), pa.large_string(), pa.string_view(), pa.binary()):
        session = Session.open(str(tmp_path / f"store-{kind}"))
        changed = table.set_column(1, "item_id", table.column("item_id").cast(kind))
        assert column(take(session, tmp_path / "saves.parquet", changed), "item_id") == odd, kind


def test_csv_as_people_write_it(session: Session, tmp_path: Path) -> None:
    rows = (
        '\ufeffboard_id,item_id,saved_at,note\r\n1,"a, ""b""",2026-03-01T12:00:00Z,"two\r\nlines"\r\n'
        "2,007,2026-03-01 12:00:00Z,\r\n"
    )
    found = take(session, tmp_path / "saves.csv", rows)
    assert column(found, "item_id") == ['a, "b"', "007"]
    assert column(found, "saved_at") == [NOON, NOON]
    packed = Session.open(str(tmp_path / "packed"))
    assert take(packed, tmp_path / "saves.csv.gz", gzip.compress(rows.encode())).keys() == found.keys()
    numbers = Session.open(str(tmp_path / "numbers"))
    text = f"board_id,item_id,saved_at\n1,5,{int(NOON.timestamp())}\n1,6,{int(NOON.timestamp())}.0\n"
    assert column(take(numbers, tmp_path / "numbers.csv", text), "saved_at") == [NOON, NOON]


def test_columns_of_items_in_csv_are_what_they_are_named(session: Session, tmp_path: Path) -> None:
    header = "item_id,title,brand,price,vector.image,reason,split\n"
    write(tmp_path / "items.csv", header + "1,2001,007,5,x,y,train\n2,2010,12,,x,y,test\n")
    mapping = IngestMapping(categorical=("brand", "vector.image", "split"), numeric=("price",))
    ingest(session, items=tmp_path / "items.csv", saves=None, mapping=mapping, day="2026-03-01")
    (found,) = delivered(session, "items").values()
    assert found.column("title").to_pylist() == ["2001", "2010"]
    assert found.column("categorical.brand").to_pylist() == ["007", "12"]
    assert found.column("categorical.vector.image").to_pylist() == ["x", "x"]
    assert found.column("numeric.price").to_pylist() == [5.0, None]
    assert [name for name in found.column_names if name.startswith("vector.")] == []


def test_a_folder_of_files(tmp_path: Path) -> None:
    for suffix in ("parquet", "csv", "csv.gz"):
        session, folder = Session.open(str(tmp_path / f"store-{suffix}")), tmp_path / suffix
        for number in range(3):
            day = folder / f"dt=2026-03-0{number + 1}"
            day.mkdir(parents=True)
            text = f"board_id,item_id\n{number},{number}\n".encode()
            if suffix == "parquet":
                write(day / "part.parquet", pa.table({"board_id": [number], "item_id": [number]}))
            else:
                write(day / f"part.{suffix}", gzip.compress(text) if suffix == "csv.gz" else text)
        (folder / "_SUCCESS").touch()
        ingest(session, items=None, saves=folder, mapping=IngestMapping(timestamp="dt"))
        found = delivered(session, "saves")
        assert {day: rows.column("item_id").to_pylist() for day, rows in found.items()} == {
            "2026-03-01": [0], "2026-03-02": [1], "2026-03-03": [2],
        }  # fmt: skip


@pytest.mark.parametrize("content", ["nothing", "both", "other"])
def test_a_folder_that_is_no_table(session: Session, tmp_path: Path, content: str) -> None:
    folder = tmp_path / "saves"
    folder.mkdir()
    if content == "both":
        write(folder / "a.csv", "board_id,item_id,saved_at\n1,2,2026-03-01\n")
        write(folder / "b.parquet", saves())
    elif content == "other":
        write(folder / "notes.xlsx", b"PK\x03\x04")
    with pytest.raises(IngestError, match=r"saves.*(expected|Excel workbook)"):
        ingest(session, items=None, saves=folder)


OTHER_FILES = {
    "lists": (saves(item_id=pa.array([[1], [2]])), r"b\.parquet: column item_id is list.*, but int64 in .*a\.parquet"),
    "text": (saves(item_id=pa.array(["a", "b"])), r"b\.parquet: column item_id is string, but int64 in .*a\.parquet"),
    "a column less": (saves(item_id=None), r"b\.parquet: no column item_id; its columns are: board_id, saved_at"),
}


@pytest.mark.parametrize("case", OTHER_FILES)
def test_a_folder_whose_files_differ(session: Session, tmp_path: Path, case: str) -> None:
    second, message = OTHER_FILES[case]
    folder = tmp_path / "saves"
    folder.mkdir()
    write(folder / "a.parquet", saves())
    write(folder / "b.parquet", second)
    with pytest.raises(IngestError, match=message):
        ingest(session, items=None, saves=folder)
    assert delivered(session, "saves") == {}


def test_an_empty_day_can_be_delivered(session: Session, tmp_path: Path) -> None:
    take(session, tmp_path / "saves.parquet", saves())
    for path, data in (("none.csv", "board_id,item_id,saved_at\n"), ("none.parquet", saves().slice(0, 0))):
        found = take(session, tmp_path / path, data, day="2026-03-02")
        assert {day: rows.num_rows for day, rows in found.items()} == {"2026-03-01": 2, "2026-03-02": 0}


VECTORS = {
    "half floats": (pa.array(np.ones((2, 3), np.float16).tolist(), pa.list_(pa.float16())), None),
    "integers": (pa.array([[1, 2], [3, 4]]), None),
    "large lists": (pa.array([[1.0], [2.0]], pa.large_list(pa.float64())), None),
    "none at all": (pa.array([None, None], pa.list_(pa.float32())), None),
    "text": (pa.array(["[1, 2]", "[3, 4]"]), r"column image: type string is no vector"),
    "lists of text": (pa.array([["1"], ["2"]]), r"is no vector"),
    "lists of lists": (pa.array([[[1.0]], [[2.0]]]), r"is no vector"),
}


@pytest.mark.parametrize("case", VECTORS)
def test_vector_columns(session: Session, tmp_path: Path, case: str) -> None:
    vectors, message = VECTORS[case]
    write(tmp_path / "items.parquet", pa.table({"item_id": [1, 2], "image": vectors}))

    def deliver() -> None:
        ingest(
            session,
            items=tmp_path / "items.parquet",
            saves=None,
            mapping=IngestMapping(vectors={"image": "image"}),
            day="2026-03-01",
        )

    if message:
        with pytest.raises(IngestError, match=message):
            deliver()
    else:
        deliver()
        (found,) = delivered(session, "items").values()
        assert found.column("vector.image").type == pa.list_(pa.float32())
