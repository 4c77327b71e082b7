"""The wheel in empty environments: core and extra `serve` answer from a published store and hold little else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
PACKAGES = ("pinsage", "pinsage_airflow", "tasks", "schemas")
HEAVY = (
    "torch",
    "airflow",
    "dask",
    "distributed",
    "great_expectations",
    "pandas",
    "sklearn",
    "scipy",
    "numba",
    "typer",
)
ANSWER_SECONDS = 3.0
ANSWER = f"""
import importlib.util, json, sys, time
from pinsage import NewItem, Recommender

with Recommender(sys.argv[1]) as recommender:
    found = [item.item_id for item in recommender.similar("item-7", 5)]
    seconds = time.process_time()
    try:
        recommender.similar_to_new(NewItem(title="a new item"))
    except ImportError as error:
        refusal = str(error)
heavy = [name for name in {HEAVY!r} if importlib.util.find_spec(name)]
print(json.dumps({{"found": found, "seconds": seconds, "refusal": refusal, "heavy": heavy}}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in PACKAGES:
        shutil.copytree(PROJECT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source)
    wheels = ["--no-deps", "--no-build-isolation", "--wheel-dir", str(folder / "wheels"), str(source)]
    run(sys.executable, "-m", "pip", "wheel", "--quiet", *wheels)
    (built,) = (folder / "wheels").iterdir()
    return built


@pytest.fixture(scope="module")
def core(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("core"), str(wheel))


@pytest.fixture(scope="module")
def serving(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("serving"), f"{wheel}[serve]")


def installed(folder: Path, requirement: str) -> Path:
    """The programs of a virtual environment that holds ``requirement`` and what it depends on."""
    venv.create(folder, with_pip=True)
    run(str(folder / "bin/pip"), "install", "--quiet", requirement)
    run(str(folder / "bin/pip"), "check")
    return folder / "bin"


def run(*command: str, code: int = 0, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command away from the project, whose modules it must not find."""
    own = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PINSAGE_ROOT")
    variables = {name: value for name, value in os.environ.items() if name not in own} | more
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env=variables)
    assert result.returncode == code, result.stdout + result.stderr
    return result


@pytest.mark.slow
def test_the_core_answers_from_a_published_store_and_brings_nothing_heavy(
    core: Path, planted: tuple[Path, tuple[str, ...]]
) -> None:
    answer = json.loads(run(str(core / "python"), "-c", ANSWER, str(planted[0])).stdout)
    assert answer["heavy"] == []
    assert {int(item_id.rpartition("-")[2]) % 10 for item_id in answer["found"]} == {7}
    assert answer["seconds"] < ANSWER_SECONDS
    assert answer["refusal"].endswith('torch, which is not installed: pip install "pinsage-pipeline[pipeline]"')


@pytest.mark.slow
@pytest.mark.parametrize(("command", "extra"), [("", "pipeline"), ("run", "pipeline"), ("serve", "serve")])
def test_the_console_script_of_the_core_names_the_extra(core: Path, command: str, extra: str) -> None:
    result = run(str(core / "pinsage"), *command.split(), code=1)
    assert len(result.stderr.splitlines()) == 1
    assert f'pip install "pinsage-pipeline[{extra}]"' in result.stderr


@pytest.mark.slow
def test_the_extra_serve_brings_its_commands(serving: Path, planted: tuple[Path, tuple[str, ...]]) -> None:
    program, root = str(serving / "pinsage"), str(planted[0])
    assert len(json.loads(run(program, "recommend", "item-7", "-k", "3", "--json", PINSAGE_ROOT=root).stdout)) == 3
    assert json.loads(run(program, "status", "--json", PINSAGE_ROOT=root).stdout)["published"]["uri"] == planted[1][0]
    assert "--port" in run(program, "serve", "--help").stdout
    refused = run(program, "run", "--day", "2026-03-01", code=1, PINSAGE_ROOT=root)
    assert 'pip install "pinsage-pipeline[pipeline]"' in refused.stderr
