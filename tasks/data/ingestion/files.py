"""Reading the user's Parquet, CSV and JSON files batch by batch: memory stays bounded, and every row has its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
from pyarrow.fs import LocalFileSystem

from tasks.data.ingestion.columns import IngestError, Place, holds_integers, require_columns
from tasks.data.ingestion.csv_files import CsvOptions, csv_files
from tasks.data.ingestion.file_types import as_common, common_type
from tasks.data.ingestion.folders import EXPECTED, DeliveredFile, delivered_files, kind_of
from tasks.data.ingestion.json_files import json_file
from tasks.data.ingestion.packed import refuse_other_kind
from tasks.data.ingestion.spill import BATCH_ROWS


class Rows(NamedTuple):
    """Some rows of one file.

    Attributes:
        file: The file that they stand in.
        first_row: Row of the first of them in that file, counted from 1 without the header.
        table: The rows.
    """

    file: str
    first_row: int
    table: pa.Table


class _File(Protocol):
    """One file of any kind."""

    @property
    def path(self) -> str: ...

    @property
    def names(self) -> tuple[str, ...]: ...

    def type_of(self, column: str) -> pa.DataType: ...

    def batches(self, columns: list[str]) -> Iterator[pa.Table]: ...


@dataclass(frozen=True)
class Delivery:
    """The files of one table, of which nothing but what tells their form was read.

    Attributes:
        path: What was given: a file or a folder.
        kind: CSV, JSON or Parquet.
    """

    path: Path
    kind: str
    _files: Sequence[tuple[_File, DeliveredFile]]

    @cached_property
    def names(self) -> list[str]:
        """The columns that any file has, or that its folders name."""
        return list(dict.fromkeys(name for file, where in self._files for name in [*file.names, *where.keys]))

    def require(self, columns: list[str]) -> None:
        """Check that every file has the columns: one that lacks some would give nulls which nobody asked for.

        A key that stands nowhere in a file of JSON lines is null there: writers leave out what is null.

        Raises:
            IngestError: Naming the file and the columns.
        """
        for file, where in self._files:
            require_columns(file.path, columns, self.names if self.kind == "JSON" else [*file.names, *where.keys])

    def type_of(self, column: str) -> pa.DataType:
        """The type that holds the column's values in all files; what the names of folders say is text.

        Raises:
            IngestError: There is no such type.
        """
        self.require([column])
        kinds = {
            file.path: file.type_of(column) if self._is_inside(column, file, where) else pa.string()
            for file, where in self._files
        }
        return common_type(column, kinds)

    def empty(self, columns: list[str]) -> pa.Table:
        """The columns without rows."""
        return pa.schema([(name, self.type_of(name)) for name in columns]).empty_table()

    def batches(self, columns: list[str]) -> Iterator[Rows]:
        """The columns, batch by batch, in the order of the files' names.

        Raises:
            IngestError: A file can't be read, or lacks a column, or holds a value that the common type can't.
        """
        self.require(columns)
        kinds = {name: self.type_of(name) for name in columns}
        for file, where in self._files:
            row = 1
            inside = [name for name in columns if self._is_inside(name, file, where)] or list(file.names[:1])
            for table in _read(file, self.kind, inside):
                for start in range(0, table.num_rows, BATCH_ROWS):
                    part = table.slice(start, BATCH_ROWS)
                    yield Rows(file.path, row, _completed(file, where, part, kinds, row))
                    row += part.num_rows

    def _is_inside(self, column: str, file: _File, where: DeliveredFile) -> bool:
        return column in file.names or (self.kind == "JSON" and column not in where.keys)

    def may_hold_integers(self, column: str) -> bool:
        """Whether ids of the column are integers where all of them look so: text of a typed file stays text."""
        is_typed = self.kind != "CSV" and any(column in file.names for file, _ in self._files)
        return holds_integers(self.type_of(column)) if is_typed else True


def open_delivery(path: Path, options: CsvOptions | None = None, ids: Sequence[str] = ()) -> Delivery:
    """The files at ``path``; folders named ``column=value`` are columns, as Spark and Hive write them.

    Args:
        path: A file or a folder.
        options: What was stated of CSV files.
        ids: Columns that must exist.

    Raises:
        IngestError: There is no such file, or it can't be read.
    """
    found = delivered_files(path)
    kind = kind_of(found[0].path)
    files: Sequence[_File]
    if kind == "CSV":
        files = csv_files([file.path for file in found], options or CsvOptions(), ids)
    elif kind == "JSON":
        files = [json_file(file.path) for file in found]
        if not any(file.names for file in files):
            raise IngestError(f"{path}: no rows, so its columns are unknown; nothing was written")
    else:
        files = [_parquet_file(file.path) for file in found]
    return Delivery(path, kind, list(zip(files, found, strict=True)))


@dataclass(frozen=True)
class _ParquetFile:
    fragment: pads.Fragment
    path: str
    schema: pa.Schema

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.schema.names)

    def type_of(self, column: str) -> pa.DataType:
        return self.schema.field(column).type

    def batches(self, columns: list[str]) -> Iterator[pa.Table]:
        for batch in self.fragment.to_batches(columns=columns, batch_size=BATCH_ROWS):
            yield pa.Table.from_batches([batch])


def _parquet_file(path: str) -> _ParquetFile:
    try:
        with open(path, "rb") as file:
            start = file.read(4)
        if start != b"PAR1":
            refuse_other_kind(path, start)
            held = "encrypted Parquet; deliver it decrypted" if start == b"PARE" else f"{start!r} at its start"
            raise IngestError(f"{path}: can't be read as Parquet: {held if start else 'the file is empty'}; {EXPECTED}")
        fragment = pads.ParquetFileFormat().make_fragment(path, LocalFileSystem())
        schema = fragment.physical_schema
    except (pa.ArrowException, OSError) as error:
        raise IngestError(f"{path}: can't be read as Parquet: {error}; {EXPECTED}") from None
    for name in schema.names:
        if schema.names.count(name) > 1:
            raise IngestError(f"{path}: multiple columns named {name}; rename all but one; nothing was written")
    return _ParquetFile(fragment, path, schema)


def _read(file: _File, kind: str, columns: list[str]) -> Iterator[pa.Table]:
    try:
        yield from file.batches(columns)
    except (pa.ArrowException, OSError) as error:
        raise IngestError(f"{file.path}: can't be read as {kind}: {error}; {EXPECTED}; nothing was written") from None


def _completed(
    file: _File, where: DeliveredFile, table: pa.Table, kinds: dict[str, pa.DataType], first_row: int
) -> pa.Table:
    """The columns with their common types, and with what the names of the file's folders say."""
    made = {}
    for name, kind in kinds.items():
        place = Place(f"{file.path}: column {name}", first_row)
        if name in table.column_names:
            column = as_common(table.column(name), kind, place)
            if name in where.keys:
                _require_alike(column, where.keys[name], place)
        else:
            column = pa.chunked_array([pa.repeat(pa.scalar(where.keys[name], pa.string()), table.num_rows)])
        made[name] = column
    return pa.table(made)


def _require_alike(column: pa.ChunkedArray, value: str | None, place: Place) -> None:
    """A column that stands in the file and in its folder's name, as polars writes it, says the same in both."""
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_date(kind)):
        return
    same = pc.is_null(column) if value is None else pc.fill_null(pc.equal(column.cast(pa.string()), value), False)
    index = pc.index(same, False).as_py()
    if index >= 0:
        raise IngestError(
            f"{place.row(index)} is {column[index].as_py()}, but the file's folder says {value}; correct one of "
            "them; nothing was written"
        )
