"""Scratch files of a stage that sorts more than memory holds; they are memory-mapped, and removed after the commit.

A result is written column by column, then its facts: the name of the facts promises the columns. Every file is written
under another name first and then renamed, so that a killed worker leaves nothing half-done under a promised name.
Nothing is synced: after a power failure a column may be short, which `Spill.has` sees by its size.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pinsage.store.failpoints import failpoint


class Spill:
    """Named results in one folder, which every worker must see.

    Args:
        folder: Named after everything that the results depend on.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, name: str) -> bool:
        """Whether the result is there, whole."""
        facts = self.folder / f"{name}.json"
        if not facts.exists():
            return False
        sizes = json.loads(facts.read_text())["sizes"]
        paths = {column: self._path(name, column) for column in sizes}
        return all(paths[column].exists() and paths[column].stat().st_size == size for column, size in sizes.items())

    def write(
        self, name: str, columns: Mapping[str, np.ndarray | pa.Array], facts: Mapping[str, Any] | None = None
    ) -> None:
        """Write a result.

        Args:
            name: Its name.
            columns: Arrays of any lengths; int64 or large_string ids, rows, keys.
            facts: Small numbers that belong to it, JSON.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        sizes = {}
        for column, array in columns.items():
            arrow = array if isinstance(array, pa.Array) else pa.array(array)
            staged = self._staged()
            table = pa.table({column: arrow})
            with pa.OSFile(str(staged), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table)
            sizes[column] = staged.stat().st_size
            staged.replace(self._path(name, column))
        failpoint("spill.before_facts")
        staged = self._staged()
        staged.write_text(json.dumps({"sizes": sizes, "facts": facts or {}}))
        os.replace(staged, self.folder / f"{name}.json")

    def column(self, name: str, column: str) -> pa.Array:
        """Map one column of a result."""
        with pa.ipc.open_file(pa.memory_map(str(self._path(name, column)))) as reader:
            read = reader.read_all().column(0)
        return read.chunk(0) if read.num_chunks else pa.array([], read.type)

    def facts(self, name: str) -> dict[str, Any]:
        """The facts of a result."""
        found: dict[str, Any] = json.loads((self.folder / f"{name}.json").read_text())["facts"]
        return found

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, name: str, column: str) -> Path:
        return self.folder / f"{name}.{column}.arrow"

    def _staged(self) -> Path:
        return self.folder / f".{secrets.token_hex(8)}"
