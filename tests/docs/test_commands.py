"""Blocks that a reader types, saves or runs work as the pages say, or say invisibly why they are not run here."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

import tasks.cli  # noqa: F401  # registers the commands
from tasks.cli.app import app
from tests.docs.blocks import Block, blocks_of
from tests.docs.reader import PROJECT, Reader

PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").glob("*.md"))]
# Read in this order, from an empty folder, with the settings that a reader has.
FROM_NOTHING = ("tutorial.md", "your_own_model.md")
BESIDE_A_STORE = [
    page
    for page in PAGES
    if page.name not in FROM_NOTHING and any(block.active and block.reason_not_run is None for block in blocks_of(page))
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_marks_stand_before_blocks_and_give_a_reason(page: Path) -> None:
    marks = re.findall(r"^<!-- (?:not run|exit code).*-->$", page.read_text(encoding="utf-8"), re.MULTILINE)
    marked = [block for block in blocks_of(page) if block.mark in marks]
    assert len(marked) == len(marks), "a mark belongs on the line before a fence"
    for block in marked:
        assert block.active, f"line {block.line}: nobody would run it"
        assert block.exit_code or block.reason_not_run, f"line {block.line}: {block.mark}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_options_that_are_named_exist(page: Path) -> None:
    program = typer.main.get_command(app)
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in re.findall(r"`(pinsage [a-z][^`]*)`", text) + re.findall(r"\bpinsage [a-z][^\n#)|]*", _shell(page)):
        name, *words = line.removeprefix("pinsage ").split()
        command = program.commands.get(name)  # type: ignore[attr-defined]
        assert command is not None, f"`{line}`: there is no such command"
        options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        for word in words:
            if re.fullmatch(r"--[a-z-]+", word):
                assert word in options, f"`{line}`: no option {word}"


@pytest.mark.slow
@pytest.mark.parametrize("page", BESIDE_A_STORE, ids=lambda page: page.name)
def test_blocks_work_beside_a_store(page: Path, desk: Path, small_settings: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    shutil.copytree(desk, folder, symlinks=True)
    follow(page, folder, small_settings)


@pytest.mark.slow
@pytest.mark.timeout(2400)  # seven trainings as a reader has them, which other work beside them slows down
def test_the_tutorial_and_what_builds_on_it_work_from_nothing(tmp_path: Path) -> None:
    for name in FROM_NOTHING:
        follow(PROJECT / "docs" / name, tmp_path, {})


def follow(page: Path, folder: Path, settings: dict[str, str]) -> None:
    """Do what a page says; a block of text after a command is what the command prints, shortened."""
    printed = ""
    with Reader(folder, settings) as reader:
        for block in blocks_of(page):
            if block.active and block.reason_not_run is None:
                printed = reader.follow(block)
            elif block.language == "text":
                assert_printed(block, printed)


def assert_printed(block: Block, printed: str) -> None:
    """Lines of the block are parts of lines that were printed, in order; ``...`` stands for any."""
    lines = iter(_plain(printed))
    for line in _plain(block.text):
        if line != "...":
            assert any(line in other for other in lines), f"{block.page} line {block.line}: {line!r} not in\n{printed}"


def _plain(text: str) -> Iterator[str]:
    return (" ".join(line.replace("┃", "│").split()) for line in text.splitlines())


def _shell(page: Path) -> str:
    return "\n".join(block.text.replace("\\\n", " ") for block in blocks_of(page) if block.typed)
