"""What the store's tests share: an S3 server, and processes that may be killed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.fork_server import ForkServer
from tests.faults.s3_weather import s3_server


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
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    modules = ("tests.pinsage.store.test_contract", "tests.pinsage.store.test_state_machine")
    with ForkServer(tmp_path_factory.mktemp("forks"), *modules) as server:
        yield server
