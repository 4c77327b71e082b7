"""Times of the user's files as microseconds in UTC; times without a zone are taken as UTC.

No time is guessed: numbers have the one unit by which they lie in the years 1995 to 2099, or spell a date; text is ISO
8601 as databases write it (`iso_times.py`); all values of a column have one form. Anything else is refused.
"""

from __future__ import annotations

from math import floor
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.columns import TIME
from tasks.data.ingestion.columns import (
    IngestError,
    Place,
    as_strings,
    first_of,
    is_missing,
    is_number,
    is_text,
    marks,
    plain,
)
from tasks.data.ingestion.iso_times import EXPECTED, civil_days, clock_seconds, read_iso

FIRST_YEAR, LAST_YEAR = 1970, 2199
PLAUSIBLE_YEARS = (1995, 2099)
# Microseconds of a tick; a nanosecond is none.
_MICROSECONDS = {"D": 86_400_000_000, "s": 1_000_000, "ms": 1_000, "us": 1}
_UNITS = ("s", "ms", "us", "ns")
# Digits of numbers that spell a date, and by how much they are divided to leave the day.
_SPELLED = {"YYYYMMDD": (8, 1), "YYYYMMDDhhmm": (12, 10**4), "YYYYMMDDhhmmss": (14, 10**6)}
_NUMBER = r"^(?P<whole>-?(?:[0-9]{1,18}|[1-8][0-9]{18}|9[01][0-9]{17}))(?:\.(?P<fraction>[0-9]*))?$"
_EXACT_FLOATS = {pa.float16(): 2**11, pa.float32(): 2**24}
_CUT = "times were cut to microseconds"


