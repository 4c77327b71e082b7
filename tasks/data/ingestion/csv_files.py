"""CSV files as programs write them: the delimiter and the dialect are told from the bytes, or stated, never guessed.

Four dialects are read, which differ in quotes and backslashes:

- ``excel``: a quote within quotes is doubled, a backslash is a character as any other (RFC 4180; Excel, pandas,
  PostgreSQL's CSV, BigQuery, Snowflake);
- ``spark``: within quotes a backslash escapes quotes and backslashes, elsewhere it is a character;
- ``mysql``: a backslash escapes anything anywhere (MySQL with ENCLOSED BY, Hive, Python's csv with an escapechar);
- ``text``: the same, and quotes are characters (COPY of PostgreSQL, MySQL's and Hive's tables with tabs); unless it is
  stated, only files with tabs are taken for it.

All files of a delivery are read strictly in each of them. The dialects that fit and that the files show no sign against
must agree on every value; where they differ, the delivery is refused until one is stated.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from tasks.data.ingestion import csv_scan
from tasks.data.ingestion.columns import IngestError
from tasks.data.ingestion.csv_scan import DIALECTS, EXCEL, MYSQL, SPARK, TEXT, Findings
from tasks.data.ingestion.packed import open_bytes

_CHUNK_BYTES = 2**20
_MIN_BLOCK_BYTES = 2**21
_DELIMITERS = ",\t;|\x01"
_BOMS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_STATE = f"state it with --csv-dialect ({', '.join(DIALECTS)}) or deliver Parquet; nothing was written"
_READ_AS = {
    EXCEL: "with backslashes as characters (--csv-dialect excel)",
    SPARK: "with escapes within quotes (--csv-dialect spark)",
    MYSQL: "with escapes everywhere (--csv-dialect mysql)",
    TEXT: "with quotes as characters (--csv-dialect text)",
}


@dataclass(frozen=True)
class CsvOptions:
    r"""What was stated of CSV files.

    Attributes:
        delimiter: One character; None = told from the header.
        dialect: excel, spark, mysql or text; auto = told from the files.
        nulls: Fields that mean no value, besides empty ones and ``\N``.
    """

    delimiter: str | None = None
    dialect: str = "auto"
    nulls: tuple[str, ...] = ()


@dataclass(frozen=True)
class CsvFile:
    """A CSV file whose dialect is known; every column is text."""

    path: str
    names: tuple[str, ...]
    delimiter: str
    encoding: str
    blank_lines: int
    num_rows: int
    longest_row: int
    dialect: int
    nulls: tuple[str, ...]

    def type_of(self, column: str) -> pa.DataType:
        """Text, whatever stands in the column."""
        return pa.string()

    def batches(self, columns: list[str]) -> Iterator[pa.Table]:
        r"""The rows in order; only an empty field, ``\N`` or a stated null is null (NA may be an id)."""
        rewritten = self.dialect != EXCEL
        widest = 4 * self.longest_row + 8 if rewritten else self.longest_row + 2
        text = _Chunks(self._chunks()) if rewritten or self.encoding != "utf-8" else open_bytes(self.path)
        with (
            text,
            pacsv.open_csv(
                text,
                # A row may lie in two blocks, not in three.
                pacsv.ReadOptions(
                    block_size=max(widest, _MIN_BLOCK_BYTES),
                    column_names=self.names,
                    skip_rows=0 if rewritten else self.blank_lines,
                    skip_rows_after_names=1,
                ),
                pacsv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True),
                pacsv.ConvertOptions(
                    column_types=dict.fromkeys(columns, pa.string()),
                    include_columns=columns,
                    null_values=["", "\\N", *self.nulls],
                    strings_can_be_null=True,
                ),
            ) as reader,
        ):
            num_rows = 0
            for batch in reader:
                num_rows += batch.num_rows
                yield pa.Table.from_batches([batch])
        if num_rows != self.num_rows:
            raise IngestError(
                f"{self.path}: {num_rows:,} rows were read and {self.num_rows:,} counted; did the file change? Nothing "
                "was written"
            )

    def _chunks(self) -> Iterator[bytes]:
        if self.dialect == EXCEL:
            yield from _utf8_chunks(self.path, self.encoding)
            return
        state = csv_scan.new_state()
        for chunk in _utf8_chunks(self.path, self.encoding):
            yield self._rewritten(chunk, state)
        yield self._rewritten(b"", state)

    def _rewritten(self, chunk: bytes, state: np.ndarray) -> bytes:
        out = np.empty(4 * len(chunk) + 8, np.uint8)
        length = csv_scan.scan(chunk, self.dialect, self.delimiter, state, out)
        return out[:length].tobytes()


class _Chunks(io.RawIOBase):
    """Chunks of bytes as a file that Arrow reads."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        parts, wanted = [], size if size >= 0 else 2**62
        while wanted:
            self._rest = self._rest or next(self._chunks, b"")
            if not self._rest:
                break
            parts.append(self._rest[:wanted])
            self._rest = self._rest[wanted:]
            wanted -= len(parts[-1])
        return b"".join(parts)


