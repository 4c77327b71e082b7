"""Memory that the machine has before a measurement, instead of fetching it from a host in the middle.

A virtual machine whose host takes free memory back pays for every page that it uses anew (12 microseconds, measured:
2.8 s a gigabyte of files, thirty times what copying them costs). That is a property of the host, not of what writes.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

PIECE_BYTES = 64 << 20
AHEAD_BYTES = 4 * PIECE_BYTES


class WarmPages:
    """Files whose pages are handed to the files that a measured process writes, as fast as these grow.

    Args:
        folder: Where they lie; made, and removed with the files in the end.
        num_bytes: What the measured process will write; no page is held for 0.
    """

    def __init__(self, folder: Path, num_bytes: int) -> None:
        folder.mkdir()
        self._folder = folder
        self._freed = 0
        piece = bytes(PIECE_BYTES)
        num_files = -(-(num_bytes + AHEAD_BYTES) // PIECE_BYTES) if num_bytes else 0
        self._files = [folder / str(number) for number in range(num_files)]
        for file in self._files:
            file.write_bytes(piece)

    def __enter__(self) -> Self:
        return self

    def give(self, grown_bytes: int) -> None:
        """Free pages for what has been written by now and a little more."""
        while self._files and self._freed < grown_bytes + AHEAD_BYTES:
            self._files.pop().unlink()
            self._freed += PIECE_BYTES

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files:
            file.unlink()
        self._folder.rmdir()


def bytes_below(folders: list[Path]) -> int:
    """Bytes of the files in some folders, of which any may vanish meanwhile."""
    grown = 0
    for folder in folders:
        for file in folder.rglob("*"):
            try:
                grown += file.stat().st_size
            except FileNotFoundError:
                continue
    return grown