class TimeColumn:
    """One column of times, converted batch by batch.

    Args:
        unit: Of numbers since 1970: auto, s, ms, us or ns.
    """

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._form, self._first = "", ""  # how the first value is written, and that value

    def read(self, column: pa.ChunkedArray, place: Place) -> pa.ChunkedArray:
        """The times of a batch: timestamps, dates, numbers since 1970, or text of ISO 8601 or of such numbers.

        Raises:
            IngestError: The type is none of these, a value is no time or has another form than the first one, or its
                year is not one of 1970 to 2199.
        """
        column = plain(column)
        kind = column.type
        if is_text(kind):
            texts = pc.utf8_trim_whitespace(as_strings(column, place))
            column = pc.if_else(is_missing(texts), None, texts)
        valid = marks(column.is_valid())
        if pa.types.is_null(kind):
            return column.cast(TIME)
        if pa.types.is_timestamp(kind):
            micros = _microseconds(_integers(column), valid, kind.unit, place)
        elif pa.types.is_date32(kind):
            micros = _microseconds(_integers(column.cast(pa.int32())), valid, "D", place)
        elif pa.types.is_date64(kind):
            micros = _microseconds(_integers(column), valid, "ms", place)
        elif is_text(kind):
            micros = self._of_texts(column, valid, place)
        elif is_number(kind):
            whole, billionths, valid = _split(column, place)
            micros = self._of_numbers(whole, billionths, valid, place)
        else:
            raise IngestError(
                f"{place.what}: type {kind} is no time; expected timestamps, dates, integers since 1970 or {EXPECTED}"
            )
        return pa.chunked_array([pa.array(micros, pa.int64(), mask=~valid)]).cast(TIME)

    def _of_texts(self, texts: pa.ChunkedArray, valid: NDArray[np.bool_], place: Place) -> NDArray[np.int64]:
        numeric = marks(pc.match_substring_regex(texts, _NUMBER))
        if (valid & ~numeric).any():
            micros, is_zoned, cut = read_iso(texts, valid & ~numeric, place)
            self._require_one_form(
                np.where(is_zoned, "text with a zone", np.where(numeric, "a number", "text without a zone")),
                valid, texts, place,
            )  # fmt: skip
            place.note(_CUT, int(cut.sum()))
            return _inside_calendar(micros, valid, "us", place)
        fields = pc.extract_regex(texts, _NUMBER).combine_chunks()
        whole = pc.struct_field(fields, "whole").cast(pa.int64())
        fraction = pc.utf8_slice_codeunits(pc.utf8_rpad(pc.struct_field(fields, "fraction"), 9, "0"), 0, 9)
        below, billionths = marks(pc.starts_with(texts, "-")), _integers(fraction)
        below &= billionths > 0  # -0.5 is 0.5 above -1
        return self._of_numbers(_integers(whole) - below, np.where(below, 10**9 - billionths, billionths), valid, place)

    def _of_numbers(
        self, whole: NDArray[np.int64], billionths: NDArray[np.int64], valid: NDArray[np.bool_], place: Place
    ) -> NDArray[np.int64]:
        """Numbers since 1970 with their fractions, or numbers that spell dates."""
        if self._unit != "auto":
            self._require_one_form(np.full(len(whole), f"a number in {self._unit}"), valid, whole, place)
            return _with_fractions(whole, billionths, valid, self._unit, place)
        forms = _forms(whole, billionths)
        if (row := first_of(valid & (forms == ""))) is not None:
            raise place.refusal(
                row,
                whole[row] + billionths[row] / 10**9 if billionths[row] else whole[row],
                f"no time since 1970 of the years {PLAUSIBLE_YEARS[0]} to {PLAUSIBLE_YEARS[1]} in seconds, milli-, "
                "micro- or nanoseconds, and no date such as 20260301; deliver timestamps, dates or ISO 8601 text, or "
                "state the unit (--timestamp-unit)",
            )
        spelled_hours = _spelled(whole, 10, 100, *PLAUSIBLE_YEARS)[1]
        if (row := first_of(valid & (forms == "s") & spelled_hours)) is not None:
            raise place.refusal(
                row, whole[row],
                f"either {whole[row].astype('M8[s]')}, in seconds since 1970, or a date YYYYMMDDhh; state the unit "
                "(--timestamp-unit s), or deliver ISO 8601 text",
            )  # fmt: skip
        self._require_one_form(forms, valid, whole, place)
        if self._form in _SPELLED:
            micros, _ = _spelled(whole, *_SPELLED[self._form])
            return _inside_calendar(micros, valid, "us", place)
        return _with_fractions(whole, billionths, valid, self._form, place) if valid.any() else whole

    def _require_one_form(self, forms: NDArray[np.str_], valid: NDArray[np.bool_], values: Any, place: Place) -> None:
        row = first_of(valid)
        if row is not None and not self._form:
            self._form, self._first = str(forms[row]), str(values[row])
        if (row := first_of(valid & (forms != self._form))) is not None:
            value = values[row] if isinstance(values, np.ndarray) else values[row].as_py()
            raise place.refusal(
                row, value,
                f"times from {self._first} ({self._form}) to {value} ({forms[row]}) have no one form; repair them, or "
                "state the unit of numbers (--timestamp-unit)",
            )  # fmt: skip


def _integers(column: pa.ChunkedArray | pa.Array) -> NDArray[np.int64]:
    return np.asarray(pc.fill_null(column.cast(pa.int64()), 0))


