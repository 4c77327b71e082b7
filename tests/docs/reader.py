"""A reader at work: types the blocks of a page one after another, in a folder of their own."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.docs.blocks import Block

PROJECT = Path(__file__).parents[2]
# What the pages write for "your own", and what stands for it here.
PLACEHOLDERS = {
    r"\bITEM\b": "item-7",
    r'"newest", "older"': '"item-1", "item-2"',
    r"\bSTORE_(BEFORE|AFTER)\b": "store",
}
SERVICE_PORT = "8080"
START_SECONDS = 120


class Reader:
    """Runs blocks in ``folder``; a service that a block starts runs until the reader leaves.

    Args:
        folder: Where the reader works; ``pinsage`` and ``python`` are on the PATH there.
        settings: Values of the environment beside the ones of a shell.
    """

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self._folder = folder
        self._service: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        programs = folder / ".programs"
        programs.mkdir(exist_ok=True)
        for name, command in (("python", ""), ("pinsage", "-m tasks.cli")):
            program = programs / name
            program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {command} "$@"\n')
            program.chmod(0o755)
        own = {name: value for name, value in os.environ.items() if not name.startswith("PINSAGE_")}
        path = f"{programs}:{own['PATH']}"
        self._environment = {
            **own, "PATH": path, "PYTHONPATH": str(PROJECT), "NO_COLOR": "1", "COLUMNS": "120", **settings,
        }  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._service is not None:
            self._service.terminate()
            self._service.wait()

    def follow(self, block: Block) -> str:
        """Do what ``block`` says and return what it printed.

        Raises:
            AssertionError: It did not end as the page says.
        """
        if block.title is not None:
            (self._folder / block.title).write_text(block.text + "\n", encoding="utf-8")
            return ""
        text = self._filled(block.text)
        if block.typed and text.startswith("pinsage serve "):
            return self._serve(text)
        command = ["bash", "-euo", "pipefail", "-c", text] if block.typed else [sys.executable, "-c", text]
        done = subprocess.run(
            command, cwd=self._folder, env=self._environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == block.exit_code, (
            f"{block.page} line {block.line} ended with {done.returncode}:\n{block.text}\n"
            f"{done.stdout}\n{done.stderr[-4000:]}"
        )
        return done.stdout + done.stderr

    def _filled(self, text: str) -> str:
        for pattern, value in PLACEHOLDERS.items():
            text = re.sub(pattern, value, text)
        return re.sub(rf"(localhost:|--port ){SERVICE_PORT}\b", rf"\g<1>{self._port}", text)

    def _serve(self, text: str) -> str:
        self._service = subprocess.Popen(
            ["bash", "-c", f"exec {text}"], cwd=self._folder, env=self._environment, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert self._service.poll() is None, f"{text} ended with {self._service.returncode}"
            assert time.monotonic() < deadline, f"{text} does not listen after {START_SECONDS} s"
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
                return ""
            except OSError:
                time.sleep(0.2)
