"""Reading the user's Parquet and CSV files batch by batch, and spilling rows by day: memory stays bounded."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.dataset as pads

from tasks.ingestion.columns import IngestError, require_columns

BATCH_ROWS = 131_072
_EXPECTED = "expected Parquet or CSV in UTF-8, one file or a folder of one kind"


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


def file_schema(path: Path) -> pa.Schema:
    """The columns of a file or folder; those of CSV files are text, whatever stands in them.

    Raises:
        IngestError: There is no such file, or it can't be read as Parquet or CSV.
    """
    if not path.exists():
        raise IngestError(f"{path}: no such file; {_EXPECTED}")
    return _open(path).schema


def read_batches(path: Path, columns: list[str]) -> Iterator[Rows]:
    """The columns, batch by batch, in the order of the files' names."""
    opened = _open(path)
    try:
        if path.is_dir():
            _require_in_every_file(opened, columns)
        for fragment in opened.get_fragments():
            row = 1
            for batch in fragment.to_batches(schema=opened.schema, columns=columns, batch_size=BATCH_ROWS):
                if batch.num_rows:
                    yield Rows(fragment.path, row, pa.Table.from_batches([batch]))
                row += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise IngestError(f"{path}: {error}; {_EXPECTED}; nothing was written") from None


def is_untyped(path: Path) -> bool:
    """Whether the files are CSV, whose columns are text whatever stands in them."""
    return _is_csv(_files(path)[0])


def _open(path: Path) -> pads.Dataset:
    """A dataset over the files; folders named ``column=value`` are columns, as Spark and Hive write them."""
    files = _files(path)
    where = {"partitioning": "hive", "partition_base_dir": str(path)} if path.is_dir() else {}
    try:
        if not _is_csv(files[0]):
            return pads.dataset(files, format="parquet", **where)
        names = pads.dataset(files, format=_csv(), **where).schema.names
        return pads.dataset(files, format=_csv(names), **where)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        kind = "CSV" if _is_csv(files[0]) else "Parquet"
        raise IngestError(f"{path}: can't be read as {kind}: {error}; {_EXPECTED}") from None


def _require_in_every_file(opened: pads.Dataset, columns: list[str]) -> None:
    """Arrow fills the columns that a file lacks with nulls, which nobody asked for."""
    for fragment in opened.get_fragments():
        of_folders = pads.get_partition_keys(fragment.partition_expression)
        require_columns(fragment.path, columns, [*fragment.physical_schema.names, *of_folders])


def _files(path: Path) -> list[str]:
    if not path.is_dir():
        return [str(path)]
    found = sorted(
        str(file)
        for file in path.rglob("*")
        if file.is_file() and not any(part.startswith((".", "_")) for part in file.relative_to(path).parts)
    )
    if len({_is_csv(file) for file in found}) != 1:
        raise IngestError(
            f"{path}: {len(found)} files, {'CSV and others' if found else 'nothing to read'}; {_EXPECTED}"
        )
    return found


def _csv(names: Sequence[str] = ()) -> pads.CsvFileFormat:
    """Quoted fields may hold line ends; only an empty field is null (NA may be an id), and columns are text."""
    return pads.CsvFileFormat(
        parse_options=pacsv.ParseOptions(newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
        ),
    )


def _is_csv(name: str) -> bool:
    return re.search(r"\.csv(\.gz)?$", name.lower()) is not None


class DaySpill:
    """Rows of one table by day, in a temporary folder; the rows of a day keep their order.

    Args:
        folder: An empty folder of its own.
        buffer_bytes: Rows are written out when this much is held.
    """

    def __init__(self, folder: Path, buffer_bytes: int = 64 * 2**20) -> None:
        self._folder = folder
        self._limit = buffer_bytes
        self._held: dict[int, list[pa.Table]] = {}
        self._held_bytes = 0
        self.num_rows: dict[int, int] = {}
        self.schema: pa.Schema | None = None
        folder.mkdir(parents=True)

    def add_empty(self, table: pa.Table, day: int) -> None:
        """Take a day without rows."""
        self.schema = self.schema or table.schema
        self.num_rows.setdefault(day, 0)

    def add(self, table: pa.Table, days: np.ndarray) -> None:
        """Take rows; ``days`` int [num_rows] is the day number of each."""
        self.schema = self.schema or table.schema
        order = np.argsort(days, kind="stable")
        ordered = table if (np.diff(days) >= 0).all() else table.take(pa.array(order))
        distinct, starts = np.unique(days[order], return_index=True)
        for day, start, stop in zip(distinct.tolist(), starts, [*starts[1:], len(days)], strict=True):
            self._held.setdefault(day, []).append(ordered.slice(start, stop - start))
            self.num_rows[day] = self.num_rows.get(day, 0) + int(stop - start)
        self._held_bytes += table.nbytes
        if self._held_bytes >= self._limit:
            self._write_out()

    def _write_out(self) -> None:
        for day, tables in self._held.items():
            folder = self._folder / str(day)
            folder.mkdir(exist_ok=True)
            path = folder / f"{len(list(folder.iterdir())):06d}.arrow"
            with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, tables[0].schema) as writer:
                for table in tables:
                    writer.write_table(table)
        self._held, self._held_bytes = {}, 0

    def batches(self, day: int) -> Iterator[pa.RecordBatch]:
        """The rows of a day in batches of fixed size, whatever the batches were that they came in."""
        waiting: list[pa.Table] = []
        num_waiting = 0
        for piece in self._pieces(day):
            waiting.append(piece)
            num_waiting += piece.num_rows
            while num_waiting >= BATCH_ROWS:
                joined = pa.concat_tables(waiting)
                yield _one_batch(joined.slice(0, BATCH_ROWS))
                waiting, num_waiting = [joined.slice(BATCH_ROWS)], num_waiting - BATCH_ROWS
        if num_waiting:
            yield _one_batch(pa.concat_tables(waiting))

    def _pieces(self, day: int) -> Iterator[pa.Table]:
        folder = self._folder / str(day)
        for path in sorted(folder.iterdir()) if folder.exists() else []:
            with pa.ipc.open_file(pa.memory_map(str(path))) as reader:
                for number in range(reader.num_record_batches):
                    yield pa.Table.from_batches([reader.get_batch(number)])
        yield from self._held.get(day, [])

    def digest(self, day: int) -> str:
        """SHA-256 of the rows of a day, independent of the batches that they came in."""
        hashed = hashlib.sha256()
        for batch in self.batches(day):
            hashed.update(batch.schema.remove_metadata().serialize())
            hashed.update(batch.serialize())
        return hashed.hexdigest()


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    # A copy of its own: slices would serialise the bytes of the buffers that they were cut from.
    whole = table.take(pa.array(np.arange(table.num_rows))).combine_chunks()
    batches = whole.to_batches()
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)
