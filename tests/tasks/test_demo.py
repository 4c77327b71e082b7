"""The demo's Airflow with real processes: however it is stopped, nothing that it started stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from pinsage.store import Store
from pinsage_airflow.demo import DAY, INTERRUPTED
from pinsage_airflow.demo import demo as run_demo
from tasks.runtime.days import add_days
from tests.tasks.test_dashboard import whole_day


@contextmanager
def demo(home: Path) -> Iterator[subprocess.Popen[str]]:
    """``make demo-up`` in a terminal of its own."""
    with subprocess.Popen(
        [sys.executable, "-m", "pinsage_airflow.demo", "--home", str(home), "--up"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200"},
    ) as process:
        yield process


def started(home: Path) -> list[int]:
    """The leaders of the sessions that the demo started and has not ended."""
    try:
        recorded = (home / "airflow" / "processes.json").read_text()
    except FileNotFoundError:
        return []
    return [int(pid) for pid in json.loads(recorded)]


def living(sessions: list[int]) -> list[int]:
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def wait_for(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return
    raise AssertionError(f"the demo ended with {process.wait()} before it said {words!r}")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in which a later day than the demo's is published, so that only Airflow is started."""
    store = Store.open(tmp_path / "store")
    with store.write("index", partition=add_days(DAY, 3), inputs=[], config={}, code_version=1) as out:
        out.write_json("sidecar", {})
    store.ref("published").append(out.version.uri)
    return tmp_path


@pytest.mark.slow
def test_nothing_stays_however_the_demo_is_stopped(home: Path) -> None:
    with demo(home) as killed:
        wait_for(killed, "Ctrl-C stops it")
        left = started(home)
        assert len(left) == 3
        killed.kill()
    assert len(living(left)) > 3, "a killed demo can end nothing: servers and workers live"

    # The next start ends what the killed one left; Ctrl-C comes while it starts, to it alone.
    with demo(home) as early:
        wait_for(early, "Starting Airflow")
        while not set(started(home)) - set(left):
            assert early.poll() is None
            time.sleep(0.05)
        assert living(left) == []
        again = started(home)
        early.send_signal(signal.SIGINT)
        assert "Stopped." in early.communicate(timeout=60)[0]
    # `python -m` ends by the signal, whatever was caught, where it came in an `exec` of a text, as imports have them.
    assert early.returncode in (0, -signal.SIGINT)
    assert living(again) == []

    # In a terminal, Ctrl-C reaches the whole group.
    with demo(home) as last:
        wait_for(last, "Ctrl-C stops it")
        leaders = started(home)
        os.killpg(last.pid, signal.SIGINT)
        assert "Stopped." in last.communicate(timeout=60)[0]
    assert last.returncode == 0
    assert living(leaders) == []
    assert started(home) == []


@pytest.mark.parametrize("day", [DAY, add_days(DAY, 1), "2031-01-01"])
def test_a_day_as_late_as_the_demos_is_enough(tmp_path: Path, day: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole_day(Store.open(tmp_path / "store"), day)

    def start(*arguments: object) -> None:
        raise AssertionError("Airflow is not needed")

    shown = []
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    monkeypatch.setattr("pinsage_airflow.demo.LocalAirflow", start)
    monkeypatch.setattr("pinsage_airflow.demo._show", shown.append)
    run_demo(home=tmp_path, up=False)
    assert len(shown) == 1


@pytest.mark.slow
def test_a_stopped_demo_that_was_not_done_says_so_by_its_exit_code(tmp_path: Path) -> None:
    with demo(tmp_path) as process:
        wait_for(process, "Ingesting a year")
        leaders = started(tmp_path)
        process.send_signal(signal.SIGTERM)
        assert "Stopped." in process.communicate(timeout=60)[0]
    assert process.returncode in (INTERRUPTED, -signal.SIGINT)
    assert len(leaders) == 3
    assert living(leaders) == []
