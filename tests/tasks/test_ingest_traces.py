"""What an ingestion leaves behind when it is refused, killed, or has no room: nothing that was not there before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from tasks.cli import app
from tasks.data.ingest import ingest
from tasks.data.ingestion.spill import DaySpill
from tasks.runtime.session import Session

SAVES = "board_id,item_id,saved_at\n" + "".join(f"{row},{row % 7},2026-03-0{1 + row % 9}\n" for row in range(200))


@pytest.mark.parametrize("root", ["store", "a/b/store"])
@pytest.mark.parametrize("options", [["--saves", "bad.csv"], ["--saves", "none.csv"], ["--vector", "x="], []])
def test_a_refused_first_delivery_leaves_no_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: str, options: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.csv").write_text(SAVES + "1,2\n")
    assert CliRunner().invoke(app, ["ingest", "--root", root, *options]).exit_code != 0
    assert [path.name for path in tmp_path.iterdir()] == ["bad.csv"]


def test_a_refused_delivery_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "saves.csv").write_text(SAVES)
    root = tmp_path / "store"
    root.mkdir()
    arguments = ["ingest", "--root", str(root), "--saves", str(tmp_path / "saves.csv")]
    assert CliRunner().invoke(app, [*arguments, "--item-id", "sku"]).exit_code != 0
    assert list(root.iterdir()) == []
    assert CliRunner().invoke(app, arguments).exit_code == 0
    before = sorted(root.rglob("*"))
    assert CliRunner().invoke(app, [*arguments, "--item-id", "sku"]).exit_code != 0
    assert sorted(root.rglob("*")) == before


def test_a_killed_ingestion_leaves_no_rows_in_the_temporary_folder(tmp_path: Path) -> None:
    waiting = (
        "import numpy, pyarrow, time\nfrom tasks.data.ingestion.spill import DaySpill\n"
        "spill = DaySpill(buffer_bytes=1)\n"
        "spill.add(pyarrow.table({'x': range(100_000)}), numpy.arange(100_000) % 5)\nprint('spilled', flush=True)\n"
        "time.sleep(100)\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", waiting], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "spilled\n"
        process.send_signal(signal.SIGKILL)
    assert list(tmp_path.iterdir()) == []


def test_a_full_temporary_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "saves.csv").write_text(SAVES)
    session = Session.open(str(tmp_path / "store"))
    monkeypatch.setattr(tempfile, "TemporaryFile", partial(open, "/dev/full", "r+b"))
    monkeypatch.setattr(DaySpill.__init__, "__defaults__", (1,))
    with pytest.raises(
        OSError, match=r"No space left on device; point TMPDIR to a folder with room.*nothing was written"
    ):
        ingest(session, items=None, saves=tmp_path / "saves.csv")
    assert list(session.store.objects.walk("raw")) == []


def test_rows_of_a_day_keep_their_order_and_digest_however_they_are_spilled() -> None:
    rows = pa.table({"x": np.arange(300_000), "text": [f"{row}" for row in range(300_000)]})
    days = np.arange(300_000) % 3
    digests = []
    for limit, step in ((1, 1000), (2**20, 70_000), (2**40, 300_000)):
        with DaySpill(limit) as spill:
            for start in range(0, 300_000, step):
                spill.add(rows.slice(start, step), days[start : start + step])
            day = pa.Table.from_batches(spill.batches(1))
            assert day.column("x").to_numpy().tolist() == list(range(1, 300_000, 3))
            digests.append([spill.digest(day) for day in range(3)])
    assert digests[0] == digests[1] == digests[2]


def test_few_files_and_a_full_standard_output(tmp_path: Path) -> None:
    (tmp_path / "saves.csv").write_text(SAVES)
    arguments = ["ingest", "--root", tmp_path / "store", "--saves", tmp_path / "saves.csv"]
    limited = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (24, 24)); from tasks.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for options in ([], ["--json"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "tasks.cli", *map(str, arguments), *options],
                stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            )  # fmt: skip
        assert done.returncode == 1
        (line,) = (line for line in done.stderr.splitlines() if "[info" not in line)
        assert "the rows are in the store, but standard output" in line