def csv_files(paths: Sequence[str], options: CsvOptions, ids: Sequence[str]) -> list[CsvFile]:
    """The files with their delimiter and common dialect; all of their bytes are read once.

    Args:
        paths: The files of one delivery.
        options: What was stated.
        ids: Columns that must exist; they tell delimiters apart.

    Raises:
        IngestError: A file is no UTF-8 or UTF-16, has no header or names a column twice, rows have differing numbers of
            fields, quotes don't match, or two dialects read the files differently and none was stated.
    """
    scanned = [_Scanned(path, options, ids) for path in paths]
    dialect = _dialect(scanned, options)
    return [
        CsvFile(
            file.path,
            file.names,
            file.delimiter,
            file.encoding,
            file.blank_lines,
            file.seen[dialect].num_rows,
            file.seen[dialect].longest_row,
            dialect,
            options.nulls,
        )
        for file in scanned
    ]


class _Scanned:
    """A file after its first reading: what each dialect that may be the right one makes of it."""

    def __init__(self, path: str, options: CsvOptions, ids: Sequence[str]) -> None:
        self.path = path
        try:
            with open_bytes(path) as file:
                start = file.read(_CHUNK_BYTES)
            self.encoding = _BOMS.get(start[:2], "utf-8")
            text = start.decode(self.encoding, "replace").removeprefix("\ufeff")
            self.delimiter = options.delimiter or _delimiter(path, text, ids)
            self.blank_lines = len(re.findall(r"\r\n|\r|\n", text[: len(text) - len(text.lstrip("\r\n"))]))
            self.names = _names(path, text, self.delimiter, options.dialect)
            if len(self.names) == 1 and not {*ids} <= {*self.names}:
                raise IngestError(
                    f"{path}: no column {', '.join(ids)}; its only column is {self.names[0][:200]!r}: state what "
                    "separates columns with --delimiter; nothing was written"
                )
            stated = [DIALECTS.index(options.dialect)] if options.dialect in DIALECTS else None
            self.has_backslash = False
            self.seen = self._scan(stated)
        except (pa.ArrowException, OSError, csv.Error, UnicodeError) as error:
            raise IngestError(f"{path}: can't be read as CSV: {error}; nothing was written") from None

    def _scan(self, stated: list[int] | None) -> dict[int, Findings]:
        states = {dialect: csv_scan.new_state() for dialect in stated or [EXCEL]}
        if stated is None and self.delimiter in "\t\x01":
            states[TEXT] = csv_scan.new_state()
        decoder = codecs.getincrementaldecoder("utf-8")()
        num_bytes = 0
        for chunk in _utf8_chunks(self.path, self.encoding):
            if b"\\" in chunk and not self.has_backslash:
                self.has_backslash = True
                if stated is None:
                    # Up to the first backslash they are one.
                    states.update({SPARK: states[EXCEL].copy(), MYSQL: states[EXCEL].copy()})
            self._require_utf8(decoder, chunk, states, num_bytes)
            for dialect, state in states.items():
                csv_scan.scan(chunk, dialect, self.delimiter, state)
            num_bytes += len(chunk)
        self._require_utf8(decoder, b"", states, num_bytes)
        for dialect, state in states.items():
            csv_scan.scan(b"", dialect, self.delimiter, state)
        seen = {dialect: csv_scan.findings(state) for dialect, state in states.items()}
        return seen if stated else {SPARK: seen[EXCEL], MYSQL: seen[EXCEL], **seen}

    def _require_utf8(
        self, decoder: codecs.IncrementalDecoder, chunk: bytes, states: dict[int, np.ndarray], num_bytes: int
    ) -> None:
        if chunk.isascii() and chunk and not decoder.getstate()[0]:
            return
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            dialect, state = next(iter(states.items()))
            place = error.start - pending
            csv_scan.scan(chunk[: max(place, 0)] or b" ", dialect, self.delimiter, state)
            byte = error.object[error.start]
            row = _row_name(csv_scan.current_row(state))
            raise IngestError(
                f"{self.path}: {row}: byte {num_bytes + place:,} is 0x{byte:02x}, which is not UTF-8; "
                "`iconv -f cp1252 -t utf-8` converts a file that Windows wrote; nothing was written"
            ) from None


