"""The probe of a storage: two attempts must never both create one key."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from pinsage.store.digests import canonical_json
from pinsage.store.errors import UnsafeStoreError

PROBES = "_probes"


class Storage(Protocol):
    """What is probed of an `pinsage.store.objects.Objects`."""

    url: str

    def put_if_absent(self, key: str, data: bytes) -> bytes:
        """Store unless the key is there; return what is stored."""

    def get(self, key: str) -> bytes | None:
        """Read, or None."""

    def delete(self, key: str) -> None:
        """Remove, if it is there."""

    def local_path(self, key: str) -> Path | None:
        """Where a local storage keeps the key."""


def probe_conditional_put(objects: Storage) -> None:
    """Create one key twice; the second must not win.

    Raises:
        UnsafeStoreError: It did: two attempts of a task could overwrite each other's commit here.
    """
    key = f"{PROBES}/{secrets.token_hex(8)}.json"
    first, second = canonical_json({"put": 1}), canonical_json({"put": 2})
    try:
        stored = [objects.put_if_absent(key, first), objects.put_if_absent(key, second), objects.get(key)]
    finally:
        objects.delete(key)
        path = objects.local_path(PROBES)
        if isinstance(path, Path):
            with suppress(OSError):  # another probe lies there
                os.rmdir(path)
    if stored != [first, first, first]:
        raise UnsafeStoreError(
            f"store {objects.url}: a second conditional put of {key} replaced the first; expected it to be refused. "
            "Use a file system with hard links or an object store that honours If-None-Match: *"
        )
