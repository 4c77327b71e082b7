"""What can go wrong in the store, in words that say where, what was got, what was expected and what to do."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager


class StoreError(Exception):
    """Base of every error that the store raises on purpose."""


class InvalidNameError(StoreError, ValueError):
    """A dataset, partition, chunk or reference name is not allowed."""


class UnsafeStoreError(StoreError):
    """The storage ignores conditional puts, so two attempts could overwrite each other."""


class UnknownVersionError(StoreError, LookupError):
    """No commit with that URI exists."""


class DamagedVersionError(StoreError):
    """A committed file is missing, truncated or has other bytes than its manifest says."""


class NewerFormatError(DamagedVersionError):
    """A version was committed by another release of the store, whose documents this one cannot read."""


class NondeterminismError(StoreError):
    """Two attempts at one fingerprint produced different content."""


class IncompleteVersionError(StoreError):
    """A commit was asked for although some rows of an array were never written."""


class StorageError(StoreError):
    """The storage answered with an error that did not pass, or not at all."""


class StorageFullError(StorageError):
    """No space is left; what was finished is kept, what was half written is removed."""


class StorageDeniedError(StorageError):
    """The storage may be read and not be written."""


class ReferenceMovedError(StoreError):
    """Somebody appended to a reference between reading its head and appending."""


@contextmanager
def storage_errors_named(where: object) -> Iterator[None]:
    """Turn the system's errors of a full disk (or quota, or limit) and of a read-only one into errors of the store."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StorageFullError(
                f"{where}: {error.strerror}; free space (`pinsage gc` shows what may go), then run again: finished "
                "chunks are kept, and nothing half written can be seen"
            ) from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise StorageDeniedError(
                f"{where}: {error.strerror}; it can be read and not written: check owner, mount and rights"
            ) from error
        raise


class VersionInUseError(StoreError):
    """A version was to be dropped that is whole and that a reference points to."""
