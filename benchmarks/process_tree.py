"""A command's time, and the memory of its process and all that it starts."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

SAMPLE_SECONDS = 0.1
PROJECT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Measured:
    """What a command took.

    Attributes:
        seconds: Wall time.
        cpu_seconds: Of all processes, user and system.
        peak_bytes: Largest sum of resident memory, pages that processes share counted once (PSS).
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def measure(module: str, arguments: Sequence[str]) -> Measured:
    """Run ``python -m module`` in a process of its own.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    command = [sys.executable, "-m", module, *arguments]
    started, before = time.monotonic(), _cpu_of_ended_children()
    process = subprocess.Popen(command, stdout=sys.stderr, cwd=PROJECT)
    peak = [0]
    done = threading.Event()
    sampler = threading.Thread(target=_sample, args=(process.pid, done, peak))
    sampler.start()
    try:
        code = process.wait()
    finally:
        done.set()
        sampler.join()
    seconds, cpu_seconds = time.monotonic() - started, _cpu_of_ended_children() - before
    if code:
        raise subprocess.CalledProcessError(code, command)
    return Measured(round(seconds, 3), round(cpu_seconds, 3), peak[0])


def _cpu_of_ended_children() -> float:
    times = psutil.Process().cpu_times()
    return float(times.children_user + times.children_system)


def _sample(pid: int, done: threading.Event, peak: list[int]) -> None:
    while not done.wait(SAMPLE_SECONDS):
        total = 0
        try:
            root = psutil.Process(pid)
            processes = [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        for process in processes:
            try:
                total += process.memory_full_info().pss
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        peak[0] = max(peak[0], total)
