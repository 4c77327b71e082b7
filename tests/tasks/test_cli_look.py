"""What the commands that only read show to people."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from benchmarks.planted_versions import plant_version
from pinsage.store import Store
from tasks.cli.app import app
from tasks.cli.plan import grouped


def test_brackets_of_titles_are_shown_and_the_item_asked_about_is_named(tmp_path: Path) -> None:
    root = str(tmp_path)
    Store.open(root).ref("published").append(plant_version(root, "[rec]", num_items=60).uri)
    for command in (["recommend", "item-7"], ["search", "rec"]):
        shown = CliRunner().invoke(app, [*command, "--root", root, "-k", "2"], env={"COLUMNS": "100"}).stdout
        assert shown.count("[rec] word") >= 2, shown
        assert shown.count("[rec] kind") == 2, shown
    shown = CliRunner().invoke(app, ["recommend", "item-7", "--root", root], env={"COLUMNS": "100"}).stdout
    assert "like [rec] word7 thing 7 (item-7)" in shown


def test_of_several_items_unknown_ones_are_skipped_and_named(tmp_path: Path) -> None:
    root = str(tmp_path)
    Store.open(root).ref("published").append(plant_version(root, "one", num_items=60).uri)
    asked = CliRunner().invoke(app, ["recommend", "item-7", "[gone]", "item-18", "--root", root, "-k", "3"])
    assert asked.exit_code == 0, asked.output
    assert asked.stdout.count("one word") == 3
    assert "like 2 items together" in asked.stdout
    assert "skipped, unknown to the published index: [gone]" in asked.stderr
    listed = CliRunner().invoke(app, ["recommend", "item-7", "gone", "--root", root, "--json"])
    answer = json.loads(listed.stdout)
    assert answer["skipped"] == ["gone"]
    assert len(answer["items"]) == 10
    lost = CliRunner().invoke(app, ["recommend", "lost", "gone", "--root", root])
    assert "'lost' is not among the 60 items" in str(lost.exception)


def test_a_plan_says_once_what_holds_for_many_days() -> None:
    days = [f"2026-03-{number:02}" for number in range(1, 31)]
    new = [f"raw/saves/{day} is new" for day in days]
    changed = [f"raw/items/{day}: input raw/items/{day} changed" for day in days[:2]]
    assert grouped([*new, *changed, "raw/items/2026-03-09 is new", "code version 1 is now 2"]) == [
        "raw/saves, 30 days, 2026-03-01 to 2026-03-30: new",
        "raw/items, 2 days, 2026-03-01 to 2026-03-02: the delivery changed",
        "raw/items/2026-03-09 is new",
        "code version 1 is now 2",
    ]
