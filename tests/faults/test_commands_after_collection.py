"""After a collection every command does what it did before, however little is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pinsage.store import Store
from pinsage.store.garbage import collect_garbage, plan_garbage
from tasks.cli.app import app
from tasks.runtime.stages import INTERMEDIATE
from tests.faults.fork_server import ForkServer
from tests.faults.stages import SETTINGS, copy
from tests.tasks.test_pipeline import planted

THIS = "tests.faults.test_commands_after_collection"
DAYS = ("2026-03-19", "2026-03-20")
NEVER, ALWAYS = 10.0, -1.0


def settings(seed: int = 20, min_gain: float = NEVER) -> list[str]:
    values = {
        **SETTINGS,
        "training.epochs": 1,
        "training.seed": seed,
        "promotion.min_gain": min_gain,
        "promotion.max_slice_loss": 1.0,
    }
    values |= {"promotion.first_model_content_factor": 0, "publish.min_neighbor_overlap": 0.0}
    return [word for name, value in values.items() for word in ("--set", f"{name}={value}")]


def pinsage(root: str, *arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments, "--root", root], catch_exceptions=False)
    assert result.exit_code == 0, (arguments, result.output)
    return result.output


def live(root: str, data: str) -> None:
    """Two days, several models of the second one, a promotion, and rollbacks of both references."""
    files = ["--items", f"{data}/items.parquet", "--saves", f"{data}/saves.parquet"]
    pinsage(root, "ingest", *files, "--board-id", "collection", "--timestamp", "ts")
    for day in DAYS:
        pinsage(root, "run", "all", "--day", day, *settings(seed=int(day[-2:]), min_gain=ALWAYS))
    for seed in range(2):  # challengers that lose: their evaluations, and the champion's beside them, are newer
        pinsage(root, "run", "train", "--day", DAYS[1], *settings(seed))
    pinsage(root, "run", "train", "--day", DAYS[1], *settings(9, ALWAYS))
    pinsage(root, "run", "publish", "--day", DAYS[1], "--force", *settings())
    pinsage(root, "rollback", "--name", "champion")


COMMANDS = (
    ("status",),
    ("plan", "--day", DAYS[1], *settings()),
    ("plan", "--day", DAYS[0], *settings(19)),
    ("evaluate", "--day", DAYS[1]),
    ("evaluate", "--day", DAYS[0]),
    ("recommend", "item-é00007", "-k", "5"),
    ("search", "word1"),
    ("run", "publish", "--day", DAYS[1], "--force", *settings()),
    ("run", "all", "--day", DAYS[1], *settings()),
    ("rollback",),
    ("recommend", "item-é00007", "-k", "5"),
    ("rollback", "--name", "champion"),
    ("run", "publish", "--day", DAYS[0], "--force", *settings(19)),
    ("gc", "--yes"),
)


def use(root: str) -> None:
    """Every command, in the order of a day on which something was wrong."""
    for command in COMMANDS:
        pinsage(root, *command)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_command_works_after_a_collection(forks: ForkServer, memory_folder: Path) -> None:
    data = planted(memory_folder / "data", strings=True, timed=True)
    root = memory_folder / "store"
    forks.run(f"{THIS}:live", str(root), str(data))
    removed = []
    for keep in (2, 1):
        collected = copy(root, memory_folder / f"keep-{keep}")
        store = Store.open(collected)
        plan = plan_garbage(store, keep=keep, grace_seconds=-60, intermediate=INTERMEDIATE)
        collect_garbage(store, plan, grace_seconds=-60)
        removed.append(len(plan.versions))
        forks.run(f"{THIS}:use", str(collected))
    assert removed == sorted(removed)
    assert removed[0], "something was collected"
