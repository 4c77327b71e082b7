"""Columns of the user's files turned into the store's types; nothing here reads or writes files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.columns import TIME


class IngestError(ValueError):
    """The user's data can't be taken as it is; nothing was written."""


@dataclass(frozen=True)
class Place:
    """Where the values of a column stand, for messages.

    Attributes:
        what: Table, file and column.
        first_row: Row of the first value among the file's rows, which are counted from 1 without the header.
    """

    what: str
    first_row: int = 1

    def __str__(self) -> str:
        return self.what

    def row(self, index: int) -> str:
        """Table, file, column and row of the value at ``index``, counted from 0."""
        return f"{self.what}: row {self.first_row + index}"


# Integer timestamps of the years 1973 to 5138 are unambiguous by their size: seconds, milli-, micro-, nanoseconds.
_UNITS = ((100_000_000_000, "s"), (100_000_000_000_000, "ms"), (100_000_000_000_000_000, "us"), (2**63, "ns"))
_FIRST_YEAR, _LAST_YEAR = 1970, 2199
_NUMBER = r"^-?\d+(\.\d*)?$"
_NO_NUMBERS = pa.array(["na", "n/a", "#n/a", "nan", "null", "none"])
_ZONED = r"(Z|[+-]\d\d:?\d\d)$"


def require_columns(what: str, wanted: list[str], available: list[str]) -> None:
    """Check that named columns exist.

    Raises:
        IngestError: Naming the missing ones and those that exist.
    """
    missing = [name for name in wanted if name not in available]
    if missing:
        raise IngestError(f"{what}: no column {', '.join(missing)}; its columns are: {', '.join(available)}")


def holds_integers(kind: pa.DataType) -> bool:
    """Whether ids of this type are integers: also the floats and decimals that other tools make of them."""
    whole = pa.types.is_decimal(kind) and kind.scale == 0
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or whole or pa.types.is_null(kind))


def as_ids(column: pa.ChunkedArray, kind: pa.DataType, what: Place) -> pa.ChunkedArray:
    """Ids as int64 or string, byte by byte as they were delivered.

    Args:
        column: Integers, whole floats (as pandas makes of integers with gaps), text or bytes of text.
        kind: int64 or string.
        what: The place of the values, for messages.

    Raises:
        IngestError: The type is none of these, a number is not whole or too large, or bytes are no UTF-8.
    """
    column = _plain(column)
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)  # pandas writes a missing id so
        wrong = np.array(pc.fill_null(pc.not_equal(column, pc.round(column)), False).to_numpy())
        wrong |= np.isinf(pc.fill_null(column, 0.0).to_numpy())
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise IngestError(f"{what.row(row)} is {column[row].as_py()}; expected integers or text as ids")
    elif not (holds_integers(column.type) or _is_text(column.type) or pa.types.is_binary(column.type)):
        raise IngestError(f"{what}: type {column.type} is no id; expected integers or text")
    try:
        return _checked_text(column.cast(pa.int64()).cast(kind) if holds_integers(column.type) else column.cast(kind))
    except pa.ArrowInvalid as error:
        raise IngestError(f"{what}: {error}; expected integers of 64 bits, or text in UTF-8, as ids") from None


def as_times(column: pa.ChunkedArray, unit: str, what: Place) -> pa.ChunkedArray:
    """Times as microseconds in UTC; times without a zone are taken as UTC.

    Args:
        column: timestamps, dates, numbers since 1970, or text: ISO 8601 or such numbers.
        unit: of numbers: auto, s, ms, us or ns.
        what: The place of the values, for messages.

    Raises:
        IngestError: The type is none of these, text is no time, or the year is not one of 1970 to 2199.
    """
    column = _plain(column)
    if _is_text(column.type) and pc.all(pc.match_substring_regex(column, _NUMBER), min_count=0).as_py():
        column = (
            column.cast(pa.float64()) if pc.any(pc.match_substring(column, ".")).as_py() else column.cast(pa.int64())
        )
    kind = column.type
    try:
        if pa.types.is_timestamp(kind):
            times = column.cast(pa.timestamp("us", tz=kind.tz or "UTC"), safe=False).cast(TIME)
        elif pa.types.is_date(kind):
            times = column.cast(pa.timestamp("us")).cast(TIME)
        elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
            times = _times_of_numbers(column, unit, what)
        elif _is_text(kind):
            zoned = pc.any(pc.match_substring_regex(column, _ZONED)).as_py()
            # Nanoseconds are read and cut.
            times = column.cast(pa.timestamp("ns", tz="UTC" if zoned else None)).cast(
                pa.timestamp("us", "UTC"), safe=False
            )
        elif pa.types.is_null(kind):
            times = column.cast(TIME)
        else:
            raise IngestError(
                f"{what}: type {kind} is no time; expected timestamps, dates, integers since 1970 or ISO 8601 text"
            )
    except pa.ArrowInvalid as error:
        raise IngestError(f"{what}: {error}; expected ISO 8601 times such as 2026-03-01T12:30:00Z") from None
    return _inside_calendar(times, what)


def _times_of_numbers(column: pa.ChunkedArray, unit: str, what: Place) -> pa.ChunkedArray:
    if not pa.types.is_integer(column.type):
        numbers = column.cast(pa.float64())
        column = pc.round(pc.if_else(pc.is_finite(numbers), numbers, None))
    values = column.cast(pa.int64())
    if unit == "auto":
        sizes = pc.min_max(pc.abs(values.filter(pc.not_equal(values, 0))))
        least, most = (_unit_of(sizes[name].as_py() or 0) for name in ("min", "max"))
        if least != most:
            raise IngestError(
                f"{what}: numbers from {sizes['min']} ({least}) to {sizes['max']} ({most}) have no one unit; "
                "repair them, or state the unit (--timestamp-unit)"
            )
        unit = most
    return values.cast(pa.timestamp(unit)).cast(pa.timestamp("us"), safe=unit != "ns").cast(TIME)


def _unit_of(size: int) -> str:
    return next(name for limit, name in _UNITS if size < limit)


def _inside_calendar(times: pa.ChunkedArray, what: Place) -> pa.ChunkedArray:
    micros = times.cast(pa.int64())
    first, last = (int(np.datetime64(f"{year}", "us").astype(int)) for year in (_FIRST_YEAR, _LAST_YEAR + 1))
    outside = pc.fill_null(pc.or_(pc.less(micros, first), pc.greater_equal(micros, last)), False)
    if pc.any(outside, min_count=0).as_py():
        row = int(np.flatnonzero(outside.to_numpy())[0])
        shown = np.datetime64(micros[row].as_py(), "us")
        raise IngestError(
            f"{what.row(row)} is {shown}, expected {_FIRST_YEAR} to {_LAST_YEAR}; repair it, or state the unit of "
            "numbers (--timestamp-unit)"
        )
    return times


def as_vectors(column: pa.ChunkedArray, what: Place) -> pa.ChunkedArray:
    """Lists of numbers as list<float32>; their widths are checked by validation."""
    kind = column.type
    lists = pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind) or pa.types.is_large_list(kind)
    if not lists or not (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)):
        raise IngestError(f"{what}: type {kind} is no vector; expected a list column of numbers")
    return column.cast(pa.list_(pa.float32()))


def as_text(column: pa.ChunkedArray, what: Place, separator: str = "|") -> pa.ChunkedArray:
    """Anything as text; several values in a list are joined.

    Raises:
        IngestError: The column has no form as text, or is not UTF-8.
    """
    column = _plain(column)
    try:
        if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
            column = pc.binary_join(column.cast(pa.list_(pa.string())), separator)
        return _checked_text(column.cast(pa.string()))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise IngestError(f"{what}: {error}; expected text in UTF-8, numbers or lists of them") from None


def as_numbers(column: pa.ChunkedArray, what: Place) -> pa.ChunkedArray:
    """Numbers, booleans and text of numbers as float64; NA, NaN and the like are null.

    Raises:
        IngestError: The column holds something else.
    """
    column = _plain(column)
    if _is_text(column.type):
        column = pc.if_else(pc.is_in(pc.utf8_lower(column), value_set=_NO_NUMBERS), None, column)
    try:
        kind = pa.int8() if pa.types.is_boolean(column.type) else pa.float64()
        return column.cast(kind).cast(pa.float64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise IngestError(f"{what}: {error}; expected numbers") from None


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column without encodings that Arrow's kernels do not know everywhere."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.cast(pa.string()) if pa.types.is_string_view(column.type) else column


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _checked_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column, whose text is UTF-8; Arrow takes a file's word for it."""
    if pa.types.is_string(column.type):
        column.validate(full=True)
    return column


def day_numbers(times: pa.ChunkedArray) -> pa.ChunkedArray:
    """Days since 1970 in UTC, int32; before 1970 they are negative."""
    return times.cast(pa.timestamp("us", tz="UTC")).cast(pa.date32()).cast(pa.int32())


def day_name(number: int) -> str:
    """``YYYY-MM-DD`` of a number of days since 1970."""
    return date.fromordinal(date(1970, 1, 1).toordinal() + number).isoformat()


def day_number(day: str) -> int:
    """Days since 1970 of ``YYYY-MM-DD``."""
    return date.fromisoformat(day).toordinal() - date(1970, 1, 1).toordinal()
