"""``python -m tasks.train.process REQUEST``: the training itself, with checkpoints in the store.

With several processes this one becomes torchrun's, and they are its children; each dies with its parent.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import structlog
import torch
from safetensors.torch import load_file, save_file

from pinsage.arrays.scratch import Scratch
from pinsage.store import DamagedVersionError, Store, Version, Writer
from pinsage.training.minibatch import TrainingData
from pinsage.training.peers import Peers
from pinsage.training.state import TrainingState
from pinsage.training.trainer import Trained, train
from tasks.prepare.sample_neighborhoods import open_graph
from tasks.runtime.committing import stage_writer
from tasks.runtime.config import PinSageConfig
from tasks.runtime.logs import log_entries_to_stdout
from tasks.runtime.session import Session
from tasks.runtime.stages import SAVE_CHECKPOINT
from tasks.train.environment import check_environment
from tasks.train.events import write_training_events
from tasks.train.train_model import model_writer

PR_SET_PDEATHSIG = 1

log = structlog.get_logger()


def main(request: dict[str, Any]) -> None:
    """Train, checkpoint by checkpoint; the first process commits the model."""
    session = Session(Store.open(request["root"]), PinSageConfig(**request["config"]))
    inputs = [session.store.version(uri) for uri in request["inputs"]]
    resources = session.config.resources
    peers = Peers.join(resources.device)
    torch.set_float32_matmul_precision("highest")
    torch.set_num_threads(max(1, (resources.threads or os.cpu_count() or 1) // peers.size))
    # The first process decides for all: another attempt may commit between two looks.
    if peers.rank > 0:
        if peers.from_first(0):
            train_versions(session, request["day"], inputs, peers)
    else:
        with model_writer(session, request["day"], inputs) as out:
            if peers.from_first(not out.is_committed):
                write_model(out, inputs, train_versions(session, request["day"], inputs, peers))
        log.info("train_model", version=out.version.uri, **out.version.facts, **out.version.measurements)
        write_training_events(session.store, out.version)
    peers.leave()


def launch(request: dict[str, Any], num_processes: int) -> None:
    """Run `main` in several processes, in the way of torchrun."""
    from torch.distributed.run import main as torchrun

    command = json.dumps({**request, "parent": os.getpid()})
    torchrun(["--standalone", f"--nproc-per-node={num_processes}", "--module", "tasks.train.process", command])


def train_versions(session: Session, day: str, inputs: list[Version], peers: Peers) -> Trained:
    """Train on what the versions hold, from the newest checkpoint on."""
    by_dataset = {version.dataset: version for version in inputs}
    resume = newest_checkpoint(session, day, inputs) if peers.rank == 0 else None
    step = int(peers.from_first(resume.step if resume else 0))
    if step and peers.rank > 0:
        resume = checkpoint_at(session, day, inputs, step)
    elif step:
        log.info("training resumes", step=step)

    def on_checkpoint(state: TrainingState) -> None:
        if peers.rank == 0:
            write_checkpoint(session, day, inputs, state)

    def on_progress(line: dict[str, Any]) -> None:
        if peers.rank == 0:
            log.info("epoch evaluated" if "epoch" in line else "training step", **line)

    return train(
        open_training_data(by_dataset),
        np.asarray(by_dataset["pairs"].array("tune")),
        session.config.model,
        session.config.training,
        peers=peers,
        resume=resume,
        scratch=Scratch(session.store.scratch("training"), session.config.resources.chunk_rows),
        on_checkpoint=on_checkpoint,
        on_progress=on_progress,
    )


def write_model(out: Writer, inputs: list[Version], trained: Trained) -> None:
    """Write weights, architecture and history."""
    model = trained.model
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        save_file({name: value.contiguous() for name, value in model.state_dict().items()}, path)
        out.write_file("weights", path, ".safetensors")
    out.write_json("architecture", model.architecture())
    out.write_json("history", trained.history)
    by_dataset = {version.dataset: version for version in inputs}
    out.facts.update(
        as_of_day=by_dataset["pairs"].facts["as_of_day"],
        graph_day=by_dataset["graph"].partition,
        num_pairs=len(by_dataset["pairs"].array("train")),
        num_parameters=sum(parameter.numel() for parameter in model.parameters()),
        metric=model.metric,
        width=model.embedding_width,
    )
    out.measurements.update(trained.measurements)


def open_training_data(versions: dict[str, Version]) -> TrainingData:
    """Map what the training reads."""
    return TrainingData(
        features=versions["features"].array("features"),
        neighbors=versions["neighborhoods"].array("neighbors"),
        importances=versions["neighborhoods"].array("importances"),
        log_degrees=np.log1p(open_graph(versions["graph"]).item_degrees()).astype(np.float32),
        pairs=np.asarray(versions["pairs"].array("train")),
        ages=np.asarray(versions["pairs"].array("train_ages")),
        hard_queries=np.asarray(versions["hard_negatives"].array("queries")),
        hard_pools=np.asarray(versions["hard_negatives"].array("pools")),
    )


def write_checkpoint(session: Session, day: str, inputs: list[Version], state: TrainingState) -> None:
    """Commit weights, moments and curves after ``state.step`` steps."""
    out = checkpoint_writer(session, day, inputs, state.step)
    if out is None or out.is_committed:
        return
    with out, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.safetensors"
        save_file({name: value.contiguous() for name, value in state.tensors.items()}, path)
        out.write_file("state", path, ".safetensors")
        out.write_json("history", state.history)


def newest_checkpoint(session: Session, day: str, inputs: list[Version]) -> TrainingState | None:
    """The newest valid checkpoint of exactly these inputs and this configuration."""
    (pairs,) = (version for version in inputs if version.dataset == "pairs")
    config = session.config.training.for_pairs(len(pairs.array("train")))
    last = config.epochs * config.epoch_steps
    for step in range(last - last % config.checkpoint_steps, 0, -config.checkpoint_steps):
        state = checkpoint_at(session, day, inputs, step)
        if state is not None:
            return state
    return None


def checkpoint_at(session: Session, day: str, inputs: list[Version], step: int) -> TrainingState | None:
    """The checkpoint after ``step`` steps, if it is there and valid."""
    writer = checkpoint_writer(session, day, inputs, step)
    if writer is None or not writer.is_committed:
        return None
    version = writer.version
    return TrainingState(step, load_file(version.path("state")), version.json("history"))


def checkpoint_writer(session: Session, day: str, inputs: list[Version], step: int) -> Writer | None:
    """Open the writer of the checkpoint after ``step`` steps; None where a damaged one lies, which costs its steps."""
    try:
        return stage_writer(session, SAVE_CHECKPOINT, day, inputs, step=step)
    except DamagedVersionError as error:
        log.warning("checkpoint skipped", step=step, reason=str(error))
        return None


def die_with_parent(parent: int) -> None:
    """Have the kernel end this process when the task that started it ends, however it ends."""
    ctypes.CDLL("libc.so.6", use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the kernel was asked
        sys.exit(f"training: the task that started it (process {parent}) is gone")


if __name__ == "__main__":
    log_entries_to_stdout()
    request = json.loads(sys.argv[1])
    die_with_parent(request["parent"])
    check_environment()
    num_processes = request["config"]["resources"]["training_processes"]
    if num_processes > 1 and "LOCAL_RANK" not in os.environ:
        launch(request, num_processes)
    else:
        main(request)
