"""``PINSAGE_ROOT`` stands for ``--root`` in every command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pinsage.store import Store
from tasks.cli import app

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
WITHOUT_A_STORE = {"config"}


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - WITHOUT_A_STORE))
def test_the_root_of_a_command_is_that_of_the_environment(name: str) -> None:
    root = next(parameter for parameter in COMMANDS[name].params if parameter.name == "root")
    assert (root.required, root.envvar) == (True, "PINSAGE_ROOT")


def test_the_variable_names_the_store(tmp_path: Path) -> None:
    roots = [str(tmp_path / name) for name in ("one", "two")]
    for root in roots:
        Path(root).mkdir()
        Store.open(root)

    def asked(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["status", "--json", *arguments], env={"PINSAGE_ROOT": roots[0]})
        assert result.exit_code == 0, result.output
        return str(json.loads(result.stdout)["root"])

    assert asked() == roots[0]
    assert asked("--root", roots[1]) == roots[1], "the option wins"


@pytest.mark.parametrize("value", ["", None])
def test_without_a_value_the_option_is_asked_for(value: str | None) -> None:
    result = CliRunner().invoke(app, ["status"], env={"PINSAGE_ROOT": value})
    assert result.exit_code == 2
    assert "--root" in result.output


def test_a_variable_that_names_no_folder_is_told(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["status"], env={"PINSAGE_ROOT": str(tmp_path / "sotre")})
    assert result.exit_code == 1
    assert "check --root or PINSAGE_ROOT" in str(result.exception)
