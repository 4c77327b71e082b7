"""The undisturbed day that every faulty one is compared with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.fork_server import ForkServer
from tests.faults.stages import THIS, CalmDay


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    with ForkServer(
        tmp_path_factory.mktemp("forks"), THIS, "great_expectations", "tasks.data.validation.data_docs"
    ) as server:
        yield server


@pytest.fixture(scope="session")
def calm(session_memory_folder: Path, forks: ForkServer) -> CalmDay:
    return CalmDay(session_memory_folder, forks)
