"""Where logs go."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

from tasks.runtime.terminal_text import printable


def log_to_stderr() -> None:
    """Keep standard output for answers: every line that is logged goes to whatever standard error is at that moment.

    What a line quotes of the data reaches a terminal without its control characters.
    """
    # A progress bar puts a proxy there that prints above it; a test puts a file there that it closes afterwards.
    colors = "NO_COLOR" not in os.environ and ("FORCE_COLOR" in os.environ or sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.StackInfoRenderer(),
            structlog.dev.set_exc_info,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
            _without_control_characters,
            structlog.dev.ConsoleRenderer(colors=colors),
        ],
        logger_factory=_stderr,
    )


def log_entries_to_stdout() -> None:
    """One JSON document a line, ``event`` and ``level`` in it, for a parent process that logs them as its own."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    )


def _without_control_characters(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    return {name: printable(value) if isinstance(value, str) else value for name, value in event.items()}


def _stderr(*_: Any) -> structlog.PrintLogger:
    return structlog.PrintLogger(sys.stderr)
