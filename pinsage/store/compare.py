"""Which rows of an array differ between two versions: by the digests of their blocks, then row by row."""

from __future__ import annotations

import numpy as np

from pinsage.store.digests import BLOCK_ROWS
from pinsage.store.manifest import FileEntry
from pinsage.store.version import Version


def changed_rows(new: Version, old: Version, name: str, start: int, stop: int) -> np.ndarray:
    """Compare the rows start <= row < stop of an array bit by bit; blocks of equal digest are not read.

    Args:
        new: Has the rows.
        old: May have fewer; rows that it lacks have changed.
        name: The array, in both versions.
        start: A multiple of 4096.
        stop: At most the rows of ``new``.

    Returns:
        bool [stop - start].
    """
    changed = np.ones(stop - start, dtype=np.bool_)
    new_blocks, old_blocks = _blocks(new, name), _blocks(old, name)
    if _row_type(new, name) != _row_type(old, name):
        return changed
    num_old = sum(entry.rows for entry in _entries(old, name))
    new_parts, old_parts = new.parts(name), old.parts(name)
    for first in range(start, min(stop, num_old), BLOCK_ROWS):
        last = min(first + BLOCK_ROWS, stop, num_old)
        block = first // BLOCK_ROWS
        if new_blocks[block] == old_blocks[block]:
            changed[first - start : last - start] = False
            continue
        rows, earlier = (_bits(parts.rows(first, last)) for parts in (new_parts, old_parts))
        changed[first - start : last - start] = (rows != earlier).any(axis=1)
    return changed


def _entries(version: Version, name: str) -> list[FileEntry]:
    return [entry for entry in version.manifest.files if entry.name == name]


def _blocks(version: Version, name: str) -> list[str]:
    return [
        digest for entry in sorted(_entries(version, name), key=lambda entry: entry.start) for digest in entry.blocks
    ]


def _row_type(version: Version, name: str) -> tuple[str, tuple[int, ...]]:
    entry = _entries(version, name)[0]
    return entry.dtype, entry.row_shape


def _bits(rows: np.ndarray) -> np.ndarray:
    """Rows as bytes: NaN equals itself, 0.0 is not -0.0."""
    return np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1)
