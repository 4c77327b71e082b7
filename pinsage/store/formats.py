"""How arrays and tables become files: the same bytes in any process, written piece by piece."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pinsage.store.digests import array_digest, block_digests, whole_blocks

ROW_GROUP_ROWS = 131_072


def npy_header(dtype: np.dtype, shape: tuple[int, ...]) -> bytes:
    """The bytes before the rows of an npy file; a test holds numpy to them, since digests depend on them."""
    header = io.BytesIO()
    form = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, form)
    return header.getvalue()


def write_npy(
    path: Path, dtype: np.dtype, shape: tuple[int, ...], pieces: Iterable[np.ndarray]
) -> tuple[str, list[str]]:
    """What `np.save` writes, piece by piece; that one loses the system's error number when the disk is full.

    Returns:
        SHA-256 as a `FileEntry` holds it, and those of the blocks of rows.
    """
    header = npy_header(dtype, shape)
    blocks: list[str] = []
    num_rows = 0
    with path.open("wb") as file:
        file.write(header)
        for piece in whole_blocks(pieces):
            piece = np.ascontiguousarray(piece)
            file.write(piece.reshape(-1).view(np.uint8).data)
            blocks.extend(block_digests(piece))
            num_rows += len(piece)
    if num_rows != shape[0]:
        raise ValueError(f"{path.name}: the pieces have {num_rows} rows in all, expected {shape[0]}")
    return array_digest(header, blocks), blocks


def write_parquet(path: Path, table: pa.Table | Iterable[pa.RecordBatch], schema: pa.Schema | None) -> int:
    """A table or its batches, of ``schema``, in row groups of one size; returns the number of rows."""
    num_rows = 0
    if isinstance(table, pa.Table):
        schema, batches = table.schema, iter([table])
    else:
        batches = (pa.Table.from_batches([batch]) for batch in table)
    assert schema is not None, "record batches need a schema"
    with pq.ParquetWriter(path, schema.remove_metadata(), compression="zstd", version="2.6") as writer:
        for piece in batches:
            writer.write_table(piece.cast(schema).replace_schema_metadata(None), row_group_size=ROW_GROUP_ROWS)
            num_rows += piece.num_rows
    return num_rows
