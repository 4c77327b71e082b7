"""JSON lines: one object a line. Python reads them: integers of any size are exact, and every error has its row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tasks.data.ingestion.columns import IngestError
from tasks.data.ingestion.file_types import common_type
from tasks.data.ingestion.packed import open_bytes

_BATCH_ROWS = 65_536
_EXPECTED = "expected JSON lines, one object a line; nothing was written"


_MAX_LINE_BYTES = 2**27


@dataclass(frozen=True)
class JsonFile:
    """A file of JSON lines; a key that a row lacks is null there.

    Attributes:
        path: Its path.
        kinds: The type of each column, or why it has none.
    """

    path: str
    kinds: dict[str, pa.DataType | IngestError]

    @property
    def names(self) -> tuple[str, ...]:
        """Its columns."""
        return tuple(self.kinds)

    def type_of(self, column: str) -> pa.DataType:
        """The type that holds all values of a column; null for one that no row has.

        Raises:
            IngestError: There is none.
        """
        kind = self.kinds.get(column, pa.null())
        if isinstance(kind, IngestError):
            raise kind
        return kind

    def batches(self, columns: list[str]) -> Iterator[pa.Table]:
        """The rows in order."""
        row = 1
        for rows in _batches(self.path):
            yield pa.table({name: _array(self.path, row, name, rows, self.type_of(name)) for name in columns})
            row += len(rows)


def json_file(path: str) -> JsonFile:
    """The file with its columns and their types; all of its rows are read once.

    Raises:
        IngestError: A line holds no object.
    """
    places: dict[str, dict[str, pa.DataType]] = {}
    kinds: dict[str, pa.DataType | IngestError] = {}
    row = 1
    for rows in _batches(path):
        for name in dict.fromkeys(key for value in rows for key in value):
            if isinstance(kinds.get(name), IngestError):
                continue
            try:
                kind = _array(path, row, name, rows, None).type
                places.setdefault(name, {}).setdefault(f"{path} from row {row} on", kind)
                kinds[name] = common_type(name, places[name])
            except IngestError as error:
                kinds[name] = error  # of no concern unless the column is asked for
        row += len(rows)
    return JsonFile(path, kinds)


def _batches(path: str) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    row = 0
    try:
        with open_bytes(path) as file:
            for number, line in enumerate(_lines(path, file)):
                text = line.decode().removeprefix("\ufeff" if not number else "").strip()
                if not text:
                    continue
                row += 1
                rows.append(_object(path, row, text))
                if len(rows) == _BATCH_ROWS:
                    yield rows
                    rows = []
    except UnicodeDecodeError as error:
        raise IngestError(f"{path}: row {row + 1}: {error}; {_EXPECTED}") from None
    except (pa.ArrowException, OSError) as error:
        raise IngestError(f"{path}: {error}; {_EXPECTED}") from None
    if rows:
        yield rows


def _lines(path: str, file: pa.NativeFile) -> Iterator[bytes]:
    rest = b""
    while chunk := file.read(2**20):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
        if len(rest) > _MAX_LINE_BYTES:
            raise IngestError(
                f"{path}: a line exceeds {_MAX_LINE_BYTES:,} bytes; `jq -c '.[]'` makes lines of an array; {_EXPECTED}"
            )
    yield rest


def _object(path: str, row: int, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text, object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError) as error:
        advice = ""
        if row == 1 and text[0] in "[{":
            advice = "a file that is one array or one object over several lines becomes lines with `jq -c '.[]'`; "
        raise IngestError(f"{path}: row {row}: {error}; {advice}{_EXPECTED}") from None
    if not isinstance(value, dict):
        advice = "; `jq -c '.[]'` makes lines of an array" if isinstance(value, list) else ""
        raise IngestError(f"{path}: row {row} is {text[:80]!r}{advice}; {_EXPECTED}")
    return value


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError(f"a name is given twice among {', '.join(name for name, _ in pairs)}")
    return made


def _array(path: str, first_row: int, name: str, rows: list[dict[str, Any]], kind: pa.DataType | None) -> pa.Array:
    values = [row.get(name) for row in rows]
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        row, reason = _first_wrong(values, kind)
        raise IngestError(
            f"{path}: column {name}: row {first_row + row} is {json.dumps(values[row])[:80]}: {reason}; write all rows "
            "alike; nothing was written"
        ) from None


def _first_wrong(values: list[Any], kind: pa.DataType | None) -> tuple[int, str]:
    """The first value that makes no array together with those before it, and why."""
    low, high = 0, len(values)  # values[:low] is fine, values[:high] is not
    reason = "no type holds it"
    while high - low > 1:
        middle = (low + high) // 2
        try:
            pa.array(values[:middle], kind)
            low = middle
        except (pa.ArrowException, OverflowError, TypeError, ValueError) as error:
            high, reason = middle, str(error)
    return high - 1, reason
