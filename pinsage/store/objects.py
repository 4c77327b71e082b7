"""Objects under keys, on a local folder: the one primitive that the store stands on is *put if absent*.

`put_if_absent` on a local file system: write a temporary file in the same folder, fsync it, ``os.link`` it to its name
(which fails when the name exists: this is the atomic step), remove the temporary name, fsync the folder. A reader sees
nothing before the link and all bytes after it. It needs hard links and an fsync that is honoured; network file systems
without them are refused by the start-up probe of `Store.open`. Object stores are in `bucket.py`.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pinsage.store.errors import InvalidNameError, storage_errors_named
from pinsage.store.failpoints import failpoint


@dataclass(frozen=True)
class ObjectInfo:
    """One stored object: its key, size in bytes and modification time in seconds since the epoch."""

    key: str
    size: int
    modified: float


class Objects(Protocol):
    """What the store needs of a storage. Keys are slash-separated; there are no folders to make."""

    url: str

    def put_if_absent(self, key: str, data: bytes) -> bytes:
        """Store ``data`` unless ``key`` exists; return the bytes that are stored now, ours or another's."""
        ...

    def staging_path(self, key: str) -> Path:
        """Return a local path to write a file to before `put_path` moves it under ``key``."""
        ...

    def put_path(self, key: str, staged: Path) -> None:
        """Store the staged file under ``key``, which nobody else uses, and remove the staged file."""
        ...

    def replace(self, key: str, data: bytes) -> None:
        """Store ``data`` under ``key``, whatever was there: for pages that people look at and no stage reads."""
        ...

    def get(self, key: str) -> bytes | None:
        """Return the bytes, or None when there is no such object."""
        ...

    def size(self, key: str) -> int | None:
        """Return the size in bytes, or None when there is no such object."""
        ...

    def local_path(self, key: str) -> Path | None:
        """Return the path of the object when it is a local file that may be mapped, else None."""
        ...

    def download(self, key: str, target: Path) -> None:
        """Copy the object to a local file."""
        ...

    def walk(self, prefix: str) -> Iterator[ObjectInfo]:
        """List every object below ``prefix`` (a whole segment), sorted by key."""
        ...

    def children(self, prefix: str) -> list[str]:
        """List the names directly below ``prefix``, sorted."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object; a missing one is fine."""
        ...


# Names of files that are being written, here, in the cache and before an upload; killed attempts leave them behind.
STAGED_PREFIX = ".staged-"


class LocalObjects:
    """Objects as files below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.root.mkdir(parents=True, exist_ok=True)
        self.url = str(self.root)

    def _path(self, key: str) -> Path:
        path = self.root / key
        # Unlike Path.resolve, it has an answer for links that lead in a circle.
        if not Path(os.path.realpath(path)).is_relative_to(self.root):
            raise InvalidNameError(
                f"key {key!r} leaves the store's root {self.root}; remove the link or choose another"
            )
        return path

    def put_if_absent(self, key: str, data: bytes) -> bytes:
        """See `Objects.put_if_absent`; the protocol is in the module's docstring."""
        failpoint("put.before")
        with storage_errors_named(f"{self.url}/{key}"):
            staged = self.staging_path(key)
            try:
                staged.write_bytes(data)
                failpoint("put.staged")
                linked = self._link(staged, self._path(key))
            finally:
                staged.unlink(missing_ok=True)
        if linked:
            failpoint("put.done")
            return data
        return self._path(key).read_bytes()

    def staging_path(self, key: str) -> Path:
        """Return a temporary sibling of the final file, so that a hard link can move it."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.parent / f"{STAGED_PREFIX}{secrets.token_hex(8)}"

    def put_path(self, key: str, staged: Path) -> None:
        """Link the staged file to its key."""
        with storage_errors_named(f"{self.url}/{key}"):
            linked = self._link(staged, self._path(key))
        if not linked:
            raise FileExistsError(f"{key} exists already; data keys are unique to an attempt")

    def replace(self, key: str, data: bytes) -> None:
        """See `Objects.replace`; a reader sees the old bytes or the new ones."""
        with storage_errors_named(f"{self.url}/{key}"):
            staged = self.staging_path(key)
            try:
                staged.write_bytes(data)
                staged.replace(self._path(key))
            finally:
                staged.unlink(missing_ok=True)

    def _link(self, staged: Path, path: Path) -> bool:
        try:
            with staged.open("rb") as file:
                os.fsync(file.fileno())
            failpoint("put.synced")
            try:
                os.link(staged, path)
            except FileExistsError:
                return False
            failpoint("put.linked")
            return True
        finally:
            staged.unlink(missing_ok=True)
            _sync_folder(path.parent)

    def get(self, key: str) -> bytes | None:
        """Return the bytes, or None."""
        try:
            return self._path(key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def size(self, key: str) -> int | None:
        """Return the size in bytes, or None."""
        try:
            return self._path(key).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def local_path(self, key: str) -> Path | None:
        """Return the file itself."""
        return self._path(key)

    def download(self, key: str, target: Path) -> None:
        """Copy the file."""
        target.write_bytes(self._path(key).read_bytes())

    def walk(self, prefix: str) -> Iterator[ObjectInfo]:
        """Walk the folder in sorted order; staged files are not objects."""
        start = self._path(prefix) if prefix else self.root
        for folder, subfolders, names in os.walk(start):
            subfolders.sort()
            for name in sorted(names):
                if name.startswith(STAGED_PREFIX):
                    continue
                path = Path(folder) / name
                try:
                    stat = path.stat()
                except FileNotFoundError:
                    continue
                yield ObjectInfo(path.relative_to(self.root).as_posix(), stat.st_size, stat.st_mtime)

    def children(self, prefix: str) -> list[str]:
        """List one folder; hidden files are not objects."""
        try:
            names = os.listdir(self._path(prefix) if prefix else self.root)
        except (FileNotFoundError, NotADirectoryError):
            return []
        # Names of the store begin with a letter or digit: what begins with a dot is staged, or of a file manager.
        return sorted(name for name in names if not name.startswith("."))

    def delete(self, key: str) -> None:
        """Unlink the file; open maps of it stay valid until they are closed."""
        with storage_errors_named(f"{self.url}/{key}"):
            self._path(key).unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
