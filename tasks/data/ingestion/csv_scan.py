"""A strict reader of CSV bytes in several dialects at once: it tells whether they fit a dialect, and rewrites them.

Arrow's parser is fast and lenient: text after a closing quote is joined to the field, an open quote at the end of the
file is closed, and an escape character swallows every backslash. Here all of these are faults, with their row. What a
dialect escapes by backslashes is rewritten with every field in quotes, as Arrow reads it exactly.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

EXCEL, SPARK, MYSQL, TEXT = range(4)
DIALECTS = ("excel", "spark", "mysql", "text")

# Places in the state, int64 [NUM_STATE].
_MODE, _ROW, _FIELD, _EXPECTED, _ROW_BYTES, _LONGEST, _AFTER_CR, _HASH = range(8)
_FAULT, _FAULT_ROW, _FAULT_DETAIL, _DOUBLED_ROW, _ODD_ROW, _ODD_BYTE, _QUOTED, _NULLS, _ESCAPE_ROW = range(8, 17)
NUM_STATE = 17

_START, _UNQUOTED, _QUOTED_FIELD, _AFTER_QUOTE, _QUOTED_ESCAPE, _ESCAPE, _NULL_BACKSLASH, _NULL = range(8)
RAGGED, TEXT_AFTER_QUOTE, OPEN_QUOTE, BAD_ESCAPE = range(1, 5)
_QUOTE, _BACKSLASH, _CR, _LF, _N = 34, 92, 13, 10, 78
_HASH_START, _HASH_PRIME = 0x0BF29CE484222325, 0x100000001B3


class Findings(NamedTuple):
    r"""What a scan saw, up to where it got; rows are counted from 1, without the header and blank lines.

    Attributes:
        num_rows: Rows without the header.
        longest_row: Bytes of the longest row.
        fault: RAGGED, TEXT_AFTER_QUOTE, OPEN_QUOTE, BAD_ESCAPE, or 0 when the bytes fit the dialect.
        fault_row: Its row, 0 for the header.
        fault_detail: Number of fields of a ragged row, or the byte after the backslash of a bad escape.
        num_fields: Fields of the header.
        doubled_row: Row of the first doubled quote within quotes, or -1.
        odd_row: Row of the first byte as the dialect's own programs never write it, or -1.
        odd_byte: That byte.
        escape_row: Row of the first backslash that was read as an escape, or -1.
        has_quotes: Whether any field is quoted.
        has_nulls: Whether any field is ``\N`` without quotes.
        fingerprint: Equal for dialects that read the bytes alike.
    """

    num_rows: int
    longest_row: int
    fault: int
    fault_row: int
    fault_detail: int
    num_fields: int
    doubled_row: int
    odd_row: int
    odd_byte: int
    escape_row: int
    has_quotes: bool
    has_nulls: bool
    fingerprint: int


def new_state() -> np.ndarray:
    """State of a scan that has seen nothing."""
    state = np.zeros(NUM_STATE, np.int64)
    state[[_DOUBLED_ROW, _ODD_ROW, _ESCAPE_ROW]] = -1
    state[_HASH] = _HASH_START
    return state


def findings(state: np.ndarray) -> Findings:
    """What the scan with this state saw."""
    value = [int(number) for number in state]
    return Findings(
        num_rows=max(value[_ROW] - 1, 0),
        longest_row=value[_LONGEST],
        fault=value[_FAULT],
        fault_row=value[_FAULT_ROW],
        fault_detail=value[_FAULT_DETAIL],
        num_fields=value[_EXPECTED],
        doubled_row=value[_DOUBLED_ROW],
        odd_row=value[_ODD_ROW],
        odd_byte=value[_ODD_BYTE],
        escape_row=value[_ESCAPE_ROW],
        has_quotes=bool(value[_QUOTED]),
        has_nulls=bool(value[_NULLS]),
        fingerprint=value[_HASH],
    )


def current_row(state: np.ndarray) -> int:
    """The row that the scan is in, 0 for the header."""
    return int(state[_ROW])


def scan(
    data: bytes | memoryview, dialect: int, delimiter: str, state: np.ndarray, out: np.ndarray | None = None
) -> int:
    """Go on with more bytes; the scan's state is updated.

    Args:
        data: The next bytes, without a byte order mark; b"" = the end of the file.
        dialect: EXCEL, SPARK, MYSQL or TEXT.
        delimiter: One ASCII character.
        state: From `new_state`; of this dialect alone, or a copy of EXCEL's as long as no backslash was met.
        out: uint8, receives the rows in quotes, at least ``4 * len(data) + 8`` long; None = nothing is rewritten.

    Returns:
        Number of bytes written to ``out``.
    """
    target = np.empty(0, np.uint8) if out is None else out
    given = np.frombuffer(data, np.uint8)
    return int(_scan(given, dialect, ord(delimiter), state, target, out is not None, len(given) == 0))


@njit(nogil=True, cache=True)
def _put(byte: int, out: np.ndarray, length: int, rewrites: bool) -> int:
    if rewrites:
        out[length] = byte
        length += 1
        if byte == _QUOTE:
            out[length] = byte
            length += 1
    return length


@njit(nogil=True, cache=True)
def _mixed(hashed: Any, byte: int) -> Any:
    return (hashed ^ byte) * _HASH_PRIME


@njit(nogil=True, cache=True)
def _unescaped(byte: int) -> int:
    """The byte that MySQL and PostgreSQL mean by a letter after a backslash, or -1."""
    if byte == 48:  # 0
        return 0
    if byte == 98:  # b
        return 8
    if byte == 102:  # f
        return 12
    if byte == 110:  # n
        return 10
    if byte == 114:  # r
        return 13
    if byte == 116:  # t
        return 9
    if byte == 118:  # v
        return 11
    if byte == 90:  # Z
        return 26
    return -1


@njit(nogil=True, cache=True)
def _scan(
    data: np.ndarray, dialect: int, delimiter: int, state: np.ndarray, out: np.ndarray, rewrites: bool, at_end: bool
) -> int:
    mode, row, field, expected = state[_MODE], state[_ROW], state[_FIELD], state[_EXPECTED]
    row_bytes, longest, after_cr, mixed = state[_ROW_BYTES], state[_LONGEST], state[_AFTER_CR], state[_HASH]
    escapes_anywhere = dialect in (MYSQL, TEXT)
    escapes_in_quotes = dialect in (SPARK, MYSQL)
    fault, detail, length, step = 0, 0, 0, 0
    byte: Any
    given: Any
    stops = np.zeros(256, np.bool_)  # bytes that mean something outside quotes
    stops[_CR] = stops[_LF] = stops[_BACKSLASH] = stops[delimiter] = True
    stops[_QUOTE] = dialect == SPARK
    num_steps = len(data) + 1 if at_end else len(data)
    while step < num_steps:
        # The inside of values, in loops as tight as they get.
        begin = step
        if mode == _UNQUOTED:
            while step < len(data) and not stops[data[step]]:
                mixed = _mixed(mixed, np.int64(data[step]))
                step += 1
        elif mode == _QUOTED_FIELD:
            while step < len(data) and data[step] != _QUOTE and data[step] != _BACKSLASH:
                mixed = _mixed(mixed, np.int64(data[step]))
                step += 1
        if step > begin:
            row_bytes += step - begin
            if rewrites:
                for place in range(begin, step):
                    length = _put(np.int64(data[place]), out, length, True)
            continue
        ends_file = step == len(data)
        byte = _LF if ends_file else np.int64(data[step])
        step += 1
        if ends_file and field == 0 and row_bytes == 0:
            break
        if after_cr:
            after_cr = 0
            if byte == _LF and not ends_file:
                continue
        ends_row = byte in (_CR, _LF)
        if mode == _START and field == 0 and row_bytes == 0 and ends_row:
            continue  # a blank line
        if not ends_file:
            row_bytes += 1
        ends_field = ends_row or byte == delimiter
        given = -1  # what this byte adds to the value
        if mode == _START and rewrites:
            out[length] = _QUOTE
            length += 1

        if mode == _NULL_BACKSLASH:
            if byte == _N:
                mode = _NULL
                continue
            mode = _ESCAPE if escapes_anywhere and not ends_file else _UNQUOTED
            if mode == _UNQUOTED:
                length, mixed = _put(_BACKSLASH, out, length, rewrites), _mixed(mixed, _BACKSLASH)
        elif mode == _NULL:
            if ends_field:
                state[_NULLS] = 1
                mixed = _mixed(mixed, 258)
            else:
                if escapes_anywhere:
                    fault, detail = BAD_ESCAPE, _N
                length, mixed = _put(_BACKSLASH, out, length, rewrites), _mixed(mixed, _BACKSLASH)
                length, mixed = _put(_N, out, length, rewrites), _mixed(mixed, _N)
            mode = _UNQUOTED

        if mode in (_ESCAPE, _QUOTED_ESCAPE):
            mode = _UNQUOTED if mode == _ESCAPE else _QUOTED_FIELD
            if state[_ESCAPE_ROW] < 0:
                state[_ESCAPE_ROW] = row
            ends_field = ends_file
            letter = _unescaped(byte) if escapes_anywhere else -1
            if ends_file or not (
                byte in (_BACKSLASH, _QUOTE) or (escapes_anywhere and (ends_row or byte == delimiter))
            ):
                common = dialect == TEXT or byte == 48  # MySQL writes no other letter, PostgreSQL does
                if state[_ODD_ROW] < 0 and not (letter >= 0 and common):
                    state[_ODD_ROW], state[_ODD_BYTE] = row, byte
                if letter < 0:
                    if escapes_anywhere:
                        fault, detail = BAD_ESCAPE, byte
                    length, mixed = _put(_BACKSLASH, out, length, rewrites), _mixed(mixed, _BACKSLASH)
            elif dialect == TEXT and byte == _QUOTE and state[_ODD_ROW] < 0:
                state[_ODD_ROW], state[_ODD_BYTE] = row, byte
            if not ends_file:
                given = letter if letter >= 0 else byte
        elif mode == _QUOTED_FIELD:
            ends_field = False
            if byte == _QUOTE:
                mode = _AFTER_QUOTE
            elif escapes_in_quotes and byte == _BACKSLASH:
                mode = _QUOTED_ESCAPE
            elif not ends_file:
                given = byte
        elif mode == _AFTER_QUOTE:
            if byte == _QUOTE:
                mode, given = _QUOTED_FIELD, byte
                if state[_DOUBLED_ROW] < 0:
                    state[_DOUBLED_ROW] = row
            elif not ends_field:
                mode, given = _UNQUOTED, byte
                fault, detail = TEXT_AFTER_QUOTE, byte
        elif not ends_field:
            if mode == _START and byte == _QUOTE and dialect != TEXT:
                mode = _QUOTED_FIELD
                state[_QUOTED] = 1
            elif byte == _BACKSLASH and mode == _START:
                mode = _NULL_BACKSLASH
            elif byte == _BACKSLASH and escapes_anywhere:
                mode = _ESCAPE
            else:
                if byte == _QUOTE and dialect == SPARK and state[_ODD_ROW] < 0:
                    state[_ODD_ROW], state[_ODD_BYTE] = row, byte  # Spark puts such a field in quotes
                mode, given = _UNQUOTED, byte

        if ends_file and mode == _QUOTED_FIELD:
            fault, ends_field = OPEN_QUOTE, True
        if given >= 0:
            length, mixed = _put(given, out, length, rewrites), _mixed(mixed, given)
        if ends_field:
            mode = _START
            field += 1
            mixed = _mixed(mixed, (257 if ends_row else 256))
            if rewrites:
                out[length] = _QUOTE
                out[length + 1] = byte if not ends_row else _LF
                length += 2
            if ends_row:
                if expected == 0:
                    expected = field
                elif field != expected and fault == 0:
                    fault, detail = RAGGED, field
                longest = max(longest, row_bytes)
        if fault and state[_FAULT] == 0:
            state[_FAULT], state[_FAULT_ROW], state[_FAULT_DETAIL] = fault, row, detail
        fault = 0
        if ends_field and ends_row:
            row, field, row_bytes = row + 1, 0, 0
            after_cr = 1 if byte == _CR else 0
    state[_MODE], state[_ROW], state[_FIELD], state[_EXPECTED] = mode, row, field, expected
    state[_ROW_BYTES], state[_LONGEST], state[_AFTER_CR], state[_HASH] = (
        row_bytes,
        max(longest, row_bytes),
        after_cr,
        mixed,
    )
    return length
