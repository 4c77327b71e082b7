"""The stage that trains a model: a process of its own that dies with its task and whose log streams into the task's.

CUDA cannot be used in a forked process and a training must not outlive a killed task, so the stage starts
``python -m tasks.train.process`` with a parent-death signal and passes versions and configuration as one argument.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import structlog

from pinsage.store import Version, Writer
from tasks.prepare.prepared import Prepared
from tasks.runtime.committing import log_version, stage_writer
from tasks.runtime.session import Session
from tasks.runtime.stages import TRAIN_MODEL
from tasks.train.environment import training_environment

log = structlog.get_logger()


class TrainingFailedError(RuntimeError):
    """The training process ended with an error; its last lines are in the message."""


def train_model(session: Session, day: str, trained_on: Prepared, pairs: Version, hard_negatives: Version) -> Version:
    """Train a model for ``day``.

    Args:
        session: Store and configuration (``model``, ``training``; of ``resources`` processes, threads and device).
        day: The partition.
        trained_on: Graph, features and neighborhoods of `tasks.prepare.prepared.graph_day`.
        pairs: Pairs up to the as-of day, arrays ``train`` and ``tune``.
        hard_negatives: Pools of the training queries.

    Returns:
        The committed version of ``model``: file ``weights`` (safetensors), json ``architecture`` and ``history``.

    Raises:
        TrainingFailedError: The process failed.
    """
    inputs = [trained_on.graph, trained_on.features, trained_on.neighborhoods, pairs, hard_negatives]
    writer = model_writer(session, day, inputs)
    if writer.is_committed:
        log_version(TRAIN_MODEL, writer.version, new=False)
        return writer.version
    request = {
        "root": session.store.root,
        "config": session.config.model_dump(mode="json"),
        "day": day,
        "inputs": [version.uri for version in inputs],
        "parent": os.getpid(),
    }
    command = [sys.executable, "-m", "tasks.train.process", json.dumps(request)]
    lines: list[str] = []
    # Its own process group: a signal to the task's terminal does not reach it half-way; its parent's death does.
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
        start_new_session=True,
        env=training_environment(os.environ),
    ) as process:
        assert process.stdout is not None, "stdout is a pipe"
        try:
            for line in process.stdout:
                lines = [*lines[-79:], line.rstrip()]  # torchrun's own report is 50 of them
                _relay(line.rstrip())
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise TrainingFailedError(
            f"training for {day} ended with code {process.returncode}; finished checkpoints are kept and a retry "
            "resumes from the newest; its last lines:\n" + "\n".join(lines)
        )
    version = model_writer(session, day, inputs).version
    log_version(TRAIN_MODEL, version, new=True)
    return version


def _relay(line: str) -> None:
    """Log a line of the process as if it came from here; what is no entry of a log, such as a traceback, as text."""
    try:
        entry = json.loads(line)
        event, level = entry.pop("event"), entry.pop("level")
    except (ValueError, AttributeError, TypeError, KeyError):
        event, level, entry = "training", "info", {"line": line}
    getattr(log, level)(event, **entry)


def model_writer(session: Session, day: str, inputs: list[Version]) -> Writer:
    """Open the writer of the model that these inputs and the configuration make."""
    return stage_writer(session, TRAIN_MODEL, day, inputs)
