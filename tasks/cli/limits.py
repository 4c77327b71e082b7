"""What the system would not give, in words: space, open files, processes, memory; and a damaged cache of kernels."""

from __future__ import annotations

import errno
import os
import re
import resource
import traceback
from collections.abc import Iterator

ADVICE = {
    errno.ENOSPC: "free space where it was written: in the store, the cache folder (PINSAGE_CACHE) or TMPDIR",
    errno.EDQUOT: "the quota is used up: free space, or ask for more",
    errno.EFBIG: "a file may not grow further: raise the limit (`ulimit -f`)",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`), or lower resources.workers",
    errno.ENFILE: "the machine has too many open files: end other programs, or lower resources.workers",
    errno.EAGAIN: "no more processes or threads may be started: raise the limit (`ulimit -u`), or lower "
    "resources.workers and resources.threads",
    errno.ENOMEM: "the memory does not suffice: lower resources.workers or resources.chunk_rows, or give more",
    errno.EROFS: "it can only be read: choose another folder (PINSAGE_CACHE, TMPDIR, --root), or mount it for writing",
}
# Libraries that are not written in Python say it in text alone.
NUMBER = re.compile(r"(?:\[errno |os error |errno: ?)(\d+)", re.IGNORECASE)
TEXTS = {
    "can't start new thread": errno.EAGAIN,
    "can't allocate memory": errno.ENOMEM,
    "Resource temporarily unavailable": errno.EAGAIN,
    "Too many open files": errno.EMFILE,
    "No space left on device": errno.ENOSPC,
    "Cannot allocate memory": errno.ENOMEM,
}


def limit_met(error: BaseException) -> str | None:
    """Say which limit of the system an error comes from and what to do; None where it comes from none."""
    for cause in _causes(error):
        number = _number(cause)
        if number in ADVICE:
            limit = f" (now {resource.getrlimit(resource.RLIMIT_NOFILE)[0]})" if number == errno.EMFILE else ""
            said, system = _text(error), os.strerror(number)
            if ";" in said:  # it says what to do already
                return said
            named = said if system in said else f"{said}: {system}".removeprefix(": ")
            return f"{named}{limit}; {ADVICE[number]}; what was finished is kept"
    return None


def damaged_kernel(error: BaseException) -> str | None:
    """Say which cache of compiled kernels an error comes from and what to do; None where it comes from none."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_globals.get("__name__") == "numba.core.caching" and not isinstance(error, OSError):
            folder = getattr(frame.f_locals.get("self"), "cache_path", None) or getattr(
                frame.f_locals.get("self"), "_cache_path", "__pycache__ (or NUMBA_CACHE_DIR)"
            )
            return f"a compiled kernel cannot be read: {error}; remove {folder}, it is made again"
    return None


def _text(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, nearest first."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _number(error: BaseException) -> int:
    if isinstance(error, MemoryError):
        return errno.ENOMEM
    if isinstance(error, OSError) and error.errno:
        return error.errno
    text = str(error)
    match = NUMBER.search(text)
    if match:
        return int(match[1])
    return next((number for words, number in TEXTS.items() if words in text), 0)
