"""What the system does not give is said in one line, with exit code 1, wherever there is anyone left to read it."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import pytest

from benchmarks.planted_versions import plant_version
from pinsage.store import Store
from tasks.cli.limits import damaged_kernel, limit_met

PROJECT = Path(__file__).parents[2]
FULL = "/dev/full"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("limits") / "store"
    Store.open(root).ref("published").append(plant_version(root, "one").uri)
    return str(root)


def run(command: str, *arguments: str, before: str = "true") -> subprocess.CompletedProcess[str]:
    """The command line in a shell, with redirections, after ``before``."""
    shell = f'{before}; exec "$@" {command}'
    words = ["bash", "-c", shell, "bash", sys.executable, "-m", "tasks.cli", *arguments]
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd=PROJECT)


COMMANDS = (
    ("--help",),
    ("status", "--root", "ROOT", "--json"),
    ("recommend", "item-7", "--root", "ROOT"),
    ("status", "--root", "ROOT/none", "--json"),
)


@pytest.mark.parametrize("arguments", COMMANDS)
def test_standard_output_is_full(root: str, arguments: tuple[str, ...]) -> None:
    done = run(f">{FULL}", *(word.replace("ROOT", root) for word in arguments))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error")]
    assert "none" in line if "ROOT/none" in arguments else "No space left on device" in line


@pytest.mark.parametrize("streams", [f"2>{FULL}", f">{FULL} 2>{FULL}"])
def test_nobody_can_be_told(root: str, streams: str) -> None:
    done = run(streams, "status", "--root", f"{root}/none")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_a_reader_that_leaves_is_no_error(root: str) -> None:
    done = run("| head -1; exit ${PIPESTATUS[1]}", "status", "--root", root, before="set -o pipefail")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [6, 24])
def test_few_open_files(root: str, number: int) -> None:
    done = run("", "recommend", "item-7", "--root", root, "--json", before=f"ulimit -n {number}")
    if done.returncode == 0:
        assert len(json.loads(done.stdout)) == 10
        return
    assert "Traceback" not in done.stderr
    assert "Too many open files" in f"{done.stdout}{done.stderr}"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/tmp/x"), "/tmp/x: No space left on device; free space"),
        (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
        (RuntimeError("can't start new thread"), "ulimit -u"),
        (ImportError("x.so: cannot open shared object file: Too many open files"), "ulimit -n"),
        (MemoryError(), "the memory does not suffice"),
        (Exception("Error while serializing: I/O error: No space left on device (os error 28)"), "free space"),
        (OSError("IOError: Error writing bytes to file. Detail: [errno 27] File too large"), "ulimit -f"),
    ],
)
def test_limits_are_recognised(error: Exception, said: str) -> None:
    assert said in str(limit_met(error))
    wrapper = LookupError("a wrapper")
    wrapper.__context__ = error
    assert said.rpartition("; ")[2] in str(limit_met(wrapper))


@pytest.mark.parametrize("error", [ValueError("No such item"), KeyError("x"), OSError(errno.ENOENT, "x"), Exception()])
def test_other_errors_are_none_of_them(error: Exception) -> None:
    assert limit_met(error) is None


def test_a_damaged_cache_of_kernels_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    source = tmp_path / "kernel.py"
    source.write_text("def double(value):\n    return 2 * value\n")

    def double() -> Any:
        names: dict[str, Any] = {"__name__": "kernel", "__file__": str(source)}
        exec(compile(source.read_text(), str(source), "exec"), names)
        return numba.njit(cache=True)(names["double"])

    assert double()(2) == 4
    (index,) = tmp_path.rglob("*.nbi")
    index.write_bytes(b"")
    with pytest.raises(EOFError) as caught:
        double()(2)
    assert f"remove {index.parent}, it is made again" in str(damaged_kernel(caught.value))
    index.unlink()
    assert double()(2) == 4
