"""What conversions of the user's columns share: errors, places in files, plain types, days.

The conversions are in `ids.py`, `times.py`, `numbers.py` and `texts.py`; none of them reads or writes files.
"""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# How tools write a missing value where text or numbers stand.
MISSING = pa.array(["", "na", "n/a", "#n/a", "<na>", "nan", "nat", "null", "none", "\\n"])


class IngestError(ValueError):
    """The user's data can't be taken as it is; nothing was written."""


@dataclass(frozen=True)
class Place:
    """Where the values of a column stand, for messages.

    Attributes:
        what: Table, file and column.
        first_row: Row of the first value among the file's rows, which are counted from 1 without the header.
        notes: What users should know of values that are taken, with the number of rows.
    """

    what: str
    first_row: int = 1
    notes: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return self.what

    def row(self, index: int) -> str:
        """Table, file, column and row of the value at ``index``, counted from 0."""
        return f"{self.what}: row {self.first_row + index}"

    def refusal(self, index: int, value: Any, expected: str) -> IngestError:
        """An error that names the row of the value at ``index``, the value, and what was expected instead."""
        shown = repr(value) if isinstance(value, str | bytes) else str(value)
        shown = shown if len(shown) <= 100 else f"{shown[:100]}..."
        return IngestError(f"{self.row(index)} is {shown}; {expected}")

    def note(self, text: str, num_rows: int) -> None:
        """Count rows of which ``text`` is true."""
        if num_rows:
            self.notes[f"{self.what}: {text}"] += num_rows


def require_columns(what: str, wanted: list[str], available: list[str]) -> None:
    """Check that named columns exist.

    Raises:
        IngestError: Naming the missing ones and those that exist.
    """
    missing = [name for name in wanted if name not in available]
    if missing:
        raise IngestError(f"{what}: no column {', '.join(missing)}; its columns are: {', '.join(available)}")


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column without encodings that Arrow's kernels do not know everywhere; UUIDs become text."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return plain(column.cast(kind.value_type))
    if kind == pa.uuid():
        texts = [None if value is None else str(uuid.UUID(bytes=value)) for value in storage(column).to_pylist()]
        return pa.chunked_array([pa.array(texts, pa.string())])
    if isinstance(kind, pa.BaseExtensionType):
        return plain(storage(column))
    if pa.types.is_string_view(kind):
        return column.cast(pa.string())
    return column.cast(pa.binary()) if pa.types.is_binary_view(kind) else column


def storage(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values of an extension type as they are stored."""
    return pa.chunked_array([chunk.storage for chunk in column.chunks], column.type.storage_type)


def is_text(kind: pa.DataType) -> bool:
    """Whether the values are text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def is_number(kind: pa.DataType) -> bool:
    """Whether the values are integers, floats or decimals."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def holds_integers(kind: pa.DataType) -> bool:
    """Whether ids of this type are integers: also the floats and decimals that other tools make of them."""
    return is_number(kind) or bool(pa.types.is_null(kind))


def as_strings(column: pa.ChunkedArray, place: Place) -> pa.ChunkedArray:
    """Text or bytes as text, which is UTF-8; Arrow takes a file's word for it.

    Raises:
        IngestError: A value is not UTF-8.
    """
    try:
        texts = column.cast(pa.string())
        texts.validate(full=True)
    except pa.ArrowInvalid:
        for index, value in enumerate(column.cast(pa.binary()).to_pylist()):
            try:
                (value or b"").decode()
            except UnicodeDecodeError:
                raise place.refusal(index, value, "expected text in UTF-8") from None
        raise
    return texts


def marks(values: Any) -> np.ndarray:
    """Arrow booleans as bool [num_rows], null counting as False."""
    return np.asarray(pc.fill_null(values, False), dtype=bool)


def first_of(mask: np.ndarray) -> int | None:
    """Index of the first marked row, or None."""
    return int(np.argmax(mask)) if mask.any() else None


def is_missing(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Which texts stand for a missing value."""
    return pc.is_in(pc.utf8_lower(pc.utf8_trim_whitespace(texts)), value_set=MISSING)


def day_numbers(times: pa.ChunkedArray) -> pa.ChunkedArray:
    """Days since 1970 in UTC, int32; before 1970 they are negative."""
    return times.cast(pa.timestamp("us", tz="UTC")).cast(pa.date32()).cast(pa.int32())


def day_name(number: int) -> str:
    """``YYYY-MM-DD`` of a number of days since 1970."""
    return date.fromordinal(date(1970, 1, 1).toordinal() + number).isoformat()


def day_number(day: str) -> int:
    """Days since 1970 of ``YYYY-MM-DD``."""
    return date.fromisoformat(day).toordinal() - date(1970, 1, 1).toordinal()
