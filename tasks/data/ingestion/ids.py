"""Ids of the user's files as int64 or text: an id is the same whatever type or notation a file gives it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.data.ingestion.columns import (
    IngestError,
    Place,
    as_strings,
    first_of,
    holds_integers,
    is_missing,
    is_text,
    marks,
    plain,
)

_INTEGER = r"^(0|-?[1-9][0-9]{0,18})$"
# 123.0 as pandas writes integers with gaps, 1.23E7 as Spark and 1e+05 as R write large ones.
_FLOAT = r"^((0|-?[1-9][0-9]*)\.0+|-?[1-9](\.[0-9]+)?[eE]\+?[0-9]{1,3})$"
# From here on a float stands for several integers, so ids have lost their digits.
_EXACT = {pa.float16(): 2**11, pa.float32(): 2**24, pa.float64(): 2**53}
_LARGEST = 2**63 - 1
# pandas and R write a missing integer so.
_NO_INTEGER = str(-(2**63))
_AS_TEXT = "--id-type string takes ids of any length into a new store"
_KEEP_DIGITS = "deliver ids as integers or text, with all their digits"


class IdForm(Enum):
    """How a column writes its ids."""

    INTEGERS = "integers"
    FLOATS = "integers, some of them written as floats"
    TEXT = "text"


def id_form(kind: pa.DataType, batches: Iterable[pa.ChunkedArray]) -> IdForm:
    """The form that all values of a column have; only columns of text are read."""
    if holds_integers(kind):
        return IdForm.INTEGERS
    form = IdForm.INTEGERS
    for batch in batches:
        values = plain(batch)
        if not is_text(values.type):
            return IdForm.TEXT
        values = values.cast(pa.string()).drop_null()
        values = values.filter(pc.invert(_are_missing(values)))
        integers = _are_integers(values)
        if not integers.all():
            if not (integers | marks(pc.match_substring_regex(values, _FLOAT))).all():
                return IdForm.TEXT
            form = IdForm.FLOATS
    return form


def has_floats(ids: pa.ChunkedArray) -> bool:
    """Whether some text looks like an integer written as a float."""
    texts = plain(ids)
    return is_text(texts.type) and bool(marks(pc.match_substring_regex(texts, _FLOAT)).any())


def as_ids(column: pa.ChunkedArray, kind: pa.DataType, place: Place, form: IdForm = IdForm.TEXT) -> pa.ChunkedArray:
    """Ids as int64 or string; text is kept byte by byte unless all of its column are integers.

    Args:
        column: Integers, whole floats or decimals, text, bytes of text or UUIDs.
        kind: int64 or string.
        place: Where the values come from.
        form: What `id_form` says of the whole column.

    Raises:
        IngestError: The type is none of these, a number is not whole, too large, or so large a float that its digits
            are lost, bytes are no UTF-8, or text is no integer where ``kind`` is int64.
    """
    column = plain(column)
    if pa.types.is_floating(column.type):
        column = _of_floats(column, _EXACT[column.type], place)
    elif pa.types.is_decimal(column.type):
        column = _of_decimals(column, place)
    elif pa.types.is_null(column.type):
        return column.cast(kind)
    elif not pa.types.is_integer(column.type):
        return _of_text(_text(column, place), kind, place, form)
    return column.cast(kind) if pa.types.is_string(kind) else _fitting(column, place)


def _fitting(column: pa.ChunkedArray, place: Place) -> pa.ChunkedArray:
    if (
        pa.types.is_uint64(column.type)
        and (row := first_of(marks(pc.greater(column, pa.scalar(_LARGEST, pa.uint64()))))) is not None
    ):
        raise place.refusal(row, column[row].as_py(), f"not in range of int64, which ends at {_LARGEST}; {_AS_TEXT}")
    return column.cast(pa.int64())


def _of_floats(column: pa.ChunkedArray, limit: int, place: Place) -> pa.ChunkedArray:
    numbers = column.cast(pa.float64())
    numbers = pc.if_else(pc.is_nan(numbers), None, numbers)  # pandas writes a missing id so
    values = np.array(pc.fill_null(numbers, 0.0).to_numpy())
    whole = np.isfinite(values) & (values == np.round(values))
    if (row := first_of(~whole)) is not None:
        raise place.refusal(row, values[row], "expected integers or text as ids")
    if (row := first_of(np.abs(values) >= limit)) is not None:
        raise place.refusal(
            row,
            int(values[row]),
            f"a float of {column.type.bit_width} bits can't tell integers from {limit} on apart: digits are lost; "
            f"{_KEEP_DIGITS}",
        )
    return numbers.cast(pa.int64())


def _of_decimals(column: pa.ChunkedArray, place: Place) -> pa.ChunkedArray:
    values = column.to_pylist()
    for index, value in enumerate(values):
        if value is not None and value != value.to_integral_value():
            raise place.refusal(index, value, "expected integers or text as ids")
        if value is not None and abs(value) > _LARGEST:
            raise place.refusal(index, value, f"not in range of int64, which ends at {_LARGEST}; deliver ids as text")
    return pa.chunked_array([pa.array([None if value is None else int(value) for value in values], pa.int64())])


def _text(column: pa.ChunkedArray, place: Place) -> pa.ChunkedArray:
    kind = column.type
    if not (is_text(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        if not pa.types.is_fixed_size_binary(kind):
            raise IngestError(f"{place.what}: type {kind} is no id; expected integers or text")
        column = column.cast(pa.binary())
    texts = as_strings(column, place)
    return pc.if_else(pc.equal(texts, "\\N"), None, texts)  # MySQL's null


def _of_text(texts: pa.ChunkedArray, kind: pa.DataType, place: Place, form: IdForm) -> pa.ChunkedArray:
    if form is IdForm.TEXT:
        words = pc.and_(_are_missing(texts), pc.not_equal(texts, ""))
        place.note(
            "NULL, None, nan and the like are ids as they stand; where there is none, leave it empty",
            int(marks(words).sum()),
        )
    else:
        texts = pc.if_else(_are_missing(texts), None, texts)
    if form is IdForm.FLOATS:
        texts = _without_floats(texts, place)
    if pa.types.is_string(kind):
        return texts
    wrong = marks(texts.is_valid())
    wrong[wrong] = ~_are_integers(texts.drop_null())
    if (row := first_of(wrong)) is not None:
        raise IngestError(
            f"{place}: these files hold text, but the store (by its first delivery or --id-type) holds integers: "
            f"row {place.first_row + row} is {texts[row].as_py()!r:.100}; deliver 64-bit integers without leading "
            "zeros, plus signs or spaces, or ingest into another root"
        )
    return texts.cast(pa.int64())


def _without_floats(texts: pa.ChunkedArray, place: Place) -> pa.ChunkedArray:
    floats = pc.match_substring_regex(texts, _FLOAT)
    numbers = np.asarray(pc.fill_null(pc.if_else(floats, texts, None).cast(pa.float64()), 0.0))
    if (row := first_of((np.abs(numbers) >= 2**53) | (numbers != np.round(numbers)))) is not None:
        raise place.refusal(
            row, texts[row].as_py(), f"written as a float, which has no digits beyond 2**53; {_KEEP_DIGITS}"
        )
    place.note(
        "ids written as floats, such as 1e5 and 7.0, were taken as the integers 100000 and 7", int(marks(floats).sum())
    )
    return pc.if_else(floats, pa.array(numbers.astype(np.int64)).cast(pa.string()), texts)


def _are_missing(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Which texts stand for no integer."""
    return pc.or_(is_missing(texts), pc.equal(texts, _NO_INTEGER))


def _are_integers(texts: pa.ChunkedArray) -> np.ndarray:
    """Which texts, none of them null, are integers of 64 bits that round-trip."""
    matches = marks(pc.match_substring_regex(texts, _INTEGER))
    digits = pc.utf8_ltrim(texts, "-")
    long = marks(pc.greater_equal(pc.binary_length(digits), 19))
    return matches & ~(long & marks(pc.greater(digits, str(_LARGEST))))
