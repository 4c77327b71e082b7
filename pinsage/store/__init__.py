"""The partition store: idempotent, crash-safe versions on a local folder or an object store."""

from pinsage.store.errors import (
    DamagedVersionError,
    IncompleteVersionError,
    InvalidNameError,
    NondeterminismError,
    ReferenceMovedError,
    StorageDeniedError,
    StorageError,
    StorageFullError,
    StoreError,
    UnknownVersionError,
    UnsafeStoreError,
)
from pinsage.store.references import Reference, ReferenceLog
from pinsage.store.store import Store
from pinsage.store.version import Version
from pinsage.store.write_spec import WriteSpec
from pinsage.store.writer import Writer

__all__ = [
    "DamagedVersionError",
    "IncompleteVersionError",
    "InvalidNameError",
    "NondeterminismError",
    "Reference",
    "ReferenceLog",
    "ReferenceMovedError",
    "Store",
    "StorageDeniedError",
    "StorageError",
    "StorageFullError",
    "StoreError",
    "UnknownVersionError",
    "UnsafeStoreError",
    "Version",
    "WriteSpec",
    "Writer",
]
