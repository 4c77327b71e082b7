"""Processes that write to a store and may be killed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.fork_server import ForkServer


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    modules = ("tests.pinsage.store.test_contract", "tests.pinsage.store.test_state_machine")
    with ForkServer(tmp_path_factory.mktemp("forks"), *modules) as server:
        yield server
