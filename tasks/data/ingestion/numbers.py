"""Numbers of the user's files as float64; what is too large is left to validation."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

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

_NUMBER = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_INFINITE = r"^[+-]?(inf|infinity|1\.#inf)$"
_TRUTH = {"true": "1", "false": "0"}


def as_numbers(column: pa.ChunkedArray, place: Place) -> pa.ChunkedArray:
    """Numbers, booleans and text of numbers as float64; NA, NaN and the like are null.

    Raises:
        IngestError: The column holds something else, or numbers with thousands separators or decimal commas.
    """
    column = plain(column)
    kind = column.type
    if is_text(kind):
        return _of_text(as_strings(column, place), place)
    if pa.types.is_boolean(kind):
        return column.cast(pa.int8()).cast(pa.float64())
    if not (is_number(kind) or pa.types.is_null(kind)):
        raise IngestError(f"{place.what}: type {kind} is no number; expected numbers, or text of numbers")
    numbers = column.cast(pa.float64(), safe=False)
    return pc.if_else(pc.is_nan(numbers), None, numbers)


def _of_text(texts: pa.ChunkedArray, place: Place) -> pa.ChunkedArray:
    given, texts = texts, pc.utf8_lower(pc.utf8_trim_whitespace(texts))
    texts = pc.if_else(is_missing(texts), None, texts)
    for word, digit in _TRUTH.items():
        texts = pc.if_else(pc.equal(texts, word), digit, texts)
    infinite = pc.match_substring_regex(texts, _INFINITE)
    negative = pc.starts_with(texts, "-")
    wrong = marks(pc.invert(pc.or_(pc.match_substring_regex(texts, _NUMBER), infinite)))
    if (row := first_of(wrong)) is not None:
        raise place.refusal(
            row,
            given[row].as_py(),
            "expected numbers such as 1299.5: a decimal point, no thousands separators, signs of money or units",
        )
    finite = pc.if_else(infinite, None, pc.utf8_ltrim(texts, "+")).cast(pa.float64())
    return pc.if_else(infinite, pc.if_else(negative, float("-inf"), float("inf")), finite)
