"""Writing one version: chunks first, the commit last.

The protocol, and what a reader sees when the process dies after each step:

1. A chunk's data goes to ``data/<fingerprint>/<chunk>-<attempt>.<ext>``, a name that no other attempt uses. Readers
   see nothing: no commit names it.
2. The chunk's record goes to ``_chunks/<fingerprint>/<chunk>.json`` with *put if absent*. Readers see nothing. A later
   attempt finds the record, checks the file and skips the work. When two attempts race, the first record wins and
   the other attempt adopts it; their digests must be equal.
3. All files of the version are checked against their records.
4. The manifest goes to ``_commits/<fingerprint>.json`` with *put if absent*: **the commit**. Before it readers see
   no version, after it the whole version. Of two attempts the first wins, the other adopts it and compares content.

Each step needs only that *put if absent* is atomic and durable and that a stored object reads back as written.
"""

from __future__ import annotations

import json
import resource
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from pinsage.store.digests import BLOCK_ROWS, canonical_json, file_digest, plain
from pinsage.store.errors import DamagedVersionError, IncompleteVersionError, NondeterminismError, storage_errors_named
from pinsage.store.failpoints import failpoint
from pinsage.store.formats import write_npy, write_parquet
from pinsage.store.manifest import FileEntry, FileKind, Manifest, check_chunks, chunk_name, content_digest_of
from pinsage.store.names import check_name
from pinsage.store.verification import digest_is_known
from pinsage.store.version import Version, check_file, find_version, parse_manifest
from pinsage.store.write_spec import WriteSpec

if TYPE_CHECKING:
    from pinsage.store.objects import Objects

# Fixed row groups keep Parquet files byte-stable.


