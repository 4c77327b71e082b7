"""Which rows of a raw partition are faulty, why, and in which columns: Arrow kernels and boolean masks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas import Table
from schemas.columns import LARGEST, NUMERIC, VECTOR
from schemas.config import ValidationConfig

# What tools make of a missing integer.
_NO_INTEGER = -(2**63)


class Faults:
    """The faulty rows of a partition.

    Attributes:
        masks: Reason -> bool [num_rows], the reasons in the schema's order; a row may have several.
        columns: Column -> bool [num_rows]: the rows of which a fault lies in this column.
    """

    def __init__(self, reasons: Iterable[str], num_rows: int) -> None:
        self.masks = {reason: np.zeros(num_rows, dtype=bool) for reason in reasons}
        self.columns: dict[str, np.ndarray] = {}

    def mark(self, reason: str, column: str, rows: np.ndarray) -> None:
        """Note that ``rows``, bool [num_rows], are faulty in a column."""
        self.masks[reason] |= rows
        self.columns[column] = self.columns[column] | rows if column in self.columns else rows

    def any(self, reasons: Iterable[str] | None = None) -> np.ndarray:
        """Which rows have one of the reasons (default all), bool [num_rows]."""
        return np.logical_or.reduce([self.masks[reason] for reason in (self.masks if reasons is None else reasons)])


def row_faults(
    table: pa.Table,
    schema: Table,
    day: str,
    timed: bool,
    known_items: pa.ChunkedArray | None,
    widths: dict[str, int],
    config: ValidationConfig,
) -> Faults:
    """What is wrong with which rows.

    Args:
        table: The raw rows.
        schema: What is agreed on the table.
        day: The partition's day.
        timed: Whether rows must have a time inside the day.
        known_items: Ids of the items up to the day; None for the items themselves.
        widths: Expected width of each vector column.
        config: Longest id, treatment of zero vectors.
    """
    faults = Faults(schema.reasons, table.num_rows)
    for name in schema.ids:
        column = table.column(name)
        faults.mark("no_board" if name == "board_id" else "null_key", name, _missing_ids(column))
        if pa.types.is_string(column.type):
            faults.mark("long_id", name, _bools(pc.greater(pc.binary_length(column), config.max_id_bytes)))
    if schema.time_column is not None and timed:
        times = table.column(schema.time_column)
        same_day = pc.equal(times.cast(pa.date32()).cast(pa.int32()), _day_number(day))
        faults.mark("wrong_time", schema.time_column, ~_bools(same_day))
    if known_items is not None:
        for name in schema.item_ids:
            column = table.column(name)
            unknown = ~_bools(pc.is_in(column, value_set=known_items))
            faults.mark("unknown_item", name, ~_missing_ids(column) & unknown)
    if "wrong_vector" in faults.masks:
        for name, width in widths.items():
            faults.mark("wrong_vector", VECTOR + name, wrong_vectors(table.column(VECTOR + name), width))
        for name in table.column_names:
            if name.startswith(NUMERIC):
                too_large = pc.greater_equal(pc.abs(table.column(name)), LARGEST)
                faults.mark("infinite_number", name, _bools(too_large))
    if "wrong_weight" in faults.masks and "weight" in table.column_names:
        weights = pc.fill_null(table.column("weight"), float("nan")).to_numpy()
        faults.mark("wrong_weight", "weight", ~((weights > 0) & (weights < LARGEST)))
    if "duplicate" in faults.masks:
        fine = ~faults.any()
        duplicate = np.zeros(table.num_rows, dtype=bool)
        duplicate[fine] = repeats(table.filter(pa.array(fine)).select(list(schema.key)))
        faults.masks["duplicate"] |= duplicate
    return faults


def _missing_ids(ids: pa.ChunkedArray) -> np.ndarray:
    return _bools(pc.is_null(ids)) | _bools(pc.equal(ids, "" if pa.types.is_string(ids.type) else _NO_INTEGER))


def wrong_vectors(column: pa.ChunkedArray, width: int) -> np.ndarray:
    """Rows whose vector has another width, nulls inside, or numbers too large or not finite; a null vector is none."""
    lists = column.combine_chunks()
    lengths = pc.fill_null(pc.list_value_length(lists), width).to_numpy(zero_copy_only=False)
    wrong = np.asarray(lengths != width)
    values, parents = pc.list_flatten(lists), pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)
    bad = ~(np.abs(pc.fill_null(values, float("nan")).to_numpy(zero_copy_only=False)) < LARGEST)
    wrong[parents[bad]] = True
    return wrong


def common_width(column: pa.ChunkedArray) -> int | None:
    """The width that most vectors have, empty lists aside; None when there is no vector."""
    lengths = pc.list_value_length(column.drop_null())
    counts = lengths.filter(pc.greater(lengths, 0)).value_counts().to_pylist()
    return None if not counts else int(max(counts, key=lambda each: (each["counts"], -each["values"]))["values"])


def clean_vectors(table: pa.Table, widths: dict[str, int], config: ValidationConfig) -> pa.Table:
    """Vector columns as fixed-size lists; zero vectors become null where they count as no vector."""
    for name, width in widths.items():
        position = table.column_names.index(VECTOR + name)
        lists = table.column(position).combine_chunks()
        valid = lists.is_valid().to_numpy(zero_copy_only=False)
        matrix = np.zeros((len(lists), width), dtype=np.float32)
        matrix[valid] = pc.list_flatten(lists).to_numpy(zero_copy_only=False).reshape(-1, width)
        empty = ~matrix.any(axis=1) if config.accept_zero_vectors else np.zeros(len(lists), dtype=bool)
        fixed = pa.FixedSizeListArray.from_arrays(pa.array(matrix.reshape(-1)), width, mask=pa.array(~valid | empty))
        table = table.set_column(position, VECTOR + name, fixed)
    return table


def repeats(keys: pa.Table) -> np.ndarray:
    """Rows whose key occurred in an earlier row, bool [num_rows]."""
    if not keys.num_rows:
        return np.zeros(0, dtype=bool)
    frame = keys.to_pandas(strings_to_categorical=False)
    return np.asarray(frame.duplicated(keep="first"))


def _bools(values: Any) -> np.ndarray:
    return np.asarray(pc.fill_null(values, False).to_numpy())


def _day_number(day: str) -> int:
    return int((np.datetime64(day) - np.datetime64("1970-01-01")).astype(int))
