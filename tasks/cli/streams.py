"""Standard streams that are there: without them a file or socket takes the number of a closed one."""

from __future__ import annotations

import os
import sys


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
