"""Reading one committed version; every file is checked against the manifest before it is opened."""

from __future__ import annotations

import hashlib
import json
import secrets
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pinsage.store.digests import STORE_FORMAT, array_digest, array_file_digest
from pinsage.store.errors import DamagedVersionError, NewerFormatError, storage_errors_named
from pinsage.store.formats import npy_header, write_npy
from pinsage.store.manifest import FileEntry, Input, Manifest
from pinsage.store.objects import STAGED_PREFIX
from pinsage.store.verification import digest_is_known, verified_digest

if TYPE_CHECKING:
    from pinsage.store.objects import Objects


class Version:
    """One committed version, opened by its manifest.

    Args:
        objects: The storage it lies in.
        manifest: The commit document.
        cache: Local folder for downloaded files and assembled arrays; content-addressed, safe to delete.
    """

    def __init__(self, objects: Objects, manifest: Manifest, cache: Path) -> None:
        self.objects = objects
        self.manifest = manifest
        self._cache = cache

    def __repr__(self) -> str:
        return f"Version({self.uri})"

    @property
    def uri(self) -> str:
        """``<dataset>/<partition>/<fingerprint>``: what XCom and references carry."""
        return self.manifest.uri

    @property
    def dataset(self) -> str:
        """The dataset's name, such as ``raw/saves``."""
        return self.manifest.dataset

    @property
    def partition(self) -> str:
        """The partition, a day ``YYYY-MM-DD``."""
        return self.manifest.partition

    @property
    def fingerprint(self) -> str:
        """What the version was made from, hashed."""
        return self.manifest.fingerprint

    @property
    def content_digest(self) -> str:
        """What the version holds, hashed; independent of chunks, workers and attempts."""
        return self.manifest.content_digest

    @property
    def facts(self) -> dict[str, Any]:
        """Small facts that belong to the content, such as ``num_items``."""
        return self.manifest.facts

    @property
    def measurements(self) -> dict[str, Any]:
        """Seconds, peak memory and throughput of the attempt that committed."""
        return self.manifest.measurements

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The versions that this one was made from."""
        return self.manifest.inputs

    def names(self) -> list[str]:
        """The logical names of its arrays, tables and files, sorted."""
        return sorted(self._entries)

    @cached_property
    def _entries(self) -> dict[str, list[FileEntry]]:
        entries: dict[str, list[FileEntry]] = {}
        for entry in self.manifest.files:
            entries.setdefault(entry.name, []).append(entry)
        for parts in entries.values():
            parts.sort(key=lambda part: part.start)
        return entries

    def _parts(self, name: str) -> list[FileEntry]:
        try:
            return self._entries[name]
        except KeyError:
            raise KeyError(f"version {self.uri} has no {name!r}; it has {', '.join(self.names())}") from None

    def path(self, name: str) -> Path:
        """Return a verified local file; for arrays of several chunks use `array`.

        Raises:
            DamagedVersionError: The file is missing or has other bytes than the manifest says.
        """
        parts = self._parts(name)
        if len(parts) != 1:
            raise ValueError(f"version {self.uri}: {name!r} has {len(parts)} chunks; read it with array()")
        return self._local(parts[0])

    def array(self, name: str) -> np.ndarray:
        """Return the array, memory-mapped read-only; chunks are assembled once into the local cache."""
        parts = self._parts(name)
        path = self._local(parts[0]) if len(parts) == 1 else self._assembled(parts)
        # An empty file cannot be mapped.
        return np.load(path, mmap_mode=None if sum(part.rows for part in parts) == 0 else "r", allow_pickle=False)

    def parts(self, name: str) -> ArrayParts:
        """Return the chunks of the array in row order, each mapped when it is asked for: nothing is assembled."""
        return ArrayParts([(part.start, part.stop, partial(self._local, part)) for part in self._parts(name)])

    def num_rows(self, name: str) -> int:
        """Rows of the array or table ``name``, by the manifest."""
        return sum(part.rows for part in self._parts(name))

    def table(self, name: str, columns: Sequence[str] | None = None, rows: range | None = None) -> pa.Table:
        """Return the Parquet table ``name``, or only some of its columns or a range of its rows."""
        wanted = list(columns) if columns is not None else None
        if rows is None:
            return pq.read_table(self.path(name), columns=wanted, partitioning=None)
        with pq.ParquetFile(self.path(name)) as file:
            groups = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
            stops = list(accumulate(groups))
            first, last = bisect_right(stops, rows.start), bisect_left(stops, rows.stop)
            read = file.read_row_groups(list(range(first, min(last + 1, len(groups)))), columns=wanted)
            return read.slice(rows.start - (stops[first - 1] if first else 0), len(rows))

    def json(self, name: str) -> Any:
        """Return the JSON document ``name``."""
        return json.loads(self.path(name).read_bytes())

    def verify(self) -> None:
        """Check every file against the manifest.

        Raises:
            DamagedVersionError: A file is missing, truncated or has other bytes.
        """
        for entry in self.manifest.files:
            self._local(entry)

    def _local(self, entry: FileEntry) -> Path:
        path = self.objects.local_path(entry.key)
        if path is None:
            path = self._downloaded(entry)
        check_file(path, entry, self.uri, self._cache)
        return path

    def _downloaded(self, entry: FileEntry) -> Path:
        target = self._cache / "files" / entry.sha256[:2] / f"{entry.sha256}{Path(entry.key).suffix}"
        if target.exists() and _digest(target, entry, self._cache) == entry.sha256:
            return target
        with self._staged(target) as staged:
            try:
                self.objects.download(entry.key, staged)
            except FileNotFoundError:
                raise DamagedVersionError(_damage(entry, self.uri, "no such object")) from None
            check_file(staged, entry, self.uri, self._cache)
            staged.replace(target)
            digest_is_known(target, entry.sha256, self._cache)
        return target

    def _assembled(self, parts: list[FileEntry]) -> Path:
        dtype, shape = np.dtype(parts[0].dtype), (sum(part.rows for part in parts), *parts[0].row_shape)
        # The digest of the whole is made of those of the blocks of its chunks: the cache is held against the manifest.
        sha256 = array_digest(npy_header(dtype, shape), [block for part in parts for block in part.blocks])
        digest = partial(array_file_digest, num_rows=shape[0], row_bytes=parts[0].row_bytes)
        target = self._cache / "arrays" / sha256[:2] / f"{sha256}.npy"
        if target.exists() and verified_digest(target, self._cache, digest, sha256) == sha256:
            return target
        with self._staged(target) as staged:
            chunks = (np.load(self._local(part), mmap_mode="r", allow_pickle=False) for part in parts)
            written, _ = write_npy(staged, dtype, shape, chunks)
            assert written == sha256, "every chunk was verified"
            staged.replace(target)
            digest_is_known(target, sha256, self._cache)
        return target

    @contextmanager
    def _staged(self, target: Path) -> Iterator[Path]:
        """A path beside ``target`` to write it at before it is moved; gone afterwards."""
        with storage_errors_named(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            staged = target.with_name(f"{STAGED_PREFIX}{secrets.token_hex(8)}")
            try:
                yield staged
            finally:
                staged.unlink(missing_ok=True)


class ArrayParts(Sequence[np.ndarray]):
    """The chunks of an array, memory-mapped one by one; a map is closed when nobody holds its array any more.

    Args:
        parts: First row (inclusive), last row (exclusive) and the verified file of every chunk, in row order.
    """

    def __init__(self, parts: list[tuple[int, int, Callable[[], Path]]]) -> None:
        self._parts = parts

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, number: Any) -> Any:
        start, stop, path = self._parts[number]
        # An empty file cannot be mapped.
        return np.load(path(), mmap_mode="r" if stop > start else None, allow_pickle=False)

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Return the rows start <= row < stop: mapped where one chunk holds them all, else copied into memory."""
        held = [
            np.asarray(self[number])[max(start - first, 0) : stop - first]
            for number, (first, last, _) in enumerate(self._parts)
            if first < stop and start < last
        ]
        if len(held) == 1:
            return held[0]
        return np.concatenate(held) if held else np.array(self[0][:0])


