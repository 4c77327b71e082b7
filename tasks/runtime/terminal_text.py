"""Text of the data as a terminal may print it: titles, ids and names are whatever was delivered.

A terminal obeys control characters: an escape sequence of a title could recolour the screen, rename the window or hide
what is printed next. JSON has an escape for each of them; what people read goes through `one_line` or `printable`.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from typing import Any

from rich.cells import cell_len, split_graphemes
from rich.text import Text

WIDTH = 80
LINE_WIDTH = 4_000  # of a message: whatever it quotes, what to do stays in sight
CODE_POINTS_PER_CELL = 8  # marks that take no cell of their own may not be endless either
ELLIPSIS = "…"

_BREAKS = re.compile(r"[\t-\r\x1c-\x1f\x85\u2028\u2029]+")
# Emoji and several scripts are written with the joiners; other format characters are invisible, or turn text around.
_JOINERS = "\u200c\u200d"


def one_line(value: Any, width: int = WIDTH) -> str:
    """``value`` on one line of at most ``width`` terminal cells, without control and format characters."""
    text = value if isinstance(value, str) else str(value)
    text = text[: width * CODE_POINTS_PER_CELL + 1]
    cut = _cut(_visible(_BREAKS.sub(" ", text)).strip(), width)
    shortened = len(text) > width * CODE_POINTS_PER_CELL and not cut.endswith(ELLIPSIS)
    return _cut(cut, width - 1) + ELLIPSIS if shortened else cut


def printable(message: str) -> str:
    """A message of our own that may quote data: its lines, each without control characters and of bounded length."""
    return "\n".join(_cut(_visible(line.replace("\t", " ")), LINE_WIDTH) for line in message.split("\n"))


def cell(value: Any, width: int = WIDTH) -> Text:
    """`one_line` as a cell of a table: a row stays a row, and brackets are no markup."""
    return Text(one_line(value, width), no_wrap=True, overflow="ellipsis")


def never_fail_to_print() -> None:
    """Let standard output and error write escapes for what their encoding lacks, instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character
        for character in text
        if character in _JOINERS or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
    )


def _cut(text: str, width: int) -> str:
    """``text`` if it fits, or its beginning and an ellipsis; characters that belong together stay together."""
    if cell_len(text) <= width:
        return text
    size = 0
    for start, _, cells in split_graphemes(text)[0]:
        if size + cells > width - 1:
            return text[:start] + ELLIPSIS
        size += cells
    return text