class Writer:
    """Writes the chunks of one version and commits it on leaving the ``with`` block without an error.

    Args:
        objects: The storage to write to.
        cache: Local folder of the versions that it opens.
        spec: What the version is made from; another process goes on with the same one.
    """

    def __init__(self, objects: Objects, cache: Path, spec: WriteSpec) -> None:
        self.spec = spec
        self.facts: dict[str, Any] = {}
        self.measurements: dict[str, Any] = {}
        self._objects = objects
        self._cache = cache
        self._attempt = secrets.token_hex(6)
        self._entries: dict[str, FileEntry] = {}
        self._started = time.monotonic()
        self._version = find_version(objects, cache, spec.dataset, spec.partition, spec.fingerprint)
        if self._version is not None:
            self._version.verify()

    @property
    def is_committed(self) -> bool:
        """Whether the version exists and verifies, so that there is nothing to do."""
        return self._version is not None

    @property
    def version(self) -> Version:
        """The committed version.

        Raises:
            RuntimeError: It is not committed yet.
        """
        if self._version is None:
            raise RuntimeError(f"{self.uri} is not committed yet")
        return self._version

    @property
    def uri(self) -> str:
        """``<dataset>/<partition>/<fingerprint>`` of the version being written."""
        return f"{self.spec.dataset}/{self.spec.partition}/{self.spec.fingerprint}"

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and not self.is_committed:
            self.commit()

    # --- finished chunks -------------------------------------------------------------------------------------------

    def has(self, name: str, num_rows: int | None = None) -> bool:
        """Whether ``name`` was finished by this or an earlier attempt.

        Args:
            name: A table, document or file; or an array that is written whole.
            num_rows: The rows of the array; None for everything else.
        """
        return self._adopt(name if num_rows is None else chunk_name(name, range(num_rows))) is not None

    def missing_rows(
        self, names: Sequence[str], *, num_rows: int, chunk_rows: int, within: range | None = None
    ) -> Iterator[range]:
        """Yield the row ranges of which any of the arrays ``names`` is not finished yet.

        Args:
            names: Arrays that are written together, chunk by chunk.
            num_rows: Rows of each array. Zero rows still are one, empty, chunk.
            chunk_rows: Rows per chunk, a multiple of 4096, so that digests do not depend on it.
            within: Only chunks that start in it; all when None.

        Yields:
            ``range(start, stop)``, ascending.
        """
        if chunk_rows <= 0 or chunk_rows % BLOCK_ROWS:
            raise ValueError(f"chunk_rows={chunk_rows}: expected a positive multiple of {BLOCK_ROWS}")
        for start in range(0, max(num_rows, 1), chunk_rows):
            if within is not None and start not in within:
                continue
            rows = range(start, min(start + chunk_rows, num_rows))
            if not all(self._adopt(chunk_name(name, rows)) for name in names):
                yield rows

    def _adopt(self, chunk: str) -> FileEntry | None:
        if chunk in self._entries:
            return self._entries[chunk]
        data = self._objects.get(self._record_key(chunk))
        if data is None:
            return None
        entry = self._recorded(chunk, data)
        if entry is None:
            # The machine died between the disk's promise and its keeping it: do the work again.
            self._objects.delete(self._record_key(chunk))
            return None
        self._entries[chunk] = entry
        return entry

    def _recorded(self, chunk: str, data: bytes) -> FileEntry | None:
        """What a chunk's record says, if it is one, of this chunk, and its file is whole."""
        try:
            entry = FileEntry.model_validate_json(data)
            entry.check_place(self._data_folder)
            self._check(entry)
        except (DamagedVersionError, ValueError):
            return None
        return entry if entry.chunk == chunk else None

    def _check(self, entry: FileEntry) -> None:
        path = self._objects.local_path(entry.key)
        if path is not None:
            check_file(path, entry, self.uri, self._cache)
        elif self._objects.size(entry.key) != entry.size:
            raise DamagedVersionError(f"{self.uri}: object {entry.key} has another size than its record")

    # --- writing chunks --------------------------------------------------------------------------------------------

    def write_array(self, name: str, array: np.ndarray, rows: range | None = None) -> None:
        """Write an array, or the rows ``rows`` of it.

        Args:
            name: The array's name.
            array: Any plain dtype; its first axis are the rows.
            rows: Which rows these are; all of them when None. Chunks start at multiples of 4096.
        """
        check_name(name, "array")
        if array.dtype.hasobject:
            raise TypeError(f"array {name!r} has dtype object; the store holds no pickles: use a table")
        held = range(len(array)) if rows is None else rows
        if len(held) != len(array) or held.start % BLOCK_ROWS:
            raise ValueError(
                f"array {name!r}: {len(array)} rows given for {held}, whose start must divide by {BLOCK_ROWS}"
            )
        self._write_rows(name, held, array.dtype, array.shape[1:], iter([array]))

    def write_pieces(self, name: str, pieces: Iterable[np.ndarray], *, num_rows: int, dtype: np.dtype) -> None:
        """Write a one-dimensional array whole, as one file, from pieces that need not be in memory together.

        Args:
            name: The array's name.
            pieces: Its rows in order, cut anywhere.
            num_rows: Rows of all pieces.
            dtype: Of every piece.

        Raises:
            ValueError: The pieces have other rows in all.
        """
        self._write_rows(check_name(name, "array"), range(num_rows), np.dtype(dtype), (), pieces)

    def _write_rows(
        self, name: str, rows: range, dtype: np.dtype, row_shape: tuple[int, ...], pieces: Iterable[np.ndarray]
    ) -> None:
        chunk = chunk_name(name, rows)
        if self._adopt(chunk):
            return
        with self._staged(chunk, ".npy") as (key, staged):
            sha256, blocks = write_npy(staged, dtype, (len(rows), *row_shape), pieces)
            entry = FileEntry(
                name=name,
                key=key,
                kind="array",
                size=staged.stat().st_size,
                sha256=sha256,
                rows=len(rows),
                start=rows.start,
                stop=rows.stop,
                dtype=dtype.str,
                row_shape=row_shape,
                blocks=tuple(blocks),
                by_blocks=True,
            )
            self._finish(chunk, entry, staged)

    def write_table(
        self, name: str, table: pa.Table | Iterable[pa.RecordBatch], schema: pa.Schema | None = None
    ) -> None:
        """Write a Parquet table (zstd, fixed row groups).

        Args:
            name: The table's name.
            table: The table, or record batches that are written as they come.
            schema: Needed with record batches.
        """
        if self._adopt(check_name(name, "table")):
            return
        with self._staged(name, ".parquet") as (key, staged):
            num_rows = write_parquet(staged, table, schema)
            self._finish_file(name, "table", key, staged, rows=num_rows)

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON document (sorted keys, two spaces, UTF-8; NaN is refused)."""
        if self._adopt(check_name(name, "document")):
            return
        text = json.dumps(plain(value), sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
        with self._staged(name, ".json") as (key, staged):
            staged.write_text(text + "\n", encoding="utf-8")
            self._finish_file(name, "json", key, staged)

    def write_file(self, name: str, path: Path, suffix: str) -> None:
        """Copy a finished local file into the version.

        Args:
            name: The file's name in the version.
            path: Where it lies now; it stays there.
            suffix: The suffix of the stored file, such as ``.safetensors``.
        """
        if self._adopt(check_name(name, "file")):
            return
        with self._staged(name, suffix) as (key, staged):
            shutil.copyfile(path, staged)
            self._finish_file(name, "file", key, staged)

    def _finish_file(self, name: str, kind: FileKind, key: str, staged: Path, rows: int = 0) -> None:
        sha256 = file_digest(staged)
        size = staged.stat().st_size
        entry = FileEntry(name=name, key=key, kind=kind, size=size, sha256=sha256, rows=rows, blocks=(sha256,))
        self._finish(name, entry, staged)

    @contextmanager
    def _staged(self, chunk: str, suffix: str) -> Iterator[tuple[str, Path]]:
        """A new key for the chunk's data, and the local path to write it to; the path is gone afterwards."""
        if self.is_committed:
            raise RuntimeError(f"{self.uri} is committed; check is_committed before writing")
        key = f"{self._data_folder}/{chunk}-{self._attempt}{suffix}"
        with storage_errors_named(f"{self.uri} {chunk}"):
            staged = self._objects.staging_path(key)
            try:
                yield key, staged
            finally:
                staged.unlink(missing_ok=True)

    def _finish(self, chunk: str, entry: FileEntry, staged: Path) -> None:
        failpoint("chunk.before_data")
        self._objects.put_path(entry.key, staged)
        path = self._objects.local_path(entry.key)
        if path is not None:
            digest_is_known(path, entry.sha256, self._cache)
        failpoint("chunk.after_data")
        record = canonical_json(entry)
        while (stored := self._objects.put_if_absent(self._record_key(chunk), record)) != record:
            other = self._recorded(chunk, stored)
            if other is None:
                self._objects.delete(self._record_key(chunk))
                continue
            if other.blocks != entry.blocks:
                raise NondeterminismError(
                    f"{self.uri}: two attempts wrote different bytes for chunk {chunk}: {other.key} and {entry.key}; "
                    "the stage depends on something that its fingerprint does not hold (time, order, threads)"
                )
            entry = other
            break
        failpoint("chunk.after_record")
        self._entries[chunk] = entry

    # --- the commit ------------------------------------------------------------------------------------------------

    def commit(self) -> Version:
        """Check every file and write the manifest; see the module's docstring.

        Raises:
            IncompleteVersionError: Rows of an array are missing.
            NondeterminismError: Another attempt committed other content under this fingerprint.
        """
        failpoint("commit.before")
        files = sorted(self._entries.values(), key=lambda entry: (entry.name, entry.start))
        self._check_rows(files)
        for entry in files:
            self._check(entry)
        check_chunks(files)
        failpoint("commit.verified")
        self.measurements.setdefault("seconds", round(time.monotonic() - self._started, 3))
        self.measurements.setdefault("peak_bytes", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
        facts = plain(self.facts)
        manifest = Manifest(
            **self.spec.model_dump(),
            files=tuple(files),
            facts=facts,
            content_digest=content_digest_of(files, facts),
            measurements=plain(self.measurements),
        )
        stored = self._objects.put_if_absent(
            f"{self._folder}/_commits/{self.spec.fingerprint}.json", canonical_json(manifest)
        )
        failpoint("commit.after")
        committed = parse_manifest(stored, self.uri)
        if committed.content_digest != manifest.content_digest:
            raise NondeterminismError(
                f"{self.uri}: another attempt committed content {committed.content_digest[:12]}..., this one made "
                f"{manifest.content_digest[:12]}...; the committed version stays in force"
            )
        self._version = Version(self._objects, committed, self._cache)
        return self._version

    def _check_rows(self, files: list[FileEntry]) -> None:
        reached: dict[str, int] = {}
        for entry in files:
            if entry.kind == "array":
                if entry.start != reached.get(entry.name, 0):
                    raise IncompleteVersionError(
                        f"{self.uri}: array {entry.name!r} has rows up to {reached.get(entry.name, 0)} and then from "
                        f"{entry.start}; write every chunk of one chunk size before the commit"
                    )
                reached[entry.name] = entry.stop

    @property
    def _folder(self) -> str:
        return f"{self.spec.dataset}/{self.spec.partition}"

    @property
    def _data_folder(self) -> str:
        return f"{self._folder}/data/{self.spec.fingerprint}"

    def _record_key(self, chunk: str) -> str:
        return f"{self._folder}/_chunks/{self.spec.fingerprint}/{chunk}.json"
