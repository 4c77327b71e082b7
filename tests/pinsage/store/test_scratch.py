"""Scratch folders of stages in progress."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pinsage.store import Store
from pinsage.store.errors import InvalidNameError
from pinsage.store.garbage import collect_garbage, plan_garbage


def test_garbage_collection_removes_old_scratch_folders_only(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    for name in ("old", "young"):
        store.scratch(name).mkdir(parents=True)
        (store.scratch(name) / "part").write_bytes(b"rows")
    os.utime(store.scratch("old"), (time.time() - 7_200,) * 2)
    collect_garbage(store, plan_garbage(store, grace_seconds=3_600), grace_seconds=3_600)
    assert not store.scratch("old").exists()
    assert (store.scratch("young") / "part").read_bytes() == b"rows"


def test_scratch_folders_stay_in_the_cache(tmp_path: Path) -> None:
    with pytest.raises(InvalidNameError):
        Store.open(tmp_path).scratch("../elsewhere")
