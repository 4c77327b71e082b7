"""Text of ISO 8601 as microseconds since 1970 in UTC: as PostgreSQL, BigQuery, Snowflake, MySQL or pandas write it."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.ingestion.columns import Place, first_of, marks

EXPECTED = "ISO 8601 times such as 2026-03-01T12:30:00Z"
_ISO = (
    r"^(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})|/(?P<month_>[0-9]{2})/(?P<day_>[0-9]{2})"
    r"|(?P<month__>[0-9]{2})(?P<day__>[0-9]{2}))"
    r"(?:[Tt ](?P<hour>[0-9]{2})(?::?(?P<minute>[0-9]{2})(?::?(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9}))?)?)?"
    r" ?(?P<zone>[Zz]|UTC|GMT|(?P<sign>[+-])(?P<zone_hour>[0-9]{2})(?::?(?P<zone_minute>[0-9]{2}))?)?)?$"
)
_HINTS = (
    (r"^[0-9]{1,2}[./-][0-9]{1,2}[./-]([0-9]{2}|[0-9]{4})\b", "which is the day and which the month is not told; "),
    (r"^[0-9]+([.,][0-9]+)?[eE]\+?[0-9]+$", "its last digits may be lost; "),
    (r"(?i)[0-9] ?[ap]\.?m\.?", "hours count from 00 to 23; "),
)


def read_iso(
    texts: pa.ChunkedArray, wanted: NDArray[np.bool_], place: Place
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Microseconds [n] of the wanted texts; which of them have a zone, and which were finer than a microsecond.

    Raises:
        IngestError: A wanted text is no such time.
    """
    fields = pc.extract_regex(texts, _ISO).combine_chunks()
    matched = marks(fields.is_valid())

    def number(*names: str, default: str = "0") -> NDArray[np.int64]:
        """Of the first of the fields that is not empty."""
        found = [pc.replace_substring_regex(pc.struct_field(fields, name), "^$", default) for name in names]
        return np.asarray(sum(np.asarray(pc.fill_null(part.cast(pa.int64()), 0).to_numpy()) for part in found))

    days, is_day = civil_days(number("year"), number("month", "month_", "month__"), number("day", "day_", "day__"))
    seconds, is_clock = clock_seconds(number("hour"), number("minute"), number("second"))
    zone_hours, zone_minutes = number("zone_hour"), number("zone_minute")
    is_time = matched & is_day & is_clock & (zone_hours < 16) & (zone_minutes < 60)
    if (row := first_of(wanted & ~is_time)) is not None:
        text = texts[row].as_py()
        hint = next((hint for pattern, hint in _HINTS if re.search(pattern, text)), "")
        raise place.refusal(row, text, f"{hint}expected {EXPECTED}")
    fraction = pc.utf8_slice_codeunits(pc.utf8_rpad(pc.struct_field(fields, "fraction"), 9, "0"), 0, 9)
    nanos = np.asarray(pc.fill_null(fraction.cast(pa.int64()), 0).to_numpy())
    sign = np.where(marks(pc.equal(pc.struct_field(fields, "sign"), "-")), -1, 1)
    offset = sign * (zone_hours * 3_600 + zone_minutes * 60)
    micros = (days * 86_400 + seconds - offset) * 1_000_000 + nanos // 1_000
    has_zone = wanted & marks(pc.not_equal(pc.struct_field(fields, "zone"), ""))
    return np.where(wanted, micros, 0), has_zone, wanted & (nanos % 1_000 != 0)


def civil_days(
    years: NDArray[np.int64], months: NDArray[np.int64], days: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Days since 1970 of dates, and which of the dates there are."""
    month_numbers = (years - 1970) * 12 + np.clip(months, 1, 12) - 1
    firsts, nexts = ((month_numbers + more).astype("M8[M]").astype("M8[D]").astype(np.int64) for more in (0, 1))
    is_day = (months >= 1) & (months <= 12) & (days >= 1) & (firsts + days - 1 < nexts)
    return firsts + days - 1, is_day


def clock_seconds(
    hours: NDArray[np.int64], minutes: NDArray[np.int64], seconds: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Seconds since midnight, and which of the times of day there are."""
    return hours * 3_600 + minutes * 60 + seconds, (hours < 24) & (minutes < 60) & (seconds < 60)
