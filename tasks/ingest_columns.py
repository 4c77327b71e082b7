"""Columns of the user's files turned into the store's types; nothing here reads or writes files."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from schemas.columns import TIME


class IngestError(ValueError):
    """The user's data can't be taken as it is; nothing was written."""


# Integer timestamps of the years 1973 to 5138 are unambiguous by their size: seconds, milli-, micro-, nanoseconds.
_UNITS = ((100_000_000_000, "s"), (100_000_000_000_000, "ms"), (100_000_000_000_000_000, "us"))


def require_columns(what: str, wanted: list[str], available: list[str]) -> None:
    """Check that named columns exist.

    Raises:
        IngestError: Naming the missing ones and those that exist.
    """
    missing = [name for name in wanted if name not in available]
    if missing:
        raise IngestError(f"{what}: no column {', '.join(missing)}; its columns are: {', '.join(available)}")


def as_ids(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Ids as int64 or string; dictionaries and large strings are unpacked."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.cast(kind)


def as_times(column: pa.ChunkedArray, unit: str, what: str) -> pa.ChunkedArray:
    """Times as microseconds in UTC; times without a zone are taken as UTC.

    Args:
        column: timestamps, dates, integers since 1970 or ISO 8601 text.
        unit: of integers: auto, s, ms, us or ns.
        what: file and column, for messages.

    Raises:
        IngestError: The type is none of these, or text is no time.
    """
    kind = column.type
    if pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp("us", tz=kind.tz or "UTC"), safe=False).cast(TIME)
    if pa.types.is_date(kind):
        return column.cast(pa.timestamp("us")).cast(TIME)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        column, kind = pc.round(column.cast(pa.float64())).cast(pa.int64()), pa.int64()
    if pa.types.is_integer(kind):
        values = column.cast(pa.int64())
        largest = pc.max(pc.abs(values)).as_py() or 0
        chosen = unit if unit != "auto" else next((name for limit, name in _UNITS if largest < limit), "ns")
        return values.cast(pa.timestamp(chosen)).cast(pa.timestamp("us"), safe=False).cast(TIME)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        try:
            zoned = (
                pa.types.is_timestamp(kind) or pc.any(pc.match_substring_regex(column, r"(Z|[+-]\d\d:?\d\d)$")).as_py()
            )
            return column.cast(TIME if zoned else pa.timestamp("us")).cast(TIME)
        except pa.ArrowInvalid as error:
            raise IngestError(f"{what}: {error}; expected ISO 8601 times such as 2026-03-01T12:30:00Z") from None
    raise IngestError(
        f"{what}: type {kind} is no time; expected timestamps, dates, integers since 1970 or ISO 8601 text"
    )


def as_vectors(column: pa.ChunkedArray, what: str) -> pa.ChunkedArray:
    """Lists of numbers as list<float32>; their widths are checked by validation."""
    kind = column.type
    lists = pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind) or pa.types.is_large_list(kind)
    if not lists or not (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)):
        raise IngestError(f"{what}: type {kind} is no vector; expected a list column of numbers")
    return column.cast(pa.list_(pa.float32()))


def as_text(column: pa.ChunkedArray, separator: str = "|") -> pa.ChunkedArray:
    """Anything as text; several values in a list are joined."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        column = pc.binary_join(column.cast(pa.list_(pa.string())), separator)
    return column.cast(pa.string())


def as_numbers(column: pa.ChunkedArray, what: str) -> pa.ChunkedArray:
    """Numbers and booleans as float64.

    Raises:
        IngestError: The column holds something else.
    """
    try:
        kind = pa.int8() if pa.types.is_boolean(column.type) else pa.float64()
        return column.cast(kind).cast(pa.float64())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise IngestError(f"{what}: {error}; expected numbers") from None


def day_numbers(times: pa.ChunkedArray) -> pa.ChunkedArray:
    """Days since 1970 in UTC, int32; before 1970 they are negative."""
    return times.cast(pa.timestamp("us", tz="UTC")).cast(pa.date32()).cast(pa.int32())


def day_name(number: int) -> str:
    """``YYYY-MM-DD`` of a number of days since 1970."""
    return date.fromordinal(date(1970, 1, 1).toordinal() + number).isoformat()
