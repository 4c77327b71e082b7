"""A folder that is no store stays as it is until something is written; the first write checks the file system."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pinsage.store import Store, UnsafeStoreError
from pinsage.store.garbage import collect_garbage, plan_garbage
from pinsage.store.objects import LocalObjects
from pinsage.store.pins import pins
from tasks.cli.app import app
from tests.pinsage.store.test_unseen import commit

DAY = "2026-03-01"
COMMANDS = (
    ["status"],
    ["plan", "--day", DAY],
    ["evaluate", "--day", DAY],
    ["run", "--day", DAY],
    ["run", "publish", "--day", DAY],
    ["rollback"],
    ["rollback", "--name", "champion"],
    ["unpin", "x"],
    ["pin", f"graph/{DAY}/{'0' * 32}"],
    ["drop", f"graph/{DAY}/{'0' * 32}"],
    ["recommend", "1"],
    ["search", "x"],
    ["gc"],
    ["gc", "--yes"],
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_that_only_reads_creates_nothing(tmp_path: Path, command: list[str]) -> None:
    CliRunner().invoke(app, [*command, "--root", str(tmp_path)])
    assert list(tmp_path.iterdir()) == []


def test_reading_creates_nothing(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    assert store.partitions("graph") == store.ref_names("raw/saves") == store.page_folders("reports") == []
    assert store.ref("published").head() is None
    assert pins(store) == {}
    collect_garbage(store, plan_garbage(store))
    assert list(tmp_path.iterdir()) == []
    commit(store, "graph", [])
    assert [path.name for path in tmp_path.iterdir()] == ["graph"], "the probe leaves nothing behind"


def test_a_file_system_without_exclusive_links_is_refused_before_the_first_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(source: Path, target: Path) -> None:
        shutil.copy(source, target)

    monkeypatch.setattr(os, "link", link)
    store = Store.open(tmp_path)
    for _ in range(2):
        with pytest.raises(UnsafeStoreError, match="a second conditional put"):
            commit(store, "graph", [])
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert isinstance(store.objects, LocalObjects)