def _utf8_chunks(path: str, encoding: str) -> Iterator[bytes]:
    """The bytes without a byte order mark, those of UTF-16 (Excel's Unicode text) as UTF-8."""
    decoder = codecs.getincrementaldecoder(encoding)() if encoding != "utf-8" else None
    with open_bytes(path) as file:
        is_first = True
        while chunk := file.read(_CHUNK_BYTES):
            if decoder is not None:
                chunk = decoder.decode(chunk).encode()
            yield chunk.removeprefix(codecs.BOM_UTF8) if is_first else chunk
            is_first = False
    if decoder is not None:
        decoder.decode(b"", final=True)


def _delimiter(path: str, text: str, ids: Sequence[str]) -> str:
    header = next((line for line in re.split(r"[\r\n]+", text) if line), "")
    bare = re.sub(r'"(?:[^"]|"")*"', "", header)
    present = [delimiter for delimiter in _DELIMITERS if delimiter in bare]
    if len(present) <= 1:
        return present[0] if present else ","
    fitting = [delimiter for delimiter in present if set(ids) <= set(_names(path, text, delimiter, "auto"))]
    if len(fitting) != 1:
        shown = " and ".join(map(repr, present))
        raise IngestError(
            f"{path}: the header {header[:200]!r} holds {shown}; state which one separates columns with --delimiter; "
            "nothing was written"
        )
    return fitting[0]


def _names(path: str, text: str, delimiter: str, dialect: str) -> tuple[str, ...]:
    """Names of the columns; one without a name is called by its number."""
    quoting: Literal[0, 3] = csv.QUOTE_NONE if dialect == "text" else csv.QUOTE_MINIMAL
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting)
    header = next((row for row in rows if row), [])
    names = tuple(_bare(name) or f"(column {number})" for number, name in enumerate(header, 1))
    if not names:
        raise IngestError(f"{path}: the file is empty; expected a header with the names of the columns")
    if "\0" in header[0]:
        raise IngestError(f"{path}: the header holds NUL bytes; expected UTF-8, or UTF-16 with a byte order mark")
    for name in names:
        if names.count(name) > 1:
            raise IngestError(f"{path}: multiple columns named {name}; rename all but one; nothing was written")
    return names


def _bare(name: str) -> str:
    """The name without spaces, and without quotes that a space before them made characters."""
    name = name.strip()
    return name[1:-1].strip() if len(name) > 1 and name[0] == name[-1] == '"' else name


