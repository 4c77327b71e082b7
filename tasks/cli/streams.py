"""Standard streams that are there: without them a file or socket takes the number of a closed one."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress

PRINTERS = ("rich.", "typer.", "structlog.")


def open_closed_streams() -> None:
    """Open those of standard input, output and error that this process was started without; they lead nowhere."""
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(descriptor)
        except OSError:
            # The lowest number that is free is this one: those below are open by now.
            opened = os.open(os.devnull, os.O_RDWR)
            assert opened == descriptor, f"{os.devnull} was opened as {opened}"
            os.set_inheritable(descriptor, True)  # the processes that this one starts need it, too
            stream = open(descriptor, mode, encoding="utf-8", closefd=False)  # noqa: SIM115  # as long as the process
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)


def stream_fault(error: BaseException | None = None) -> str | None:
    """Say what keeps standard output or error from being written to; None while they can be.

    Args:
        error: What ended the command: such an error names no file, and comes from what prints.
    """
    if isinstance(error, OSError) and error.filename is None and error.__traceback__ is not None:
        *_, (frame, _) = traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__")).startswith(PRINTERS):
            return f"standard output or error: {error.strerror}; the answer was not written whole"
    try:
        sys.stdout.flush()
    except OSError as fault:
        return f"standard output: {fault.strerror}; the answer was not written whole"
    return None


def close_streams(code: int) -> int:
    """Write what is left of both streams; the interpreter would end with a traceback where it could not.

    Returns:
        ``code``, or 1 where standard output cannot be written to.
    """
    fault = stream_fault()
    if fault is not None:
        if code == 0:
            with suppress(OSError):
                sys.stderr.write(f"error {fault}\n")
        code = code or 1
        _lead_nowhere(1)
    try:
        sys.stderr.flush()
    except OSError:
        code = code or 1
        _lead_nowhere(2)
    return code


def _lead_nowhere(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
