"""Which files a delivery consists of, and what the names of its folders say; the files themselves are not read here."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from tasks.data.ingestion.columns import IngestError

EXPECTED = "expected Parquet, CSV in UTF-8 or JSON lines, one file or a folder of one kind"
_NULL = "__HIVE_DEFAULT_PARTITION__"
_PACKED = r"(\.(gz|bz2|zst))?$"
_KINDS = {"CSV": re.compile(r"\.(csv|tsv|txt)" + _PACKED), "JSON": re.compile(r"\.(jsonl|ndjson|json)" + _PACKED)}
_ADVICE = {
    "Delta Lake": "`DeltaTable(path).to_pyarrow_table()` of deltalake",
    "Apache Iceberg": "`table.scan().to_arrow()` of pyiceberg",
    "Apache Hudi": "`spark.read.format('hudi')`",
}


@dataclass(frozen=True)
class DeliveredFile:
    """A file of a delivery.

    Attributes:
        path: Its path.
        keys: What the names of its folders say, column by column: ``board_id=007`` is the text 007.
    """

    path: str
    keys: dict[str, str | None] = field(default_factory=dict)


def kind_of(name: str) -> str:
    """CSV, JSON or Parquet: what a file's name says."""
    return next((kind for kind, pattern in _KINDS.items() if pattern.search(name.lower())), "Parquet")


def delivered_files(path: Path) -> list[DeliveredFile]:
    """The files below ``path``, or itself, in the order of their names; hidden ones and markers are left out.

    Raises:
        IngestError: There is nothing to read, files are of several kinds, or the folder is a table of Delta Lake,
            Iceberg or Hudi: some of its files hold rows that were deleted.
    """
    if not path.exists():
        raise IngestError(f"{path}: no such file; {EXPECTED}")
    for folder in dict.fromkeys([path, *path.absolute().parents, *path.resolve().parents]):
        _refuse_lakehouse(path, folder)
    if not path.is_dir():
        _require_file(path)
        return [DeliveredFile(str(path))]
    files = sorted(_walk(path, path, ()), key=lambda file: file.path)
    kinds = {kind_of(file.path): file.path for file in files}
    if len(kinds) != 1:
        examples = ", ".join(f"{kind} ({example})" for kind, example in kinds.items())
        raise IngestError(
            f"{path}: {f'files of several kinds: {examples}' if kinds else 'nothing to read'}; {EXPECTED}"
        )
    return files


def _walk(top: Path, folder: Path, above: tuple[Path, ...]) -> Iterator[DeliveredFile]:
    real = folder.resolve()
    if real in above:
        raise IngestError(f"{folder}: a link to a folder that it lies in; nothing was written")
    try:
        entries = [entry for entry in folder.iterdir() if not _is_hidden(entry.name)]
        for entry in entries:
            if entry.is_dir():
                _refuse_lakehouse(top, entry)
                yield from _walk(top, entry, (*above, real))
            else:
                _require_file(entry)
                yield DeliveredFile(str(entry), _keys(entry.relative_to(top).parts[:-1]))
    except OSError as error:
        raise IngestError(f"{folder}: {error.strerror}; nothing was written") from None


def _is_hidden(name: str) -> bool:
    # As Spark has it: _SUCCESS and _temporary are its own, _day=1 is a column.
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


def _keys(folders: tuple[str, ...]) -> dict[str, str | None]:
    pairs = [folder.partition("=") for folder in folders if "=" in folder[1:]]
    return {unquote(name): None if value == _NULL else unquote(value) for name, _, value in pairs}


def _require_file(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise IngestError(f"{path}: {error.strerror}; {EXPECTED}") from None
    if not stat.S_ISREG(mode):
        raise IngestError(f"{path}: no regular file, and files are read twice; save it to one first; {EXPECTED}")
    if not os.access(path, os.R_OK):
        raise IngestError(f"{path}: permission denied; {EXPECTED}")


def _refuse_lakehouse(path: Path, folder: Path) -> None:
    marker, system = _lakehouse(folder)
    if marker is not None:
        raise IngestError(
            f"{path}: {marker} makes {folder} a table of {system}, whose folder also holds deleted and replaced rows; "
            f"write the rows in force to Parquet, for instance with {_ADVICE[system]}, and deliver that; nothing was "
            "written"
        )


def _lakehouse(folder: Path) -> tuple[Path | None, str]:
    for name, system in (("_delta_log", "Delta Lake"), (".hoodie", "Apache Hudi")):
        if (folder / name).is_dir():
            return folder / name, system
    # Both v3.metadata.json of file catalogs and 00003-<uuid>.metadata.json, packed or not.
    metadata = next((folder / "metadata").glob("*.metadata.json*"), None)
    return metadata, "Apache Iceberg"
