"""Times in every dialect of databases: the same instant, or a refusal that names row and value."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.data.ingestion.columns import IngestError, Place
from tasks.data.ingestion.times import TimeColumn
from tests.tasks.ingested_values import NOON, save_times

SECONDS = int(NOON.timestamp())
MIDNIGHT = NOON.replace(hour=0)

DIALECTS = {
    "PostgreSQL": "2026-03-01 12:00:00+00",
    "PostgreSQL in India": "2026-03-01 17:30:00+05:30",
    "PostgreSQL with a fraction": "2026-03-01 04:00:00.000000-08",
    "offset without colon": "2026-03-01T17:30:00+0530",
    "BigQuery": "2026-03-01 12:00:00 UTC",
    "BigQuery with a fraction": "2026-03-01 12:00:00.000000 UTC",
    "Snowflake": "2026-03-01 12:00:00.000 Z",
    "Snowflake with an offset": "2026-03-01 12:00:00.000000000 +0000",
    "MySQL": "2026-03-01 12:00:00.000000",
    "pandas": "2026-03-01 12:00:00+00:00",
    "Spark": "2026-03-01T12:00:00.000Z",
    "Spark with an offset": "2026-03-01T13:00:00.000+01:00",
    "minutes": "2026-03-01T12:00Z",
    "lower case": "2026-03-01t12:00:00z",
    "basic": "20260301T120000Z",
    "slashes, year first": "2026/03/01 12:00:00",
    "spaces around": "  2026-03-01 12:00:00  ",
    "seconds": f"{SECONDS}",
    "seconds with a fraction": f"{SECONDS}.000",
    "milliseconds": f"{SECONDS}000",
    "microseconds": f"{SECONDS}000000",
    "nanoseconds": f"{SECONDS}000000000",
    "digits of day and time": "20260301120000",
    "digits of day and minute": "202603011200",
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_text_of_every_dialect_is_the_same_instant(tmp_path: Path, dialect: str) -> None:
    assert save_times(tmp_path, [DIALECTS[dialect]] * 2) == [NOON, NOON]
    assert save_times(tmp_path, pa.array([DIALECTS[dialect]])) == [NOON]


@pytest.mark.parametrize(
    "days",
    [
        ["2026-03-01"],
        ["20260301"],
        pa.array(["20260301"]),
        pa.array([20260301], pa.int32()),
        pa.array([20260301.0, 20260302.0]),
        pa.array([Decimal(20260301)]),
        pa.array([date(2026, 3, 1)], pa.date32()),
        pa.array([date(2026, 3, 1)], pa.date64()),
    ],
)
def test_a_day_is_its_midnight(tmp_path: Path, days: pa.Array | list[str]) -> None:
    assert save_times(tmp_path, days)[0] == MIDNIGHT


@pytest.mark.parametrize("digits", range(1, 10))
def test_fractions_are_kept_down_to_microseconds(tmp_path: Path, digits: int) -> None:
    fraction = "123456789"[:digits]
    expected = NOON.replace(microsecond=int(fraction[:6].ljust(6, "0")))
    assert save_times(tmp_path, [f"2026-03-01 12:00:00.{fraction}+00", "2026-03-01 12:00:00Z"]) == [expected, NOON]
    assert save_times(tmp_path, [f"{SECONDS}.{fraction}"]) == [expected]
    assert save_times(tmp_path, pa.array([Decimal(f"{SECONDS}.{fraction}")])) == [expected]
    assert save_times(tmp_path, pa.array([float(f"{SECONDS}.{fraction[:6]}")])) == [expected]
    if digits < 4:
        milliseconds = f"{SECONDS}000.{fraction}"
        expected = NOON.replace(microsecond=int(fraction.ljust(3, "0")))
        assert (
            save_times(tmp_path, [milliseconds]) == save_times(tmp_path, pa.array([float(milliseconds)])) == [expected]
        )


def test_numbers_of_every_type_keep_their_fractions(tmp_path: Path) -> None:
    half = NOON + timedelta(microseconds=500_000)
    for numbers in (
        pa.array([SECONDS + 0.5]),
        pa.array([Decimal(f"{SECONDS}.5")]),
        pa.array([SECONDS * 1000 + 500.0]),
        pa.array([f"{SECONDS}.5"]),
        pa.array([SECONDS * 10**9 + 500_000_000], pa.uint64()),
        pa.array([Decimal(SECONDS * 10**9 + 500_000_000)]),
    ):
        assert save_times(tmp_path, numbers) == [half], numbers.type


REFUSED = {
    "days since 1970": (pa.array([SECONDS, 20513]), r"row 2 is 20513; .*--timestamp-unit"),
    "a number of Excel": (["46082.5"], r"row 1 is 46082\.5; "),
    "zero": (pa.array([SECONDS, 0]), r"row 2 is 0; "),
    "minus one": (pa.array([-1]), r"row 1 is -1; "),
    "the smallest integer": (pa.array([SECONDS, -(2**63)]), r"row 2 is -9223372036854775808; "),
    "the largest integer": (pa.array([2**64 - 1], pa.uint64()), r"row 1 is 18446744073709551615; "),
    "infinity": (pa.array([float(SECONDS), float("inf")]), r"row 2 is inf; "),
    "single precision": (pa.array(np.array([SECONDS], np.float32)), r"row 1 is 1772\d+.*float"),
    "half precision": (pa.array(np.array([60000], np.float16)), r"row 1 is 6.*float"),
    "hours that may be seconds": (["2026030112"], r"row 1 is 2026030112; .*--timestamp-unit s"),
    "a day that there is not": (["2026-03-01", "2026-02-30"], r"row 2 is '2026-02-30'; "),
    "digits of no day": (["20260301", "20260230"], r"row 2 is 20260230; "),
    "seconds and milliseconds": (
        [f"{SECONDS}", f"{SECONDS}000"], rf"row 2 is .*from {SECONDS} \(s\) to {SECONDS}000 \(ms\) have no one form",
    ),
    "digits of days and seconds": ([f"{SECONDS}", "20260301"], r"row 2 is .*\(YYYYMMDD\)"),
    "numbers and text": ([f"{SECONDS}", "2026-03-01T12:00:00Z"], r"row 2 is .*have no one form"),
    "zones on some": (["2026-03-01 12:00:00", "2026-03-01 12:00:00Z"], r"row 2 is '2026-03-01 12:00:00Z'; .*zone"),
    "day or month first": (["01/03/2026"], r"row 1 is '01/03/2026'; which is the day .*ISO 8601"),
    "day or month first, with dots": (["1.3.26 12:00"], r"row 1 is '1\.3\.26 12:00'; which is the day"),
    "morning and afternoon": (["2026-03-01 12:00:00 PM"], r"hours count from 00 to 23"),
    "lost digits": (["1.77237E+12"], r"row 1 is '1\.77237E\+12'; its last digits may be lost"),
    "a leap second": (["2016-12-31T23:59:60Z"], r"row 1 is '2016-12-31T23:59:60Z'"),
    "hour 24": (["2026-03-01T24:00:00Z"], r"row 1 is '2026-03-01T24:00:00Z'"),
    "a week": (["2026-W09-7"], r"row 1 is '2026-W09-7'"),
    "a zone by name": (["2026-03-01 12:00:00 America/New_York"], r"row 1 is "),
    "a date and an hour": (["2026-03-01-08"], r"row 1 is '2026-03-01-08'"),
    "MySQL's zero": (["2026-03-01", "0000-00-00 00:00:00"], r"row 2 is '0000-00-00 00:00:00'"),
    "PostgreSQL's infinity": (["2026-03-01", "infinity"], r"row 2 is 'infinity'"),
    "the year 9999": (["2026-03-01", "9999-12-31"], r"row 2 is 9999-12-31.*expected 1970 to 2199"),
    "digits of the year 9999": (["20260301", "99991231"], r"row 2 is 9999-12-31.*expected 1970 to 2199"),
    "the year 1": (["2026-03-01", "0001-01-01"], r"row 2 is 0001-01-01.*expected 1970 to 2199"),
    "the year 1900": (["1900-01-01 00:00:00"], r"row 1 is 1900-01-01.*expected 1970 to 2199"),
    "a timestamp of the year 9999": (
        pa.array([datetime(9999, 12, 31)], pa.timestamp("us")), r"row 1 is 9999-12-31.*expected 1970 to 2199",
    ),
    "a date of the year 1": (pa.array([date(1, 1, 1)]), r"row 1 is 0001-01-01.*expected 1970 to 2199"),
    "NaT": (["2026-03-01", "NaT"], r"row 2 has no time"),
    "None": (["2026-03-01", "None"], r"row 2 has no time"),
    "null": (["2026-03-01", "NULL"], r"row 2 has no time"),
    "MySQL's null": (["2026-03-01", "\\N"], r"row 2 has no time"),
    "empty": (["2026-03-01", ""], r"row 2 has no time"),
    "not a number": (pa.array([float(SECONDS), float("nan")]), r"row 2 has no time"),
    "a duration": (pa.array([timedelta(days=3)]), r"type duration.* is no time"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_may_mean_another_time_is_refused_with_its_row(tmp_path: Path, case: str) -> None:
    times, message = REFUSED[case]
    with pytest.raises(IngestError, match=rf"saves\.(csv|parquet): column saved_at: .*{message}"):
        save_times(tmp_path, times)


def test_a_stated_unit_is_believed_and_its_range_checked(tmp_path: Path) -> None:
    assert save_times(tmp_path, pa.array([60]), timestamp_unit="s") == [datetime(1970, 1, 1, 0, 1, tzinfo=UTC)]
    assert save_times(tmp_path, ["2026030112"], timestamp_unit="s")[0].year == 2034
    with pytest.raises(IngestError, match=r"row 1 is 58134-.*expected 1970 to 2199"):
        save_times(tmp_path, pa.array([SECONDS * 1000]), timestamp_unit="s")
    for before in (pa.array([-1]), ["-0.5"], ["-1"], pa.array([-0.5]), pa.array([Decimal("-0.5")])):
        with pytest.raises(IngestError, match=r"row 1 is 1969-12-31.*expected 1970 to 2199"):
            save_times(tmp_path, before, timestamp_unit="ms")


def test_units_are_held_against_those_of_earlier_batches() -> None:
    column, place = TimeColumn("auto"), Place("saves s.csv: column saved_at", 1)
    column.read(pa.chunked_array([[SECONDS]]), place)
    with pytest.raises(IngestError, match=rf"row 131073 is .*from {SECONDS} \(s\) to {SECONDS}000 \(ms\)"):
        column.read(pa.chunked_array([[SECONDS * 1000]]), Place("saves s.csv: column saved_at", 131_073))


def test_what_is_finer_than_a_microsecond_is_cut_and_told() -> None:
    for times in (
        ["2026-03-01 12:00:00.000000999Z"],
        [f"{SECONDS}.000000999"],
        [f"{SECONDS}000000.9"],
        pa.array([SECONDS * 10**9 + 999]),
        pa.array([SECONDS * 10**9 + 999]).cast(pa.timestamp("ns")),
    ):
        place = Place("saves s: column saved_at")
        read = TimeColumn("auto").read(pa.chunked_array([times]), place)
        assert read.cast(pa.int64()).to_pylist() == [SECONDS * 10**6]
        assert place.notes == {"saves s: column saved_at: times were cut to microseconds": 1}


@given(
    st.lists(
        st.datetimes(datetime(1995, 1, 1), datetime(2099, 12, 30), timezones=st.just(UTC)), min_size=1, max_size=20
    ),
    st.sampled_from(["s", "ms", "us", "ns", "text", "text offset", "float", "timestamp", "YYYYMMDDhhmmss"]),
    st.integers(-15 * 60, 15 * 60),
)
def test_every_way_to_write_an_instant_gives_it(times: list[datetime], way: str, offset: int) -> None:
    expected = [
        when.replace(
            microsecond={"s": 0, "YYYYMMDDhhmmss": 0, "ms": when.microsecond // 1000 * 1000}.get(way, when.microsecond)
        )
        for when in times
    ]
    micros = [(when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) for when in expected]
    sign, hours, minutes = "-" if offset < 0 else "+", abs(offset) // 60, abs(offset) % 60
    written = {
        "s": lambda: pa.array([value // 10**6 for value in micros]),
        "ms": lambda: pa.array([f"{value // 1000}" for value in micros]),
        "us": lambda: pa.array([Decimal(value) for value in micros]),
        "ns": lambda: pa.array([value * 1000 for value in micros], pa.uint64()),
        "float": lambda: pa.array([value / 10**6 for value in micros]),
        "timestamp": lambda: pa.array(micros).cast(pa.timestamp("us", "America/New_York")),
        "text": lambda: pa.array([when.strftime("%Y-%m-%d %H:%M:%S.%f UTC") for when in expected]),
        "text offset": lambda: pa.array(
            [
                (when + timedelta(minutes=offset)).strftime("%Y-%m-%dT%H:%M:%S,%f") + f"{sign}{hours:02}{minutes:02}"
                for when in expected
            ]
        ),
        "YYYYMMDDhhmmss": lambda: pa.array([int(when.strftime("%Y%m%d%H%M%S")) for when in expected]),
    }[way]()
    read = TimeColumn("auto").read(pa.chunked_array([written]), Place("saves"))
    assert read.to_pylist() == expected


@given(st.text(st.sampled_from("0123456789-/:. TZ+eE"), max_size=22))
def test_any_text_is_a_time_of_the_calendar_or_refused(text: str) -> None:
    try:
        (read,) = TimeColumn("auto").read(pa.chunked_array([[text]]), Place("saves")).to_pylist()
    except IngestError:
        return
    assert read is None or 1970 <= read.year <= 2199
