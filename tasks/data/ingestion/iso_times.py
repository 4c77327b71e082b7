"""Text of ISO 8601 as microseconds since 1970 in UTC: as PostgreSQL, BigQuery, Snowflake, MySQL or pandas write it."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.data.ingestion.columns import Place, first_of, marks

EXPECTED = "ISO 8601 times such as 2026-03-01T12:30:00Z"
_ISO = (
    r"^(?P<day>[0-9]{4}(?:-[0-9]{2}-|/[0-9]{2}/|[0-9]{2})[0-9]{2})"
    r"(?:[Tt ](?P<clock>[0-9]{2}(?::?[0-9]{2}){0,2})(?:[.,](?P<fraction>[0-9]{1,9}))?"
    r" ?(?P<zone>[Zz]|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)?)?$"
)
_LARGEST_OFFSET = 16 * 3_600
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
    day, clock, fraction, zone = (pc.struct_field(fields, name) for name in ("day", "clock", "fraction", "zone"))
    dates = _digits(pc.replace_substring_regex(day, "[-/]", ""), 8)
    hours = pc.replace_substring(clock, ":", "")
    clocks, nanos = _digits(hours, 6), _digits(fraction, 9)
    days, is_day = civil_days(dates // 10_000, dates // 100 % 100, dates % 100)
    seconds, is_clock = clock_seconds(clocks // 10_000, clocks // 100 % 100, clocks % 100)
    of_seconds = (nanos == 0) | marks(pc.equal(pc.binary_length(hours), 6))
    zones = zone.dictionary_encode()
    offsets = np.array([_offset(text) for text in zones.dictionary.to_pylist()] or [0], dtype=np.int64)
    offset = offsets[np.asarray(pc.fill_null(zones.indices, 0))]
    is_time = matched & is_day & is_clock & of_seconds & (np.abs(offset) < _LARGEST_OFFSET)
    if (row := first_of(wanted & ~is_time)) is not None:
        text = texts[row].as_py()
        hint = next((hint for pattern, hint in _HINTS if re.search(pattern, text)), "")
        raise place.refusal(row, text, f"{hint}expected {EXPECTED}")
    micros = (days * 86_400 + seconds - offset) * 1_000_000 + nanos // 1_000
    has_zone = wanted & marks(pc.not_equal(zone, ""))
    return np.where(wanted, micros, 0), has_zone, wanted & (nanos % 1_000 != 0)


def _digits(texts: pa.Array, width: int) -> NDArray[np.int64]:
    """Digits as numbers, filled up with zeros behind; 0 where there are none."""
    return np.asarray(pc.fill_null(pc.utf8_rpad(texts, width, "0").cast(pa.int64()), 0))


def _offset(zone: str | None) -> int:
    """Seconds that a zone is ahead of UTC."""
    if not zone or zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    seconds = int(digits[:2]) * 3_600 + int(digits[2:]) * 60 if int(digits[2:]) < 60 else _LARGEST_OFFSET
    return -seconds if zone[0] == "-" else seconds


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
