"""What can go wrong in the store, in words that say where, what was got, what was expected and what to do."""

from __future__ import annotations


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


class NondeterminismError(StoreError):
    """Two attempts at one fingerprint produced different content."""


class IncompleteVersionError(StoreError):
    """A commit was asked for although some rows of an array were never written."""


class ReferenceMovedError(StoreError):
    """Somebody appended to a reference between reading its head and appending."""
