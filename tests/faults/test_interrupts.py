"""Ctrl-C while `pinsage run all` is at work: it ends at once, says so, leaves nothing running, and goes on later."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.faults.fork_server import PROJECT
from tests.faults.stages import DAY, SETTINGS, CalmDay, copy, state

pytestmark = pytest.mark.slow


def start(root: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tasks.cli", "run", "all", "--day", DAY, "--root", str(root)]
    command += [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]
    return subprocess.Popen(
        command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200"},
    )  # fmt: skip


def test_interrupted_then_run_again(calm: CalmDay, memory_folder: Path) -> None:
    root = copy(calm.before["earlier_days"], memory_folder / "store")
    for moment in ("build_graph ", "training step"):
        run = start(root)
        assert run.stderr is not None
        seen = next((line for line in run.stderr if moment in line), None)
        assert seen is not None, f"{moment} was never reached"
        os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to all of them
        _, said = run.communicate(timeout=120)
        # `python -m` ends by the signal, whatever was caught, where it came in an `exec` of a text, as imports have
        # them; to a shell both are 130.
        assert run.returncode in (130, -signal.SIGINT), said
        assert said.splitlines()[-1].startswith("error Interrupted: what was finished is kept")
        assert "Traceback" not in said
        left = [process for process in psutil.process_iter(["cmdline"]) if str(root) in str(process.info["cmdline"])]
        psutil.wait_procs(left, timeout=30)
        assert not [process for process in left if process.is_running()]
    run = start(root)
    _, said = run.communicate(timeout=300)
    assert run.returncode == 0, said
    assert not state(str(root)).differences(calm.finished)
