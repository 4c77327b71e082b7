"""Objects under keys, on a local folder: the one primitive that the store stands on is *put if absent*.

What cannot be listed or read is an error, never "nothing there": garbage collection removes what nothing is seen to
refer to. Only a name that the system says does not exist is absent.

`put_if_absent` on a local file system: write a temporary file in the same folder, fsync it, ``os.link`` it to its name
(which fails when the name exists: this is the atomic step), remove the temporary name, fsync the folder. A reader sees
nothing before the link and all bytes after it. It needs hard links and an fsync that is honoured; network file systems
without them are refused by the probe before the first write (`probe.py`). Object stores are in `bucket.py`.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pinsage.store.errors import (
    InvalidNameError,
    StorageDeniedError,
    StorageError,
    StorageFullError,
    storage_errors_named,
)
from pinsage.store.failpoints import failpoint
from pinsage.store.probe import probe_conditional_put


@dataclass(frozen=True)
class ObjectInfo:
    """One stored object: its key, size in bytes and modification time in seconds since the epoch.

    ``is_link`` marks a symbolic link to a folder, or to nothing: it is listed and not followed.
    """

    key: str
    size: int
    modified: float
    is_link: bool = False


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
        """List every object below ``prefix`` (a whole segment), sorted by key.

        Raises:
            StorageError: A part of it cannot be listed.
        """
        ...

    def children(self, prefix: str) -> list[str]:
        """List the names directly below ``prefix``, sorted; hidden ones are not of the store."""
        ...

    def files(self, prefix: str) -> list[str]:
        """List the names of the objects directly below ``prefix``, sorted."""
        ...

    def folders(self, prefix: str) -> list[str]:
        """List the names directly below ``prefix`` that have objects below them, sorted; hidden ones are left out."""
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
        self._probed = self._probing = False
        self._one_probe = threading.RLock()

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
        self._probe()
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

    def _probe(self) -> None:
        """Check the file system before the first write; a store that is only read is left as it is."""
        if self._probed:
            return
        with self._one_probe:
            if self._probed or self._probing:
                return
            self._probing = True
            try:
                with suppress(StorageFullError, StorageDeniedError):  # the write itself says so
                    probe_conditional_put(self)
                self._probed = True
            finally:
                self._probing = False

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
        """Walk the folder, sorted by key; staged files are not objects."""
        yield from self._walk(self._path(prefix) if prefix else self.root)

    def _walk(self, folder: Path) -> Iterator[ObjectInfo]:
        for entry in self._entries(folder):
            path = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(path)
                continue
            try:
                is_link = entry.is_symlink() and not path.is_file()
                stat = entry.stat(follow_symlinks=not is_link)
            except FileNotFoundError:  # removed just now
                continue
            except OSError as error:
                raise _unreadable(path, "looked at", error) from error
            yield ObjectInfo(path.relative_to(self.root).as_posix(), stat.st_size, stat.st_mtime, is_link)

    def children(self, prefix: str) -> list[str]:
        """List one folder; hidden files are not objects."""
        # Names of the store begin with a letter or digit: what begins with a dot is of a file manager.
        return sorted(entry.name for entry in self._below(prefix) if not entry.name.startswith("."))

    def files(self, prefix: str) -> list[str]:
        """List the files of one folder."""
        return sorted(entry.name for entry in self._below(prefix) if not entry.is_dir())

    def folders(self, prefix: str) -> list[str]:
        """List the folders of one folder that are not empty."""
        names = (entry.name for entry in self._below(prefix) if entry.is_dir() and not entry.name.startswith("."))
        below = f"{prefix}/" if prefix else ""
        return sorted(name for name in names if self._holds_files(self._path(f"{below}{name}")))

    def _holds_files(self, folder: Path) -> bool:
        entries = self._entries(folder)
        return any(not entry.is_dir() for entry in entries) or any(
            self._holds_files(Path(entry.path)) for entry in entries if not entry.is_symlink()
        )

    def _below(self, prefix: str) -> list[os.DirEntry[str]]:
        return self._entries(self._path(prefix) if prefix else self.root)

    def _entries(self, folder: Path) -> list[os.DirEntry[str]]:
        """What lies in a folder, sorted by key; nothing where there is no such folder.

        Raises:
            StorageError: It cannot be listed, or it is a link to nothing, or the root itself is gone.
        """
        try:
            with os.scandir(folder) as entries:
                found = [entry for entry in entries if not entry.name.startswith(STAGED_PREFIX)]
        except FileNotFoundError as error:
            if self.root.is_dir() and not os.path.lexists(folder):
                return []
            raise _unreadable(folder, "listed", error) from error
        except OSError as error:
            raise _unreadable(folder, "listed", error) from error
        return sorted(found, key=lambda entry: f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name)

    def delete(self, key: str) -> None:
        """Unlink the file; open maps of it stay valid until they are closed."""
        with storage_errors_named(f"{self.url}/{key}"):
            self._path(key).unlink(missing_ok=True)


def _unreadable(path: Path, done: str, error: OSError) -> StorageError:
    return StorageError(
        f"{path}: cannot be {done}: {error.strerror or error}; check owner, rights and mount: what cannot be seen is "
        "not taken for absent"
    )


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
