"""The type that a column has over all files of a delivery: one that holds every value of every file exactly."""

from __future__ import annotations

import pyarrow as pa

from tasks.data.ingestion.columns import IngestError, Place


def common_type(column: str, types: dict[str, pa.DataType]) -> pa.DataType:
    """A type for a column whose types differ between files.

    Args:
        column: Its name.
        types: The type in each file, by the file's path.

    Raises:
        IngestError: Two files have types without a common one.
    """
    (first, common), *others = types.items()
    for file, kind in others:
        if kind == common:
            continue
        joined = _joined(_plain(common), _plain(kind))
        if joined is None:
            raise IngestError(
                f"{file}: column {column} is {kind}, but {common} in {first}; expected types that one type can hold "
                "without loss: write the files alike; nothing was written"
            )
        common = joined
    return common


def as_common(column: pa.ChunkedArray, kind: pa.DataType, place: Place) -> pa.ChunkedArray:
    """The column as the common type.

    Raises:
        IngestError: A value can't be represented in it exactly.
    """
    if column.type == kind:
        return column
    if pa.types.is_floating(column.type) and pa.types.is_floating(kind):
        return column  # which integers a float still tells apart depends on its own precision
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    try:
        return column.cast(kind)
    except pa.ArrowInvalid as error:
        for index, value in enumerate(column):
            try:
                pa.chunked_array([pa.array([value.as_py()], column.type)]).cast(kind)
            except pa.ArrowInvalid:
                raise IngestError(
                    f"{place.row(index)} is {value.as_py()}, but {kind}, the type of other files, can't hold that; "
                    "write the files alike; nothing was written"
                ) from None
        raise IngestError(f"{place}: {error}; expected {kind} as in other files; nothing was written") from None


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type without encodings: of dictionaries, views and large offsets."""
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_string_view(kind) or pa.types.is_large_string(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    if is_list(kind):
        return pa.list_(_plain(kind.value_type))
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return pa.timestamp(kind.unit, "UTC")
    return kind


def is_list(kind: pa.DataType) -> bool:
    """Whether values are lists, in any of Arrow's forms."""
    return bool(
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
        or pa.types.is_list_view(kind)
        or pa.types.is_large_list_view(kind)
    )


def _joined(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """The type that holds both, values permitting: whole numbers among floats are checked one by one when cast."""
    if is_list(one) and is_list(other):
        item = _joined(one.value_type, other.value_type)
        return None if item is None else pa.list_(item)
    if one == other:
        return one
    if (
        pa.types.is_decimal(one)
        and pa.types.is_floating(other)
        or pa.types.is_floating(one)
        and pa.types.is_decimal(other)
    ):
        return None  # Arrow would round
    fields = [pa.schema([pa.field("column", kind)]) for kind in (one, other)]
    try:
        return pa.unify_schemas(fields, promote_options="permissive").field(0).type
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return None
