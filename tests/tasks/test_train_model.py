"""The stage `train_model`: a process of its own that dies with its task and resumes to the same bytes.

``PINSAGE_TRAINING_KILLS`` sets how many times one training is killed at a random moment (2).
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from structlog.testing import capture_logs

from pinsage.model.pinsage import PinSage
from pinsage.store import Version
from tasks.prepare.prepared import Prepared
from tasks.runtime.session import Session
from tasks.runtime.stages import SAVE_CHECKPOINT
from tasks.train.train_model import TrainingFailedError, train_model
from tests.pinsage.training.planted import planted_data, planted_graph

PROJECT = Path(__file__).parents[2]
DAY = "2026-03-09"
KILLS = int(os.environ.get("PINSAGE_TRAINING_KILLS", "2"))
SETTINGS: dict[str, Any] = {
    "model.hidden_width": 16,
    "model.width": 8,
    "model.top_t": 4,
    "training.epochs": 3,
    "training.epoch_steps": 8,
    "training.batch_pairs": 128,
    "training.shared_negatives": 64,
    "training.checkpoint_steps": 4,
    "resources.threads": 1,
}
WIDE = {  # as many numbers as torch and MKL share among threads
    "training.epochs": 2,
    "training.epoch_steps": 8,
    "training.max_epoch_passes": 100,
    "training.checkpoint_steps": 100,
}
LONG = {**SETTINGS, "training.epochs": 500, "training.epoch_steps": 400, "training.patience": 500}

RUN = """
import json, sys
from tests.tasks.test_train_model import train_planted
train_planted(sys.argv[1], json.loads(sys.argv[2]))
"""


def write(session: Session, dataset: str, inputs: list[Version], **arrays: Any) -> Version:
    with session.store.write(dataset, partition="2026-03-02", inputs=inputs, config={}, code_version=1) as out:
        for name, array in arrays.items():
            out.write_array(name, array)
        out.facts.update(as_of_day="2026-03-02")
    return out.version


def planted_inputs(session: Session, *, spoiled: bool = False) -> tuple[Prepared, Version, Version]:
    data, tune = planted_data()
    offsets = vars(planted_graph())
    names = ("item_offsets", "item_boards", "board_offsets", "board_items")
    catalog = write(session, "catalog", [])
    graph = write(session, "graph", [catalog], **{name: offsets[name] for name in names})
    features = write(
        session, "features", [catalog, graph], features=data.features * np.float32(np.nan if spoiled else 1)
    )
    neighborhoods = write(session, "neighborhoods", [graph], neighbors=data.neighbors, importances=data.importances)
    pairs = write(session, "pairs", [catalog, graph], train=data.pairs, train_ages=data.ages, tune=tune)
    hard_negatives = write(session, "hard_negatives", [graph, pairs], queries=data.hard_queries, pools=data.hard_pools)
    return Prepared("2026-03-02", catalog, graph, features, neighborhoods), pairs, hard_negatives


def train_planted(root: str, settings: dict[str, Any], *, spoiled: bool = False) -> Version:
    session = Session.open(root, settings)
    return train_model(session, DAY, *planted_inputs(session, spoiled=spoiled))


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Version:
    """The model of a training that nothing disturbed."""
    return train_planted(str(tmp_path_factory.mktemp("calm")), SETTINGS)


def training_processes(root: Path) -> list[int]:
    """Training processes over the store ``root``; zombies left out, they hold nothing."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            command = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:  # no process, or one that has just ended
            continue
        if "tasks.train.process" in command and json.dumps(str(root)) in command:
            found.append(int(folder.name))
    return found


def start_training(root: Path, settings: dict[str, Any]) -> subprocess.Popen[bytes]:
    """A process that does the stage, with the training as its child."""
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(root), json.dumps(settings)],
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait_for(condition: Any, what: str, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} seconds"
        time.sleep(0.05)


@pytest.mark.slow
def test_process_streams_its_log_and_commits_what_a_calm_training_commits(tmp_path: Path, calm: Version) -> None:
    with capture_logs() as logs:
        model = train_planted(str(tmp_path), SETTINGS)
    assert model.content_digest == calm.content_digest
    assert model.uri == calm.uri
    steps = [entry for entry in logs if entry["event"] == "training step" and "loss" in entry]
    assert [entry["step"] for entry in steps] == [10, 20, 24], "entries, not text in entries"
    assert {entry["log_level"] for entry in steps} == {"info"}
    before = list(Session.open(str(tmp_path)).store.objects.walk("model"))
    with capture_logs() as logs:
        assert train_planted(str(tmp_path), SETTINGS).uri == model.uri
    entries = [(entry["event"], entry.get("new")) for entry in logs if entry["event"].startswith("train")]
    assert entries == [("train_model", False)], "a rerun starts no process"
    assert list(Session.open(str(tmp_path)).store.objects.walk("model")) == before


