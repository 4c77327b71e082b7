"""Where logs go."""

from __future__ import annotations

import sys
from typing import Any

import structlog


def log_to_stderr() -> None:
    """Keep standard output for answers: every line that is logged goes to whatever standard error is at that moment."""
    # A progress bar puts a proxy there that prints above it; a test puts a file there that it closes afterwards.
    structlog.configure(logger_factory=_stderr)


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


def _stderr(*_: Any) -> structlog.PrintLogger:
    return structlog.PrintLogger(sys.stderr)
