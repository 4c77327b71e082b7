"""The manifest of a version: what it is made from, which files it has, and what they must hash to.

A manifest is written once, last, under its fingerprint; writing it is the commit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from pinsage.store.digests import BLOCK_ROWS, STORE_FORMAT, array_digest, array_file_digest, digest_of, file_digest
from pinsage.store.errors import InvalidNameError
from pinsage.store.formats import npy_header
from pinsage.store.names import check_name, split_uri

SHA256 = re.compile(r"[0-9a-f]{64}")
FileKind = Literal["array", "table", "json", "file"]


class FileEntry(BaseModel):
    """One finished chunk: a file, and what it must be.

    ``start`` (inclusive) and ``stop`` (exclusive) are the rows that an array chunk holds. ``blocks`` are the digests
    that the content digest is made of: one per block of rows for arrays, the file's own for everything else.
    ``sha256`` is that of the file's bytes or, where it is ``by_blocks``, of an array's header and the digests of its
    blocks (`digests.array_digest`). What one field says twice is compared: a document of which a bit was flipped is not
    believed, and the file that it names not blamed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    key: str
    kind: FileKind
    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    rows: int = Field(ge=0)
    start: int = 0
    stop: int = 0
    dtype: str = ""
    row_shape: tuple[int, ...] = ()
    blocks: tuple[str, ...] = ()
    by_blocks: bool = False

    @model_validator(mode="after")
    def _fields_agree(self) -> FileEntry:
        fault = self._array_fault() if self.kind == "array" else self._plain_fault()
        file = self.key.rpartition("/")[2]
        if fault is None and not re.fullmatch(rf"{re.escape(self.chunk)}-[0-9a-f]{{12}}(\.[A-Za-z0-9._-]+)?", file):
            fault = f"its file {file!r} is not of chunk {self.chunk}"
        if fault is not None:
            raise ValueError(f"file {self.name!r}: {fault}")
        return self

    def _plain_fault(self) -> str | None:
        if self.blocks != (self.sha256,):
            return f"sha256 {self.sha256[:12]}... and blocks differ"
        if self.start or self.stop or self.dtype or self.row_shape or self.by_blocks:
            return f"a {self.kind} has fields of an array"
        if self.rows and self.kind != "table":
            return f"a {self.kind} has {self.rows} rows"
        return None

    def _array_fault(self) -> str | None:
        if self.start < 0 or self.start % BLOCK_ROWS or self.stop - self.start != self.rows:
            return f"{self.rows} rows from {self.start} to {self.stop}, expected a start that divides by {BLOCK_ROWS}"
        if len(self.blocks) != -(-self.rows // BLOCK_ROWS) or not all(map(SHA256.fullmatch, self.blocks)):
            return f"{len(self.blocks)} digests of blocks for {self.rows} rows"
        try:
            dtype = np.dtype(self.dtype)
        except (TypeError, ValueError):
            return f"{self.dtype!r} is no type of numbers"
        if dtype.hasobject or dtype.str != self.dtype or min(self.row_shape, default=0) < 0:
            return f"rows of type {self.dtype!r} and shape {self.row_shape} cannot be stored"
        header = npy_header(dtype, (self.rows, *self.row_shape))
        if self.size != len(header) + self.rows * self.row_bytes:
            return f"{self.size} bytes, expected {len(header) + self.rows * self.row_bytes} by its rows and their type"
        if self.by_blocks and self.sha256 != array_digest(header, self.blocks):
            return f"sha256 {self.sha256[:12]}... is not that of its blocks"
        return None

    @property
    def row_bytes(self) -> int:
        """Bytes of one row of an array."""
        return int(np.dtype(self.dtype).itemsize * prod(self.row_shape))

    @property
    def chunk(self) -> str:
        """The chunk's name: the array's name with its rows, or the plain name."""
        return chunk_name(self.name, range(self.start, self.stop)) if self.kind == "array" else self.name

    def digest_of_file(self, path: Path) -> str:
        """What ``sha256`` must be if ``path``, a file of the right size, is this chunk."""
        if not self.by_blocks:
            return file_digest(path)
        return array_file_digest(path, self.rows, self.row_bytes)

    def check_place(self, data_folder: str) -> None:
        """Refuse a document that names a file outside its own version: it was not written by us.

        Args:
            data_folder: Where the version's files lie, ``<dataset>/<partition>/data/<fingerprint>``.

        Raises:
            InvalidNameError: The key leads elsewhere, or the name is none.
        """
        check_name(self.name, "file")
        folder, _, file = self.key.rpartition("/")
        if folder != data_folder or not file or file in (".", ".."):
            raise InvalidNameError(f"file {self.name!r} has the key {self.key!r}; expected one in {data_folder}/")


class Input(BaseModel):
    """A version that another one was made from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    uri: str
    content_digest: str


class Manifest(BaseModel):
    """The commit document. ``measurements`` (seconds, memory, throughput) are no part of any digest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = STORE_FORMAT
    dataset: str
    partition: str
    fingerprint: str
    code_version: int
    inputs: tuple[Input, ...]
    config: dict[str, Any]
    files: tuple[FileEntry, ...]
    facts: dict[str, Any]
    content_digest: str
    measurements: dict[str, Any]

    @property
    def uri(self) -> str:
        """``<dataset>/<partition>/<fingerprint>``."""
        return f"{self.dataset}/{self.partition}/{self.fingerprint}"

    @model_validator(mode="after")
    def _files_are_its_own(self) -> Manifest:
        for entry in self.files:
            entry.check_place(f"{self.dataset}/{self.partition}/data/{self.fingerprint}")
        for item in self.inputs:
            split_uri(item.uri)
        check_chunks(self.files)
        return self

    def is_consistent(self) -> bool:
        """Whether the fingerprint and the content digest are those of what the manifest holds."""
        made_from = fingerprint_of(self.dataset, self.partition, self.code_version, self.inputs, self.config)
        return self.fingerprint == made_from and self.content_digest == content_digest_of(self.files, self.facts)


def check_chunks(files: Sequence[FileEntry]) -> None:
    """Refuse files that are not whole arrays, each of one type, and single tables and documents.

    Raises:
        ValueError: A chunk is missing, doubled or of another type; the message names it.
    """
    last: dict[str, FileEntry] = {}
    for entry in sorted(files, key=lambda entry: (entry.name, entry.start)):
        before = last.get(entry.name)
        reached = 0 if before is None else before.stop
        if before is not None and (entry.kind, before.kind) != ("array", "array"):
            raise ValueError(f"file {entry.name!r} is there twice")
        if entry.start != reached or (before is not None and entry.rows == 0):
            raise ValueError(f"array {entry.name!r} has rows up to {reached} and then from {entry.start}")
        if before is not None and (entry.dtype, entry.row_shape) != (before.dtype, before.row_shape):
            raise ValueError(f"array {entry.name!r} has chunks of several types")
        last[entry.name] = entry
    if len({entry.key for entry in files}) != len(files):
        raise ValueError("two chunks have one file")


def chunk_name(name: str, rows: range) -> str:
    """Name the chunk of array ``name`` that holds ``rows``; two chunk sizes never share a name."""
    return f"{name}.{rows.start:012d}-{rows.stop:012d}"


def fingerprint_of(
    dataset: str, partition: str, code_version: int, inputs: tuple[Input, ...], config: dict[str, Any]
) -> str:
    """Name the version that these inputs, this config and this code make; 32 hex digits of a SHA-256."""
    origin = {
        "format": STORE_FORMAT,
        "dataset": dataset,
        "partition": partition,
        "code_version": code_version,
        "config": config,
        "inputs": sorted([*item.uri.rsplit("/", 2)[:2], item.content_digest] for item in inputs),
    }
    return digest_of(origin)[:32]


def content_digest_of(files: Sequence[FileEntry], facts: dict[str, Any]) -> str:
    """Digest what the files hold, whatever the chunks; ``files`` are sorted by name and first row."""
    contents: dict[str, dict[str, Any]] = {}
    for entry in files:
        content = contents.setdefault(
            entry.name,
            {"kind": entry.kind, "dtype": entry.dtype, "row_shape": entry.row_shape, "rows": 0, "blocks": []},
        )
        content["rows"] += entry.rows
        content["blocks"].extend(entry.blocks)
    return digest_of({"files": contents, "facts": facts})
