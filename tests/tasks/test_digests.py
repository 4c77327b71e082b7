"""Two stores are compared by what `pinsage digests` prints."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

import tasks.cli  # noqa: F401  # registers the commands
from benchmarks.planted_versions import plant_version
from tasks.cli.app import app


def digests(root: Path) -> list[str]:
    return CliRunner().invoke(app, ["digests", "--root", str(root)]).stdout.splitlines()


def test_stores_that_hold_the_same_print_the_same(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        plant_version(tmp_path / name, "words", seed=seed, num_items=60)
    assert digests(tmp_path / "one") == digests(tmp_path / "same")
    assert digests(tmp_path / "one") != digests(tmp_path / "other")
    assert any(line.startswith("index/") for line in digests(tmp_path / "one"))
