"""Canonical JSON and the digests that name versions and compare content.

A **fingerprint** says what a version is made from; it is known before the work starts. A **content digest** says what
came out; it is the same for every number of workers and every chunk size, because arrays are digested in fixed blocks
of rows that no chunk may cut.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

STORE_FORMAT = 1
BLOCK_ROWS = 4096
_READ_BYTES = 1 << 20


def plain(value: Any) -> Any:
    """Turn pydantic models, tuples, paths and numpy scalars into plain JSON values."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def canonical_json(value: Any) -> bytes:
    """Serialise to the one JSON text that equal values share: sorted keys, no spaces, UTF-8, no NaN."""
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def digest_of(value: Any) -> str:
    """SHA-256 of the canonical JSON of ``value``, in hex."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex, read in pieces of 1 MiB."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def block_digests(array: np.ndarray) -> list[str]:
    """SHA-256 of every ``BLOCK_ROWS`` rows of an array (its first axis), in hex; the last block may be shorter."""
    rows = np.ascontiguousarray(array)
    return [
        hashlib.sha256(rows[start : start + BLOCK_ROWS].reshape(-1).view(np.uint8).data).hexdigest()
        for start in range(0, len(rows), BLOCK_ROWS)
    ]


def array_digest(header: bytes, blocks: Iterable[str]) -> str:
    """SHA-256 of an array's header and of its blocks' digests, in hex: no byte of the array is hashed twice."""
    digest = hashlib.sha256(header)
    for block in blocks:
        digest.update(bytes.fromhex(block))
    return digest.hexdigest()


def array_file_digest(path: Path, num_rows: int, row_bytes: int) -> str:
    """The `array_digest` of a file that ends with ``num_rows`` rows of ``row_bytes`` bytes each."""
    with path.open("rb") as file:
        header = file.read(max(path.stat().st_size - num_rows * row_bytes, 0))
        blocks = []
        while piece := file.read(BLOCK_ROWS * row_bytes):
            blocks.append(hashlib.sha256(piece).hexdigest())
    return array_digest(header, blocks)


def whole_blocks(pieces: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Cut pieces of an array anew, so that each but the last holds whole blocks of ``BLOCK_ROWS`` rows."""
    rest: np.ndarray | None = None
    for piece in pieces:
        if rest is not None and len(rest):
            wanted = BLOCK_ROWS - len(rest)
            rest, piece = np.concatenate([rest, piece[:wanted]]), piece[wanted:]
            if len(rest) < BLOCK_ROWS:
                continue
            yield rest
        stop = len(piece) - len(piece) % BLOCK_ROWS
        if stop:
            yield piece[:stop]
        rest = piece[stop:]
    if rest is not None and len(rest):
        yield rest