def _split(column: pa.ChunkedArray, place: Place) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Numbers as whole numbers and billionths, and which are there: NaN is not."""
    kind = column.type
    if pa.types.is_integer(kind):
        if (
            pa.types.is_uint64(kind)
            and (row := first_of(marks(pc.greater(column, pa.scalar(2**63 - 1, pa.uint64()))))) is not None
        ):
            raise place.refusal(row, column[row], f"no time; expected {EXPECTED}")
        return _integers(column), np.zeros(len(column), dtype=np.int64), marks(column.is_valid())
    if pa.types.is_decimal(kind):
        values = [0 if value is None else value for value in column.to_pylist()]
        floors, valid = [floor(value) for value in values], marks(column.is_valid())
        billionths = np.array([int((v - f) * 10**9) for v, f in zip(values, floors, strict=True)], dtype=np.int64)
    else:
        numbers = pc.fill_null(column.cast(pa.float64()), float("nan")).to_numpy()
        valid = ~np.isnan(numbers)
        numbers = np.where(valid, numbers, 0)
        limit = _EXACT_FLOATS.get(kind, np.inf)
        if (row := first_of(np.abs(numbers) >= limit)) is not None:
            raise place.refusal(
                row, numbers[row], f"floats of type {kind} have no digits for times; deliver integers or {EXPECTED}"
            )
        floors = np.floor(numbers).tolist()
        # Of a float no more digits are taken than it has.
        tick = 10.0 ** np.clip(np.floor(-np.log10(np.spacing(np.abs(numbers)))), 0, 9)
        billionths = np.round(np.round((numbers - floors) * tick) / tick * 10**9).astype(np.int64)
    if (row := first_of(np.array([not abs(whole) < 2**63 for whole in floors], dtype=bool))) is not None:
        raise place.refusal(row, floors[row], f"no time; expected {EXPECTED}")
    return np.array(floors, dtype=np.int64), billionths, valid


def _forms(whole: NDArray[np.int64], billionths: NDArray[np.int64]) -> NDArray[np.str_]:
    """What each number is: a unit of `_UNITS`, a name of `_SPELLED`, or nothing plausible."""
    forms = np.full(len(whole), "", dtype="<U14")
    for unit in _UNITS:
        first, stop = _bounds(PLAUSIBLE_YEARS, unit)
        forms[(whole >= first) & (whole < stop)] = unit
    for name, (digits, day_divisor) in _SPELLED.items():
        years = (1, 9999) if digits == 8 else (FIRST_YEAR, LAST_YEAR)
        forms[_spelled(whole, digits, day_divisor, *years)[1] & (billionths == 0)] = name
    return forms


def _bounds(years: tuple[int, int], unit: str) -> tuple[int, int]:
    """The first tick of the first year, and the first one after the last year."""
    first, stop = (
        int(np.datetime64(f"{year}").astype(f"M8[{unit}]").astype(np.int64)) for year in (years[0], years[1] + 1)
    )
    return first, stop


def _spelled(
    whole: NDArray[np.int64], digits: int, day_divisor: int, first_year: int = 1, last_year: int = 9999
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Microseconds of numbers whose digits spell a date, and which of the numbers do."""
    sized = (whole >= 10 ** (digits - 1)) & (whole < 10**digits)
    dates, rest = np.divmod(np.where(sized, whole, 10 ** (digits - 1)), day_divisor)
    clock = rest * (10**6 // day_divisor if day_divisor > 1 else 1)  # as hhmmss
    days, is_day = civil_days(dates // 10_000, dates // 100 % 100, dates % 100)
    seconds, is_clock = clock_seconds(clock // 10_000, clock // 100 % 100, clock % 100)
    years = dates // 10_000
    spelled = sized & is_day & is_clock & (years >= first_year) & (years <= last_year)
    return np.where(spelled, (days * 86_400 + seconds) * 1_000_000, 0), spelled


def _with_fractions(
    whole: NDArray[np.int64], billionths: NDArray[np.int64], valid: NDArray[np.bool_], unit: str, place: Place
) -> NDArray[np.int64]:
    micros = _microseconds(whole, valid, unit, place)
    in_micro = 10**9 // _MICROSECONDS.get(unit, 1)
    place.note(_CUT, int((valid & (billionths % in_micro != 0)).sum()))
    return micros + np.where(valid, billionths // in_micro, 0)


def _microseconds(ticks: NDArray[np.int64], valid: NDArray[np.bool_], unit: str, place: Place) -> NDArray[np.int64]:
    ticks = _inside_calendar(ticks, valid, unit, place)
    if unit != "ns":
        return ticks * _MICROSECONDS[unit]
    place.note(_CUT, int((ticks % 1_000 != 0).sum()))
    return ticks // 1_000


def _inside_calendar(ticks: NDArray[np.int64], valid: NDArray[np.bool_], unit: str, place: Place) -> NDArray[np.int64]:
    """The ticks, 0 where there is no value; checked before they are multiplied, which could overflow."""
    first, stop = _bounds((FIRST_YEAR, LAST_YEAR), unit)
    if (row := first_of(valid & ((ticks < first) | (ticks >= stop)))) is not None:
        raise place.refusal(
            row,
            ticks[row].astype(f"M8[{unit}]"),
            f"expected {FIRST_YEAR} to {LAST_YEAR}; repair or remove the row, or state the unit of numbers "
            "(--timestamp-unit)",
        )
    return np.where(valid, ticks, 0)
