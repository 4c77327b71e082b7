"""A real service in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

Address = tuple[str, int]


@contextmanager
def running_service(root: Path, *settings: str, open_files: int | None = None) -> Iterator[Address]:
    """Run ``pinsage serve`` on a free port of 127.0.0.1; it must end by Ctrl-C.

    Args:
        root: Store root.
        settings: ``section.field=value``.
        open_files: What the system lets it open.
    """
    command = [] if open_files is None else ["prlimit", f"--nofile={open_files}"]
    command += [sys.executable, "-m", "tasks.cli", "serve", "--root", str(root), "--port", "0"]
    command += [word for setting in settings for word in ("--set", setting)]
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "400"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        announced = re.search(r"http://127\.0\.0\.1:(\d+)", process.stderr.readline())
        assert announced, process.stderr.read()
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield "127.0.0.1", int(announced[1])
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
