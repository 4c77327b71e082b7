"""Texts, categories and vectors of the user's files."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.data.ingestion.columns import IngestError, Place, as_strings, is_text, marks, plain

Conversion = Callable[[pa.ChunkedArray, Place], pa.ChunkedArray]
SEPARATOR = "|"
_WHOLE = r"^(0|-?[1-9][0-9]*)\.0+$"
_TRUTH = {"True": "true", "TRUE": "true", "False": "false", "FALSE": "false"}


def as_text(column: pa.ChunkedArray, place: Place) -> pa.ChunkedArray:
    """Anything as text; several values in a list are joined.

    Raises:
        IngestError: The column has no form as text, or is not UTF-8.
    """
    column = plain(column)
    return _joined(column, place, _texts) if _is_list(column.type) else _texts(column, place)


def as_categories(column: pa.ChunkedArray, place: Place) -> pa.ChunkedArray:
    """Categories as text, several joined: 7, 7.0 and "7.0" are "7", and "True" is "true" as a boolean is.

    Raises:
        IngestError: The column has no form as text, or is not UTF-8.
    """
    column = plain(column)
    return _joined(column, place, _categories) if _is_list(column.type) else _categories(column, place)


def as_vectors(column: pa.ChunkedArray, place: Place) -> pa.ChunkedArray:
    """Lists of numbers as list<float32>; their widths are checked by validation."""
    column = plain(column)
    kind = column.type
    if not _is_list(kind) or not (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)):
        raise IngestError(f"{place.what}: type {kind} is no vector; expected a list column of numbers")
    return column.cast(pa.list_(pa.float32()), safe=False)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind) or pa.types.is_large_list(kind))


def _joined(column: pa.ChunkedArray, place: Place, convert: Conversion) -> pa.ChunkedArray:
    """The values of each list as one text, without those that are null."""
    lists = column.combine_chunks()
    rows, values = pc.list_parent_indices(lists), plain(pa.chunked_array([pc.list_flatten(lists)]))
    rows, texts = rows.to_numpy(zero_copy_only=False), convert(values, place).combine_chunks()
    there = marks(pa.chunked_array([texts.is_valid()]))
    place.note("values of lists that are null were left out", len(np.unique(rows[~there])))
    if convert is _categories:
        cut = marks(pc.match_substring(pa.chunked_array([texts]), SEPARATOR))
        place.note(f"values of lists hold {SEPARATOR!r} and count as several categories", len(np.unique(rows[cut])))
    sizes = np.bincount(rows[there], minlength=len(lists))
    offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32())
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, texts.drop_null()), SEPARATOR)
    return pa.chunked_array([pc.if_else(lists.is_valid(), joined, None)])


def _texts(column: pa.ChunkedArray, place: Place) -> pa.ChunkedArray:
    kind = column.type
    try:
        if pa.types.is_floating(kind):
            numbers = column.cast(pa.float64())
            whole = pc.and_(pc.equal(numbers, pc.round(numbers)), pc.less(pc.abs(numbers), 2.0**53))
            integers = pc.if_else(whole, numbers, None).cast(pa.int64()).cast(pa.string())
            return pc.coalesce(integers, pc.if_else(pc.is_nan(numbers), None, column).cast(pa.string()))
        if pa.types.is_decimal(kind):
            return pc.replace_substring_regex(column.cast(pa.string()), r"(\.[0-9]*[1-9])0+$|\.0+$", r"\1")
        if pa.types.is_large_binary(kind) or pa.types.is_binary(kind) or is_text(kind):
            return as_strings(column, place)
        return column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise IngestError(f"{place.what}: {error}; expected text in UTF-8, numbers or lists of them") from None


def _categories(column: pa.ChunkedArray, place: Place) -> pa.ChunkedArray:
    texts = _texts(column, place)
    if is_text(column.type):
        texts = pc.replace_substring_regex(texts, _WHOLE, r"\1")
        for written, word in _TRUTH.items():
            texts = pc.if_else(pc.equal(texts, written), word, texts)
    return texts
