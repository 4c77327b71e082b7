"""What the store's tests share: an S3 server, and processes that may be killed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.fork_server import ForkServer
from tests.faults.s3_weather import Weather, s3_server


@pytest.fixture(scope="session")
def s3_environment() -> Iterator[dict[str, str]]:
    with s3_server() as environment:
        yield environment


@pytest.fixture
def s3(s3_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The root of an S3 store; its variables are in the environment."""
    for name, value in s3_environment.items():
        monkeypatch.setenv(name, value)
    return "s3://store"


@pytest.fixture(scope="session")
def storm_environment() -> Iterator[dict[str, str]]:
    with s3_server(Weather(share=0.2, seed=8, silence_seconds=1.0)) as environment:
        yield {**environment, "AWS_TIMEOUT": "500ms"}


@pytest.fixture
def storm(storm_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The root of an S3 store, every fifth of whose requests meets a fault."""
    for name, value in storm_environment.items():
        monkeypatch.setenv(name, value)
    return "s3://store"


@pytest.fixture
def memory_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: a killed process loses nothing by it, and an fsync costs nothing."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    modules = ("tests.pinsage.store.test_contract", "tests.pinsage.store.test_state_machine")
    with ForkServer(tmp_path_factory.mktemp("forks"), *modules) as server:
        yield server
