"""What the commands that only read show to people."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from benchmarks.planted_versions import plant_version
from pinsage.store import Store
from tasks.cli.app import app


def test_brackets_of_titles_are_shown_and_the_item_asked_about_is_named(tmp_path: Path) -> None:
    root = str(tmp_path)
    Store.open(root).ref("published").append(plant_version(root, "[rec]", num_items=60).uri)
    for command in (["recommend", "item-7"], ["search", "rec"]):
        shown = CliRunner().invoke(app, [*command, "--root", root, "-k", "2"], env={"COLUMNS": "100"}).stdout
        assert shown.count("[rec] word") >= 2, shown
        assert shown.count("[rec] kind") == 2, shown
    shown = CliRunner().invoke(app, ["recommend", "item-7", "--root", root], env={"COLUMNS": "100"}).stdout
    assert "like [rec] word7 thing 7 (item-7)" in shown
