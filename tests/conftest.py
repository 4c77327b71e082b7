"""What tests of several rooms share: folders in memory, S3 servers in fair and in bad weather."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.faults.s3_weather import Weather, s3_server

# A shell that starts tests in the background has interrupts ignored, and so would every process that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The time of an example is that of the machine: first calls compile, and others work beside the tests.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

SLOW_SECONDS = 900


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests, whose fixtures count too, get more time than the others."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_SECONDS))


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
    with s3_server(Weather(share=0.2, seed=8, silence_seconds=1.5)) as environment:
        yield {**environment, "AWS_TIMEOUT": "1s"}


@pytest.fixture
def storm(storm_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """The root of an S3 store, every fifth of whose requests meets a fault."""
    for name, value in storm_environment.items():
        monkeypatch.setenv(name, value)
    return "s3://store"


@contextmanager
def folder_in_memory() -> Iterator[Path]:
    """A folder in memory where there is one: a killed process loses nothing by it, and an fsync costs nothing."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        yield Path(folder)


@pytest.fixture
def memory_folder() -> Iterator[Path]:
    with folder_in_memory() as folder:
        yield folder


@pytest.fixture(scope="session")
def session_memory_folder() -> Iterator[Path]:
    with folder_in_memory() as folder:
        yield folder
