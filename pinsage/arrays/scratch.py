"""Arrays of every item while something is computed: in memory, or in files without names where they may not fit."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike


class Scratch(NamedTuple):
    """Where such arrays lie, and how many of their rows are worked on at once.

    Attributes:
        folder: Folder on a disk, created when needed; None = in memory.
        chunk_rows: Rows worked on at once.
    """

    folder: Path | None = None
    chunk_rows: int = 65_536

    def array(self, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
        """A new array of zeros; of one in a folder, the system may write pages to the disk when memory is short.

        Its file has no name and is gone with its last user, killed or not.

        Raises:
            OSError: The folder can't be written, or its disk is full.
        """
        num_bytes = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        if self.folder is None or not num_bytes:  # an empty file cannot be mapped
            return np.zeros(shape, dtype)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder) as file:
                # A full disk is an error here; met through the map it would be a SIGBUS.
                os.posix_fallocate(file.fileno(), 0, num_bytes)
                return np.asarray(np.memmap(file, dtype, "r+", shape=shape))
        except OSError as error:
            message = (
                f"{num_bytes:,} bytes of scratch: {error.strerror}; point PINSAGE_CACHE to a folder with that room"
            )
            raise OSError(error.errno, message, str(self.folder)) from None

    def chunks(self, num_rows: int) -> Iterator[slice]:
        """Ranges of rows, in order."""
        for start in range(0, num_rows, self.chunk_rows):
            yield slice(start, min(start + self.chunk_rows, num_rows))


IN_MEMORY = Scratch()
