"""How far a stage has come: a bar on a terminal, elsewhere a line of the log every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

LINE_SECONDS = 5.0

# The one that every bar is drawn on, so that a bar inside another one's block is drawn below it.
terminal = Console(stderr=True)

log = structlog.get_logger()


@contextmanager
def progress(name: str, total: int) -> Iterator[Callable[[], None]]:
    """Show the progress of ``total`` parts of ``name``; the function that is given is called after each part."""
    done, started = 0, time.monotonic()
    said = started
    columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as bar:
        task = bar.add_task(name, total=total)

        def advance() -> None:
            nonlocal done, said
            done += 1
            bar.advance(task)
            now = time.monotonic()
            if not terminal.is_terminal and (now - said >= LINE_SECONDS or done == total):
                said = now
                log.info(f"{name} chunks", done=done, of=total, seconds=round(now - started, 1))

        yield advance
