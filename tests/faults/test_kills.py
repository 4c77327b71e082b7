"""Every stage killed anywhere, doubled, and run again: what an undisturbed day makes, and nothing half visible.

``PINSAGE_KILLS`` sets how many times each stage is killed at a random moment and at a random failpoint (2; ``all``: at
every failpoint), ``PINSAGE_SEED`` which ones.
"""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import pytest

from tests.faults.fork_server import ForkServer
from tests.faults.stages import STAGES, THIS, CalmDay, copy, state

KILLS = os.environ.get("PINSAGE_KILLS", "2")
SEED = os.environ.get("PINSAGE_SEED", "0")
RUN = f"{THIS}:run_stage"
# What the training process reaches; `CalmDay` counts only what the task itself does.
TRAINING_PLACES = [
    f"{name}:{time}" for name in ("chunk.before_data", "chunk.after_record") for time in range(1, 10)
] + [f"{name}:{time}" for name in ("commit.before", "commit.verified", "commit.after") for time in range(1, 5)]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def places(calm: CalmDay, stage: str) -> list[str]:
    return calm.places[stage] + (TRAINING_PLACES if stage == "train_model" else [])


@pytest.mark.parametrize("stage", STAGES)
def test_killed_at_failpoints(calm: CalmDay, forks: ForkServer, memory_folder: Path, stage: str) -> None:
    found = places(calm, stage)
    chosen = found if KILLS == "all" else random.Random(f"{SEED} {stage}").sample(found, min(int(KILLS), len(found)))
    for number, place in enumerate(chosen):
        root = str(copy(calm.before[stage], memory_folder / str(number)))
        fork = forks.start(RUN, root, calm.data, stage, environment={"PINSAGE_FAILPOINT": place})
        code = fork.wait()
        # The task of a training whose process was killed fails, and says so.
        assert code == (1 if place in TRAINING_PLACES and stage == "train_model" else -signal.SIGKILL), (
            place,
            fork.log,
        )
        heals(calm, forks, root, stage, place)


@pytest.mark.parametrize("stage", STAGES)
def test_killed_at_random_moments(calm: CalmDay, forks: ForkServer, memory_folder: Path, stage: str) -> None:
    moments = random.Random(f"{SEED} {stage}")
    for number in range(30 if KILLS == "all" else int(KILLS)):
        root = str(copy(calm.before[stage], memory_folder / str(number)))
        seconds, grace = moments.uniform(0, calm.seconds[stage]), moments.choice([None, 0.05])
        forks.start(RUN, root, calm.data, stage).kill_after(seconds, grace)
        heals(calm, forks, root, stage, f"{seconds:.3f} s, then {grace}")


def heals(calm: CalmDay, forks: ForkServer, root: str, stage: str, what: str) -> None:
    """Whatever can be seen is whole and no other than on the calm day; a rerun makes the rest."""
    seen, expected = state(root), calm.after[stage]
    assert seen.digests.items() <= expected.digests.items(), (stage, what)
    forks.run(RUN, root, calm.data, stage)
    assert not state(root).differences(expected), (stage, what)


@pytest.mark.parametrize("stage", STAGES)
def test_two_attempts_at_once_make_one_version(
    calm: CalmDay, forks: ForkServer, memory_folder: Path, stage: str
) -> None:
    for number in range(1 if KILLS == "all" else max(1, int(KILLS) // 2)):
        root = str(copy(calm.before[stage], memory_folder / str(number)))
        attempts = [forks.start(RUN, root, calm.data, stage) for _ in range(2)]
        assert [fork.wait() for fork in attempts] == [0, 0], [fork.log for fork in attempts]
        assert not state(root).differences(calm.after[stage])
