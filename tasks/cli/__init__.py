"""The command line, a thin door over the stages: ``pinsage ingest | run | recommend | search | status | ...``."""

import os
import sys
from contextlib import suppress
from typing import NoReturn

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tasks.cli import ablate, doctor, ingest, look, operate, plan, run, serve  # noqa: F401  # each registers its commands
from tasks.cli.app import app, emit, errors
from tasks.cli.streams import open_closed_streams
from tasks.logs import log_to_stderr
from tasks.terminal_text import never_fail_to_print, printable

__all__ = ["main"]

INTERRUPTED = 130  # what shells say of a process that SIGINT ended


def main() -> None:
    """Run the command line; an expected error becomes one line on standard error and exit code 1.

    With ``--json`` standard output holds one document whatever happens: the answer, or ``{"error": {"type": ...,
    "message": ...}}``; standard error is for the log.
    """
    open_closed_streams()
    from pinsage.config import ConfigError
    from pinsage.store import StoreError

    never_fail_to_print()
    log_to_stderr()
    try:
        # Typer prints its own refusals, for people; for machines they come here.
        sys.exit(app(standalone_mode="--json" not in sys.argv))
    except SystemExit as ended:
        if ended.code != INTERRUPTED:
            raise
        _end("Interrupted", "what was finished is kept; the same command goes on there", INTERRUPTED)
    except typer.TyperException as error:
        _end("UsageError", error.format_message(), error.exit_code)
    except ValidationError as error:
        _end(error.title, "; ".join(map(_reason, error.errors())), 1)
    except PermissionError as error:
        _end(
            type(error).__name__,
            f"{error.filename or error}: {error.strerror or 'not allowed'} for user {os.geteuid()}; change who may use "
            "the file, or run as a user who may",
            1,
        )
    except (
        StoreError,
        ConfigError,
        ValueError,
        LookupError,
        RuntimeError,
        OSError,
    ) as error:
        _end(type(error).__name__, str(error.args[0] if isinstance(error, KeyError) and error.args else error), 1)
    except Exception as error:  # nobody expected it: the traceback follows
        if "--json" in sys.argv:
            emit({"error": {"type": type(error).__name__, "message": str(error)}})
        raise


def _reason(fault: ErrorDetails) -> str:
    # Without a place it is settings that do not fit together.
    return f"{fault['loc'][-1]}: got {fault['input']!r}, {fault['msg']}" if fault["loc"] else fault["msg"]


def _end(kind: str, message: str, code: int) -> NoReturn:
    if "--json" in sys.argv:
        with suppress(OSError):  # standard output itself may be what fails
            emit({"error": {"type": kind, "message": message}})
            sys.exit(code)
    errors.print(f"[bold red]error[/] {kind}:", end=" ")
    # One line where a program or a log reads it; a terminal is wrapped at words.
    errors.print(printable(message), markup=False, soft_wrap=not errors.is_terminal)
    sys.exit(code)