def test_a_model_can_be_rebuilt_and_says_how_it_was_trained(calm: Version) -> None:
    network = PinSage.from_state(calm.json("architecture"), load_file(calm.path("weights")))
    assert network.embedding_width == calm.facts["width"] == 9
    assert calm.facts["metric"] == "dot"
    assert calm.facts["as_of_day"] == "2026-03-02"
    assert all(torch.isfinite(value).all() for value in network.state_dict().values())
    history = calm.json("history")
    assert [entry["step"] for entry in history["tune"]] == [8, 16, 24]
    assert history["steps"][-1]["step"] == 24
    assert "seconds" not in history["steps"][-1], "times are no part of a result"
    assert [split.uri.split("/")[0] for split in calm.inputs] == [
        "graph", "features", "neighborhoods", "pairs", "hard_negatives",
    ]  # fmt: skip


def test_curves_lie_beside_the_store_for_tensorboard(calm: Version) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    root = Path(calm.path("weights")).parents[4]
    (events,) = root.glob(f"_site/training/{DAY}/{calm.fingerprint}/events.*")
    found = EventAccumulator(str(events)).Reload()
    history = calm.json("history")
    losses = [(event.step, event.value) for event in found.Scalars("train/loss")]
    assert losses == [(line["step"], pytest.approx(line["loss"], rel=1e-5)) for line in history["steps"]]
    assert [event.step for event in found.Scalars("tune/hit_rate@40")] == [8, 16, 24]
    assert [event.step for event in found.Scalars("throughput/idle_share")] == [8, 16, 24]
    assert [event.value for event in found.Scalars("train/hard_negatives")] == [
        line["hard_negatives"] for line in history["steps"]
    ]


def test_the_seed_is_part_of_a_model(tmp_path: Path, calm: Version) -> None:
    assert train_planted(str(tmp_path), {**SETTINGS, "training.seed": 77}).content_digest != calm.content_digest


