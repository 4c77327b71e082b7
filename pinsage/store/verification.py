"""Which local files are known to hold what their manifests say.

A committed file never changes, so it is hashed once and known by its identity afterwards: device, inode, size, and
the times of its last writing and of its last change, of which no program can set the latter back. A process remembers
what it hashed. Large files are also marked in the cache: the 64 processes that embed a layer would otherwise each hash
the whole layer below. A mark counts on the boot of the host that made it, for an hour: a disk that decays without
changing those times is found by whoever looks later.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from pinsage.store.digests import digest_of, file_digest
from pinsage.store.objects import STAGED_PREFIX

MARKS = "verified"
MARKED_BYTES = 4 << 20
MARK_SECONDS = 3600

_Identity = tuple[int, int, int, int, int]
_verified: dict[_Identity, str] = {}


def verified_digest(path: Path, cache_folder: Path, digest: Callable[[Path], str] = file_digest) -> str:
    """SHA-256 of a local file by ``digest``; computed once for an unchanged file, see the module's docstring."""
    identity = _identity(path)
    if identity not in _verified:
        marked = _marked(identity, cache_folder)
        if marked is None:
            digest_is_known(path, digest(path), cache_folder)
        else:
            _verified[identity] = marked
    return _verified[identity]


def digest_is_known(path: Path, sha256: str, cache_folder: Path) -> None:
    """Spare a file that this process has just written or hashed from being hashed again."""
    identity = _identity(path)
    _verified[identity] = sha256
    if identity[2] < MARKED_BYTES:
        return
    mark = _mark(identity, cache_folder)
    with suppress(OSError):  # a cache that cannot be written costs time alone
        mark.parent.mkdir(parents=True, exist_ok=True)
        staged = mark.with_name(f"{STAGED_PREFIX}{secrets.token_hex(8)}")
        staged.write_text(sha256)
        staged.replace(mark)


def _marked(identity: _Identity, cache_folder: Path) -> str | None:
    mark = _mark(identity, cache_folder)
    try:
        age = time.time() - mark.stat().st_mtime
        return mark.read_text() if 0 <= age < MARK_SECONDS else None
    except OSError:
        return None


def _mark(identity: _Identity, cache_folder: Path) -> Path:
    return cache_folder / MARKS / _boot() / digest_of(identity)


@cache
def _boot() -> str:
    """The host since it was started; a cache may be shared by hosts."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _identity(path: Path) -> _Identity:
    stat = path.stat()
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
