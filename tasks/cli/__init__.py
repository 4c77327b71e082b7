"""The command line, a thin door over the stages: ``pinsage ingest | run | recommend | search | status | ...``."""

import os
import sys
from contextlib import suppress

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tasks.cli import ablate, digests, doctor, ingest, look, operate, plan, run, serve  # noqa: F401  # each registers its commands
from tasks.cli.app import app, emit, errors
from tasks.cli.limits import damaged_kernel, limit_met
from tasks.cli.streams import close_streams, open_closed_streams, stream_fault
from tasks.runtime.logs import log_to_stderr
from tasks.runtime.missing_extra import missing_for_command
from tasks.runtime.terminal_text import never_fail_to_print, printable

__all__ = ["main"]

INTERRUPTED = 130  # what shells say of a process that SIGINT ended


def main() -> None:
    """Run the command line; an expected error becomes one line on standard error and exit code 1.

    With ``--json`` standard output holds one document whatever happens: the answer, or ``{"error": {"type": ...,
    "message": ...}}``; standard error is for the log.
    """
    open_closed_streams()
    never_fail_to_print()
    log_to_stderr()
    sys.exit(close_streams(_exit_code()))


def _exit_code() -> int:
    from pinsage.store import StoreError
    from tasks.runtime.config import ConfigError

    try:
        # Typer prints its own refusals, for people; for machines they come here.
        return int(app(standalone_mode="--json" not in sys.argv) or 0)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            return _end("Interrupted", "what was finished is kept; the same command goes on there", INTERRUPTED)
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except typer.TyperException as error:
        return _end("UsageError", error.format_message(), error.exit_code)
    except ValidationError as error:
        return _end(error.title, "; ".join(map(_reason, error.errors())), 1)
    except (StoreError, ConfigError) as error:
        return _end(type(error).__name__, str(error), 1)
    except Exception as error:
        limit = stream_fault(error) or limit_met(error) or damaged_kernel(error)
        if limit is not None:
            return _end(type(error).__name__, limit, 1)
        if isinstance(error, ModuleNotFoundError) and (missing := missing_for_command(error)) is not None:
            return _end(type(missing).__name__, str(missing), 1)
        if isinstance(error, PermissionError):
            return _end(
                type(error).__name__,
                f"{error.filename or error}: {error.strerror or 'not allowed'} for user {os.geteuid()}; change who may "
                "use the file, or run as a user who may",
                1,
            )
        if isinstance(error, (ValueError, LookupError, RuntimeError, OSError)):
            message = error.args[0] if isinstance(error, KeyError) and error.args else error
            return _end(type(error).__name__, str(message), 1)
        if "--json" in sys.argv:  # nobody expected it: the traceback follows
            emit({"error": {"type": type(error).__name__, "message": str(error)}})
        raise


def _reason(fault: ErrorDetails) -> str:
    # Without a place it is settings that do not fit together.
    return f"{fault['loc'][-1]}: got {fault['input']!r}, {fault['msg']}" if fault["loc"] else fault["msg"]


def _end(kind: str, message: str, code: int) -> int:
    """Say how it ended, as far as there is anyone to read it; returns ``code``."""
    try:
        if "--json" in sys.argv:
            emit({"error": {"type": kind, "message": message}})
            sys.stdout.flush()
            return code
    except OSError:
        pass  # the line below says it
    with suppress(OSError):
        errors.print(f"[bold red]error[/] {kind}:", end=" ")
        # One line where a program or a log reads it; a terminal is wrapped at words.
        errors.print(printable(message), markup=False, soft_wrap=not errors.is_terminal)
    return code
