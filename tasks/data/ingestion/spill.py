"""Rows by day in a file without a name, so that memory stays bounded and a killed process leaves nothing behind."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa

BATCH_ROWS = 131_072


class DaySpill:
    """Rows of one table by day; the rows of a day keep their order.

    Args:
        buffer_bytes: Rows are written out when this much is held.
    """

    def __init__(self, buffer_bytes: int = 64 * 2**20) -> None:
        self._limit = buffer_bytes
        self._held: dict[int, list[pa.Table]] = {}
        self._held_bytes = 0
        self._written: dict[int, list[tuple[int, int]]] = {}  # offset and length of each record batch of a day
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # closed by __exit__
        self._num_bytes = 0
        self.num_rows: dict[int, int] = {}
        self.schema: pa.Schema | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add_empty(self, table: pa.Table, day: int) -> None:
        """Take a day without rows."""
        self.schema = self.schema or table.schema
        self.num_rows.setdefault(day, 0)

    def add(self, table: pa.Table, days: np.ndarray) -> None:
        """Take rows; ``days`` int [num_rows] is the day number of each.

        Raises:
            OSError: The temporary folder is full.
        """
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
            for batch in pa.concat_tables(tables).combine_chunks().to_batches():
                self._written.setdefault(day, []).append(self._append(batch.serialize()))
        self._held, self._held_bytes = {}, 0

    def _append(self, data: pa.Buffer) -> tuple[int, int]:
        start, rest = self._num_bytes, memoryview(data)
        try:
            while rest:
                num_bytes = self._file.write(rest)
                rest, self._num_bytes = rest[num_bytes:], self._num_bytes + num_bytes
        except OSError as error:
            message = (
                f"{self._num_bytes:,} bytes of rows were sorted by day, then: {error.strerror}; point TMPDIR to a "
                "folder with room for the delivery; nothing was written to the store"
            )
            raise OSError(error.errno, message, tempfile.gettempdir()) from None
        return start, data.size

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
        for start, length in self._written.get(day, []):
            data = b"".join(self._read(start, length))
            yield pa.Table.from_batches([pa.ipc.read_record_batch(pa.py_buffer(data), self.schema)])
        yield from self._held.get(day, [])

    def _read(self, start: int, length: int) -> Iterator[bytes]:
        while length:
            data = os.pread(self._file.fileno(), length, start)
            if not data:
                raise OSError(f"temporary file of {self._num_bytes:,} bytes ends before byte {start:,}")
            yield data
            start, length = start + len(data), length - len(data)

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
