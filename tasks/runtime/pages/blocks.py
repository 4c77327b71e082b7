"""What a section is made of; `page.html.j2` knows how each kind looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Facts:
    """Numbers that stand out, each with what it counts."""

    values: Sequence[tuple[str, str]]
    kind: str = "facts"


@dataclass(frozen=True)
class Chart:
    """A drawing (SVG) and what it shows, in a sentence."""

    svg: str
    caption: str
    kind: str = "chart"


@dataclass(frozen=True)
class Table:
    """Rows below a header; the first column names the row, the ``marked`` row stands out; numbers, or ``words``."""

    header: Sequence[str]
    rows: Sequence[Sequence[Any]]
    title: str = ""
    marked: str | None = None
    words: bool = False
    kind: str = "table"


@dataclass(frozen=True)
class Cell:
    """A value of a table with a smaller line below it."""

    value: str
    note: str


@dataclass(frozen=True)
class Card:
    """An item: title, category, and a line of its own."""

    title: str
    category: str
    note: str = ""


@dataclass(frozen=True)
class Cards:
    """An item and what belongs to it."""

    query: Card
    found: Sequence[Card]
    kind: str = "cards"


@dataclass(frozen=True)
class Link:
    """A page beside the report."""

    href: str
    text: str
    kind: str = "link"


Block = Facts | Chart | Table | Cards | Link


@dataclass(frozen=True)
class Section:
    """A heading, what is to be seen in a sentence or two, and the blocks."""

    title: str
    note: str
    blocks: Sequence[Block] = field(default_factory=tuple)

    @property
    def anchor(self) -> str:
        """Where links lead."""
        return self.title.lower().replace(" ", "-")
