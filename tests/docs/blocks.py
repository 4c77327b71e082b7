"""The fenced blocks of a Markdown page, and what a reader does with each: type it, save it, or only look at it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SHELLS = ("bash", "sh", "shell", "console")
# A block without a language is typed when a line of it starts with one of these.
PROGRAMS = (
    "pinsage", "make", "python", "python3", "pip", "airflow", "curl", "docker", "helm", "openssl", "export", "diff",
)  # fmt: skip
TYPED = re.compile(rf"^(?:\w+=\S+ )*(?:\w+=\$\(|\.venv/|(?:{'|'.join(PROGRAMS)})\s)", re.MULTILINE)
FENCE = re.compile(r"^```(?P<language>\w*)(?: title=\"(?P<title>[^\"]+)\")?$")
NOT_RUN = re.compile(r"^<!-- not run: (?P<reason>.*) -->$")
EXIT_CODE = re.compile(r"^<!-- exit code (?P<code>\d+) -->$")


@dataclass(frozen=True)
class Block:
    """A fence: where it is, what it holds, and the invisible comment on the line before it."""

    page: str
    line: int
    language: str
    title: str | None
    text: str
    mark: str

    @property
    def typed(self) -> bool:
        """Whether a reader types it into a shell."""
        if self.title:
            return False
        return self.language in SHELLS or (not self.language and TYPED.search(self.text) is not None)

    @property
    def active(self) -> bool:
        """Whether a reader does something with it: types it, saves it under its title, or runs it as Python."""
        return self.typed or self.title is not None or self.language == "python"

    @property
    def reason_not_run(self) -> str | None:
        """Why it is not run here; None for a block that is run."""
        found = NOT_RUN.match(self.mark)
        return found["reason"] if found else None

    @property
    def exit_code(self) -> int:
        """How the shell is to end."""
        found = EXIT_CODE.match(self.mark)
        return int(found["code"]) if found else 0


def blocks_of(path: Path) -> Iterator[Block]:
    """Every fenced block of a page, in order.

    Raises:
        ValueError: A fence is not closed, or starts in a way that is not understood.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    start: int | None = None
    for number, line in enumerate(lines):
        if not line.startswith("```"):
            continue
        if start is None:
            start = number
            continue
        opened = FENCE.match(lines[start])
        if opened is None or line != "```":
            raise ValueError(f"{path.name} line {start + 1}: got {lines[start]!r} to {line!r}, expected a plain fence")
        mark = lines[start - 1] if start else ""
        text = "\n".join(lines[start + 1 : number])
        yield Block(path.name, start + 1, opened["language"], opened["title"], text, mark)
        start = None
    if start is not None:
        raise ValueError(f"{path.name} line {start + 1}: the fence is not closed")