def find_version(objects: Objects, cache: Path, dataset: str, partition: str, fingerprint: str) -> Version | None:
    """Open the committed version with this fingerprint, or None."""
    data = objects.get(f"{dataset}/{partition}/_commits/{fingerprint}.json")
    if data is None:
        return None
    return Version(objects, parse_manifest(data, f"{dataset}/{partition}/{fingerprint}"), cache)


def check_file(path: Path, entry: FileEntry, uri: str, cache: Path) -> None:
    """Compare a local file's size and SHA-256 with its manifest entry.

    Raises:
        DamagedVersionError: They differ; the message names the file.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise DamagedVersionError(_damage(entry, uri, "no such file")) from None
    if size != entry.size:
        raise DamagedVersionError(_damage(entry, uri, f"{size} bytes, expected {entry.size}"))
    if _digest(path, entry, cache) != entry.sha256:
        raise DamagedVersionError(_damage(entry, uri, f"another sha256 than {entry.sha256[:12]}..."))


def _digest(path: Path, entry: FileEntry, cache: Path) -> str:
    return verified_digest(path, cache, entry.digest_of_file, entry.sha256)


def _damage(entry: FileEntry, uri: str, what: str) -> str:
    return (
        f"version {uri}: file {entry.key}: {what}; the version cannot be trusted: restore the file from a copy, or "
        f"drop it (`pinsage drop {uri} --root ROOT`) and run its stage again"
    )


def parse_manifest(data: bytes, uri: str) -> Manifest:
    """Read a commit document.

    Raises:
        DamagedVersionError: It is not a manifest, or not the one of ``uri``.
        NewerFormatError: It is one of another release.
    """
    try:
        written = json.loads(data).get("format")
    except (ValueError, AttributeError):
        written = None
    if isinstance(written, int) and not isinstance(written, bool) and written != STORE_FORMAT:
        raise NewerFormatError(
            f"version {uri}: its commit was made by {'a newer' if written > STORE_FORMAT else 'another'} version of "
            f"the store: format {written}, this code reads {STORE_FORMAT}; use the release that wrote it"
        )
    try:
        manifest = Manifest.model_validate_json(data)
    except ValueError as error:
        reason = hashlib.sha256(data).hexdigest()[:12]
        raise DamagedVersionError(
            f"version {uri}: its commit (sha256 {reason}...) is not a manifest: {error}; drop it "
            f"(`pinsage drop {uri} --root ROOT`) and run its stage again"
        ) from None
    if manifest.uri != uri:
        raise DamagedVersionError(
            f"version {uri}: its commit names another version, {manifest.uri}; drop it (`pinsage drop {uri} --root "
            "ROOT`) and run its stage again"
        )
    if not manifest.is_consistent():
        raise DamagedVersionError(
            f"version {uri}: its commit holds other files, facts, inputs or settings than its digests say; drop it "
            f"(`pinsage drop {uri} --root ROOT`) and run its stage again"
        )
    return manifest
