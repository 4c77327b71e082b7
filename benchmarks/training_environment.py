"""The environment of a training process, for benchmarks of training."""

from __future__ import annotations

import os
import sys

from tasks.train.environment import PINNED as ENVIRONMENT


def enter_training_environment(module: str) -> None:
    """Start ``python -m module`` anew where the environment is another: torch and MKL read it when they are loaded."""
    if not ENVIRONMENT.items() <= os.environ.items():
        os.execve(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]], {**os.environ, **ENVIRONMENT})