def _dialect(files: Sequence[_Scanned], options: CsvOptions) -> int:
    if options.dialect != "auto":
        dialect = DIALECTS.index(options.dialect)
        _require_fit(files, dialect, f"--csv-dialect {options.dialect} was given")
        return dialect
    if not any(file.has_backslash for file in files):
        _require_fit(files, EXCEL, "quotes within quotes are doubled")
        _require_same_rows(files)
        return EXCEL
    candidates = [dialect for dialect in range(len(DIALECTS)) if all(dialect in file.seen for file in files)]
    fitting = [
        dialect
        for dialect in candidates
        if all(_reason(dialect, file.seen[dialect], strict=True) is None for file in files)
    ]
    if not fitting:
        _refuse(files)
    if TEXT in fitting and any(file.seen[TEXT].has_nulls for file in files) and not _have_quotes(files):
        return TEXT  # \N is how the programs that write no quotes write null
    readings = {tuple(file.seen[dialect].fingerprint for file in files): dialect for dialect in reversed(fitting)}
    if len(readings) > 1:
        ways = " or ".join(_READ_AS[dialect] for dialect in sorted(readings.values()))
        raise IngestError(f"{_first_escape(files, fitting)} can be read {ways}: {_STATE}")
    return readings.popitem()[1]


def _require_same_rows(files: Sequence[_Scanned]) -> None:
    """Check that two titles of one quote each, from a program that knows no quotes, do not swallow the rows between."""
    for file in files:
        seen = file.seen.get(TEXT)
        if seen is not None and not seen.fault and seen.num_rows != file.seen[EXCEL].num_rows:
            raise IngestError(
                f"{file.path}: {file.seen[EXCEL].num_rows:,} rows if quotes enclose fields (--csv-dialect excel), "
                f"{seen.num_rows:,} rows if they are characters (--csv-dialect text): {_STATE}"
            )


def _first_escape(files: Sequence[_Scanned], dialects: Sequence[int]) -> str:
    for file in files:
        rows = [file.seen[dialect].escape_row for dialect in dialects]
        if max(rows) >= 0:
            return f"{file.path}: {_row_name(min(row for row in rows if row >= 0))}: backslashes"
    return f"{files[0].path}: quotes"  # the only backslashes are those of \N


def _have_quotes(files: Sequence[_Scanned]) -> bool:
    return any(file.seen[EXCEL].has_quotes for file in files)


def _require_fit(files: Sequence[_Scanned], dialect: int, why: str) -> None:
    for file in files:
        reason = _reason(dialect, file.seen[dialect], strict=False)
        if reason is not None:
            hint = f" ({why})" if file.seen[dialect].fault != csv_scan.RAGGED else ""
            raise IngestError(
                f"{file.path}: {reason}{hint}; repair the file, or state --delimiter and --csv-dialect; nothing "
                "was written"
            )


def _refuse(files: Sequence[_Scanned]) -> None:
    reasons = {}
    for dialect in (EXCEL, SPARK):
        file = next(file for file in files if _reason(dialect, file.seen[dialect], strict=True) is not None)
        reasons[dialect] = f"{file.path}: {_reason(dialect, file.seen[dialect], strict=True)}"
    raise IngestError(
        f"{reasons[EXCEL]}, if quotes within quotes are doubled; {reasons[SPARK]}, if a backslash escapes them; "
        f"expected one of the two in all files: {_STATE}"
    )


def _reason(dialect: int, seen: Findings, *, strict: bool) -> str | None:
    """Why the bytes don't fit, or with ``strict`` are not as the dialect's own programs write them."""
    row = _row_name(seen.fault_row)
    if seen.fault == csv_scan.RAGGED:
        return f"{row}: Expected {seen.num_fields} columns, got {seen.fault_detail}"
    if seen.fault == csv_scan.TEXT_AFTER_QUOTE:
        return f"{row}: {chr(seen.fault_detail)!r} follows a closing quote, expected a delimiter or the end of the row"
    if seen.fault == csv_scan.OPEN_QUOTE:
        return f"{row}: a quote is opened and never closed"
    if seen.fault == csv_scan.BAD_ESCAPE:
        return f"{row}: a backslash before {chr(seen.fault_detail)!r} means nothing"
    if strict and dialect != EXCEL and seen.odd_row >= 0:
        return f"{_row_name(seen.odd_row)}: {chr(seen.odd_byte)!r} stands where no program writes it"
    if strict and dialect in (SPARK, MYSQL) and seen.doubled_row >= 0:
        return f"{_row_name(seen.doubled_row)}: a quote is doubled"
    return None


def _row_name(row: int) -> str:
    return f"row {row}" if row > 0 else "header"