@pytest.mark.slow
def test_threads_change_no_bit(tmp_path: Path) -> None:
    models = [
        train_planted(str(tmp_path / f"{threads}"), {**WIDE, "resources.threads": threads}) for threads in (1, 2, 3)
    ]
    assert len({model.content_digest for model in models}) == 1
    assert len({model.uri for model in models}) == 1, "threads are no part of a fingerprint"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("failpoint", "damaged", "resumes_at"),
    [
        ("commit.before:4", False, 12),  # every fourth step is a commit: the fourth checkpoint is not there
        ("chunk.after_record:13", False, 24),  # six checkpoints of two files each, then the model's weights
        ("chunk.after_record:13", True, 20),
    ],
)
def test_killed_training_resumes_from_the_newest_valid_checkpoint(
    tmp_path: Path, calm: Version, failpoint: str, damaged: bool, resumes_at: int
) -> None:
    session = Session.open(str(tmp_path), SETTINGS)
    planted_inputs(session)  # so that the first commit is a checkpoint's
    killed = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path), json.dumps(SETTINGS)],
        env={**os.environ, "PINSAGE_FAILPOINT": failpoint},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ended with code -9" in killed.stderr
    assert session.store.partitions("model") == []
    if damaged:
        newest = next(
            found
            for found in session.store.versions(SAVE_CHECKPOINT.dataset, DAY)
            if found.manifest.config["step"] == 24
        )
        path = newest.path("state")
        half = path.read_bytes()[: path.stat().st_size // 2]
        path.unlink()
        path.write_bytes(half)
    with capture_logs() as logs:
        model = train_planted(str(tmp_path), SETTINGS)
    assert [entry["step"] for entry in logs if entry["event"] == "training resumes"] == [resumes_at]
    assert model.content_digest == calm.content_digest


@pytest.mark.slow
@pytest.mark.parametrize("num_processes", [1, 2])
def test_failed_training_says_why(tmp_path: Path, num_processes: int) -> None:
    settings = {**SETTINGS, "resources.training_processes": num_processes}
    why = r"retry resumes from the newest(.|\n)*FloatingPointError: .* at step 0; features are not finite"
    with pytest.raises(TrainingFailedError, match=why):
        train_planted(str(tmp_path), settings, spoiled=True)


@pytest.mark.slow
@pytest.mark.parametrize(("how", "num_processes"), [(signal.SIGKILL, 1), (signal.SIGTERM, 1), (signal.SIGKILL, 2)])
def test_training_dies_with_its_task(tmp_path: Path, how: signal.Signals, num_processes: int) -> None:
    settings = {**LONG, "resources.training_processes": num_processes}
    with start_training(tmp_path, settings) as task:
        session = Session.open(str(tmp_path))
        wait_for(lambda: len(session.store.fingerprints(SAVE_CHECKPOINT.dataset, DAY)) > 0, "a first checkpoint")
        # torchrun's own process stands beside those that it started.
        assert len(training_processes(tmp_path)) == {1: 1, 2: 3}[num_processes]
        task.send_signal(how)
        task.wait()
    wait_for(lambda: not training_processes(tmp_path), "the end of the training process", seconds=10)
    assert session.store.partitions("model") == []


@pytest.mark.slow
def test_two_processes_follow_the_loss_curve_of_one(tmp_path: Path, calm: Version) -> None:
    shared = train_planted(str(tmp_path), {**SETTINGS, "resources.training_processes": 2})
    assert shared.uri == calm.uri, "processes are no part of a fingerprint"
    for name in ("steps", "tune"):
        for one, two in zip(calm.json("history")[name], shared.json("history")[name], strict=True):
            assert two == pytest.approx(one, abs=1e-4)
    alone, together = load_file(calm.path("weights")), load_file(shared.path("weights"))
    for name, value in alone.items():
        torch.testing.assert_close(together[name], value, atol=1e-3, rtol=0)


@pytest.mark.slow
def test_two_processes_resume_from_the_checkpoint_that_the_first_has_found(tmp_path: Path) -> None:
    settings = {**SETTINGS, "resources.training_processes": 2}
    undisturbed = train_planted(str(tmp_path / "undisturbed"), settings)
    root = tmp_path / "killed"
    planted_inputs(Session.open(str(root), settings))  # so that the first commit is a checkpoint's
    killed = subprocess.run(
        [sys.executable, "-c", RUN, str(root), json.dumps(settings)],
        env={**os.environ, "PINSAGE_FAILPOINT": "commit.before:4"},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "training for 2026-03-09 ended with code" in killed.stderr
    with capture_logs() as logs:
        model = train_planted(str(root), settings)
    assert [entry["step"] for entry in logs if entry["event"] == "training resumes"] == [12]
    assert model.content_digest == undisturbed.content_digest


@pytest.mark.slow
@pytest.mark.timeout(900 + 90 * KILLS)
def test_killed_again_and_again_it_ends_with_the_same_weights(tmp_path: Path) -> None:
    settings = {**SETTINGS, "training.epochs": 60, "training.patience": 60}
    calm = train_planted(str(tmp_path / "calm"), settings)
    root, rng = tmp_path / "killed", random.Random(5)
    session = Session.open(str(root))
    for _ in range(KILLS):
        done = len(session.store.fingerprints(SAVE_CHECKPOINT.dataset, DAY))
        with start_training(root, settings) as task:
            wait_for(
                lambda at=done: len(session.store.fingerprints(SAVE_CHECKPOINT.dataset, DAY)) > at,
                "another checkpoint",
            )
            time.sleep(rng.random() / 10)
            task.kill()
            task.wait()
        wait_for(lambda: not training_processes(root), "the end of the training process", seconds=10)
    assert session.store.partitions("model") == [], "killed before it was done"
    assert train_planted(str(root), settings).content_digest == calm.content_digest


HOSTILE = {
    "MKL_CBWR": "COMPATIBLE",
    "ATEN_CPU_CAPABILITY": "default",
    "OMP_WAIT_POLICY": "ACTIVE",
    "OMP_NUM_THREADS": "2",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    "ONEDNN_DEFAULT_FPMATH_MODE": "BF16",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "NPY_DISABLE_CPU_FEATURES": "AVX2",
    "PINSAGE_TRAINING__SEED": "99",
    "PINSAGE_MODEL__WIDTH": "4",
}


def test_no_variable_of_the_task_changes_a_bit(tmp_path: Path, calm: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session.open(str(tmp_path), SETTINGS)
    inputs = planted_inputs(session)
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)
    with capture_logs() as logs:
        model = train_model(session, DAY, *inputs)
    assert model.content_digest == calm.content_digest
    said = {entry["variable"]: entry["used"] for entry in logs if "variable" in entry}
    assert set(said) == {name for name in HOSTILE if not name.startswith(("PINSAGE_", "OMP_NUM"))}
    assert said["MKL_CBWR"] == "AVX2,STRICT"
    assert said["ONEDNN_MAX_CPU_ISA"] == "unset"


def test_a_training_process_refuses_another_environment() -> None:
    request = {"parent": os.getpid(), "config": {"resources": {"training_processes": 1}}}
    done = subprocess.run(
        [sys.executable, "-m", "tasks.train.process", json.dumps(request)],
        capture_output=True, text=True, check=False, cwd=PROJECT, env={**os.environ, "MKL_CBWR": "AVX512"},
    )  # fmt: skip
    assert done.returncode != 0
    assert "MKL_CBWR=AVX512, expected AVX2,STRICT" in done.stderr
