"""Processes that start in milliseconds and may be killed: forks of one that has imported everything.

A fork of the test's own process would inherit locks of threads that do not exist in the child (obstore's and OpenMP's
runtimes); this server only imports, and never starts a thread.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

PROJECT = Path(__file__).parents[2]


class Fork:
    """One running function.

    Attributes:
        pid: Of the process, which leads a group of its own.
    """

    def __init__(self, server: ForkServer, pid: int, log: Path) -> None:
        self._server = server
        self._log = log
        self.pid = pid

    def wait(self) -> int:
        """Exit code: 0; 1 after an exception; minus the signal that killed it."""
        return int(self._server._ask({"wait": self.pid}))

    def kill_after(self, seconds: float, grace_seconds: float | None = None) -> int:
        """SIGKILL it after a while, and everything that it started; its exit code, 0 when it was faster.

        With ``grace_seconds`` a SIGTERM comes first and the SIGKILL so much later, as Airflow ends a task.
        """
        time.sleep(seconds)
        if grace_seconds is not None:
            os.killpg(self.pid, signal.SIGTERM)
            time.sleep(grace_seconds)
        os.killpg(self.pid, signal.SIGKILL)  # until it is waited for, its number belongs to no one else
        return self.wait()

    @property
    def log(self) -> str:
        """What it wrote to standard output and error, the traceback last."""
        return self._log.read_text(errors="replace")


class ForkServer:
    """Forks that run ``module:function`` with JSON arguments.

    Args:
        folder: For logs.
        modules: Imported before the first fork.
    """

    def __init__(self, folder: Path, *modules: str) -> None:
        self._folder = folder
        self._number = 0
        command = [sys.executable, "-m", "tests.faults.fork_server", *modules]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT, bufsize=1
        )

    def start(self, function: str, *arguments: Any, environment: Mapping[str, str] | None = None) -> Fork:
        """Run ``module:function`` in a fork with these variables added to the environment."""
        self._number += 1
        log = self._folder / f"fork-{self._number}.log"
        job = {"function": function, "arguments": arguments, "environment": dict(environment or {}), "log": str(log)}
        return Fork(self, int(self._ask(job)), log)

    def run(self, function: str, *arguments: Any, environment: Mapping[str, str] | None = None) -> Fork:
        """Run it to the end, which must be a good one."""
        fork = self.start(function, *arguments, environment=environment)
        code = fork.wait()
        assert code == 0, f"{function} ended with {code}:\n{fork.log[-4000:]}"
        return fork

    def _ask(self, question: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        return json.loads(self._process.stdout.readline())

    def __enter__(self) -> ForkServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()


def serve(modules: list[str]) -> None:
    """Import, then fork and wait as asked, a JSON line each, until standard input ends."""
    for module in modules:
        importlib.import_module(module)
    for line in sys.stdin:
        question = json.loads(line)
        if "wait" in question:
            _, status = os.waitpid(question["wait"], 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if answer == 0:
                _run(question)
            os.setpgid(answer, answer)  # in both: it leads a group before anyone can kill it
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()


def _run(job: dict[str, Any]) -> None:
    code = 1
    try:
        os.setpgid(0, 0)
        log = os.open(job["log"], os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ.update(job["environment"])
        module, _, name = job["function"].partition(":")
        getattr(importlib.import_module(module), name)(*job["arguments"])
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1:])
