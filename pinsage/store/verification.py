"""Which local files are known to hold what their manifests say.

A committed file never changes, so it is hashed once and known by its identity afterwards: device, inode, size, and
the times of its last writing and of its last change, of which no program can set the latter back. A process remembers
what it hashed. Large files are also marked in the cache: the 64 processes that embed a layer would otherwise each hash
the whole layer below. A mark counts on the boot of the host that made it, for an hour: a disk that decays without
changing those times is found by whoever looks later.

What is remembered or marked may only spare work. It is believed where it says what the manifest says; otherwise the
file itself is hashed, and only its own bytes can make it a damaged one.

A file that has the times and the size it had is taken for unchanged. A write through a shared writable map is not seen
until the system writes the page back and sets the time (``msync``, or half a minute later); a write to the disk below
the file system is never seen. The store maps its files read-only and never writes to a committed one.
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


def verified_digest(
    path: Path, cache_folder: Path, digest: Callable[[Path], str] = file_digest, expected: str | None = None
) -> str:
    """SHA-256 of a local file by ``digest``; computed once for an unchanged file, see the module's docstring.

    Args:
        path: The file.
        cache_folder: Where the marks lie.
        digest: Computes it.
        expected: What it must be: a memory or mark that says anything else is not believed.
    """
    identity = _identity(path)
    for known in (_verified.get(identity), _marked(identity, cache_folder)):
        if known is not None and expected in (None, known):
            _verified[identity] = known
            return known
    computed = digest(path)
    if _identity(path) == identity:
        _remember(identity, computed, cache_folder)
    return computed


def digest_is_known(path: Path, sha256: str, cache_folder: Path) -> None:
    """Spare a file that this process has just written from being hashed again."""
    _remember(_identity(path), sha256, cache_folder)


def _remember(identity: _Identity, sha256: str, cache_folder: Path) -> None:
    _verified[identity] = sha256
    if identity[2] < MARKED_BYTES:
        return
    mark = _mark(identity, cache_folder)
    with suppress(OSError):  # a cache that cannot be written costs time alone
        mark.parent.mkdir(parents=True, exist_ok=True)
        staged = mark.with_name(f"{STAGED_PREFIX}{secrets.token_hex(8)}")
        try:
            staged.write_bytes(_text(identity, sha256))
            staged.replace(mark)
        finally:
            staged.unlink(missing_ok=True)


def _marked(identity: _Identity, cache_folder: Path) -> str | None:
    mark = _mark(identity, cache_folder)
    try:
        age = time.time() - mark.stat().st_mtime
        text = mark.read_bytes() if 0 <= age < MARK_SECONDS else b""
    except OSError:
        return None
    sha256 = text[:64].decode("ascii", "replace")
    return sha256 if text == _text(identity, sha256) else None


def _text(identity: _Identity, sha256: str) -> bytes:
    """What a mark holds: the digest, and a digest of the mark itself that tells a damaged one."""
    return f"{sha256} {digest_of([*identity, sha256])}\n".encode()


def _mark(identity: _Identity, cache_folder: Path) -> Path:
    return cache_folder / MARKS / _boot() / digest_of(identity)


@cache
def _boot() -> str:
    """The host since it was started; a cache may be shared by hosts."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _identity(path: Path) -> _Identity:
    stat = path.stat()
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
