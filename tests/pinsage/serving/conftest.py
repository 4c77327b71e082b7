"""A store with three planted versions, the first of them published; built once, copied for tests that damage it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.planted_versions import plant_version
from pinsage.store import Store

TAGS = ("one", "two", "three")


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[str, ...]]:
    root = tmp_path_factory.mktemp("planted") / "store"
    uris = tuple(plant_version(root, tag, seed=seed).uri for seed, tag in enumerate(TAGS))
    Store.open(root).ref("published").append(uris[0])
    return root, uris


@pytest.fixture
def planted_copy(planted: tuple[Path, tuple[str, ...]], tmp_path: Path) -> tuple[Path, tuple[str, ...]]:
    shutil.copytree(planted[0], tmp_path / "store")
    return tmp_path / "store", planted[1]
