"""What was delivered reaches a terminal as text: it moves no cursor, fills no screen and ends no command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from benchmarks.planted_versions import plant_version
from pinsage.store import Store
from tasks.runtime.terminal_text import one_line, printable

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202ered\u2066\r\n\tL\x7f\x85 [bold]x"
JOINERS = "\u200c\u200d"


def obeyed(text: str) -> list[str]:
    """Characters that a terminal would obey, or that turn or hide what follows."""
    return [c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in JOINERS]


@given(st.text(max_size=400), st.integers(2, 60))
def test_any_text_is_one_line_of_bounded_width_without_control_characters(text: str, width: int) -> None:
    line = one_line(text, width)
    assert obeyed(line) == []
    assert cell_len(line) <= width
    assert len(line) <= 10 * width


@pytest.mark.parametrize(
    "text", ["L" * 20_000, "書" * 20_000, "a" + "\u0301" * 20_000, "\x1b" * 20_000, "👨‍👩‍👧" * 5_000]
)
def test_long_texts_are_cut_and_say_so(text: str) -> None:
    line = one_line(text, 40)
    assert line.endswith("…")
    assert len(line) <= 400
    assert 1 <= cell_len(line) <= 40


@pytest.mark.parametrize("text", ["Pears Bartlett", "אבגד", "می‌خواهم", "👨‍👩‍👧 家族", "[red] 50% off"])
def test_ordinary_titles_stay_as_they_are(text: str) -> None:
    assert one_line(text) == text


@given(st.text(max_size=400))
def test_a_message_keeps_its_lines_and_nothing_else(text: str) -> None:
    assert obeyed(printable(text).replace("\n", "")) == []
    assert printable(text).count("\n") == text.count("\n")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = str(tmp_path_factory.mktemp("hostile") / "store")
    Store.open(root).ref("published").append(
        plant_version(root, f"{HOSTILE} é書👨‍👩‍👧 {'L' * 20_000}", num_items=60).uri
    )
    return root


ENVIRONMENTS = {
    "utf-8": {"PYTHONUTF8": "1"},
    "C": {"LANG": "C", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "latin-1": {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"},
}


@pytest.mark.slow
@pytest.mark.parametrize(("encoding", "columns"), [("utf-8", "80"), ("utf-8", "200"), ("C", "80"), ("latin-1", "80")])
@pytest.mark.parametrize("command", [["recommend", "item-7"], ["search", "word7"], ["recommend", f"no{HOSTILE}"]])
def test_hostile_titles_in_commands(root: str, command: list[str], encoding: str, columns: str) -> None:
    environment = {**os.environ, **ENVIRONMENTS[encoding], "COLUMNS": columns, "NO_COLOR": "1"}
    arguments = [sys.executable, "-m", "tasks.cli", *command, "--root", root, "-k", "3"]
    done = subprocess.run(arguments, capture_output=True, check=False, env=environment)
    shown = (done.stdout + done.stderr).decode("latin-1" if encoding == "latin-1" else "utf-8")
    assert obeyed(shown.replace("\n", "")) == []
    assert "Traceback" not in shown
    assert len(shown) < 5_000
    rows = [line for line in shown.splitlines() if "item-" in line and line[0] in "│|"]
    if "no" not in command[1]:
        assert done.returncode == 0
        assert len(rows) == 3, shown
    as_json = subprocess.run([*arguments, "--json"], capture_output=True, check=False, env=environment)
    assert obeyed(as_json.stdout.decode("ascii").replace("\n", "")) == []
    answer = json.loads(as_json.stdout)
    assert "error" in answer if "no" in command[1] else HOSTILE in answer[0]["title"]


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("command", [[], ["run"], ["recommend"], ["plan"], ["serve"], ["config"], ["ablate"]])
def test_help_by_either_name(command: list[str], option: str, capsys: pytest.CaptureFixture[str]) -> None:
    from tasks.cli.app import app

    app([*command, option], standalone_mode=False)
    assert "Usage" in capsys.readouterr().out


def test_the_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    from importlib import metadata

    from tasks.cli.app import app

    app(["--version"], standalone_mode=False)
    assert capsys.readouterr().out == f"pinsage {metadata.version('pinsage-pipeline')}\n"


def test_logged_text_reaches_the_terminal_without_control_characters(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    said = f"title={HOSTILE.replace(chr(32), '')!r}, titles=[{HOSTILE!r}]"
    code = (
        f"import structlog, tasks.runtime.logs as logs; logs.log_to_stderr(); structlog.get_logger().warning(1, {said})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd())
    assert "owned" in done.stderr
    assert obeyed(done.stderr.replace("\n", "")) == []
