"""Without standard streams a file that Annoy opens could get the number 0, which Annoy takes for none and dies of."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
ASK = """
import json, os, sys
from pinsage import Recommender
root, answer, closed = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
for number in closed:
    os.close(number)
for _ in range(3):
    recommender = Recommender(root)
    found = recommender.similar("item-7", 5)
    recommender.close()
del recommender
open(answer, "w").write(json.dumps([each.item_id for each in found]))
"""
BUILD = """
import os, sys
from pathlib import Path
import numpy as np
from pinsage.index.annoy_shards import build_shard_file, open_shard
from pinsage.index.geometry import Geometry
os.close(0)
vectors, rows = np.eye(8, dtype=np.float32), np.arange(8, dtype=np.int32)
geometry = Geometry.fit(vectors, "angular")
build_shard_file(vectors, rows, geometry, Path(sys.argv[1]), num_trees=2, seed=1)
shard = open_shard(Path(sys.argv[1]), rows, vectors, geometry)
shard.trees.unload()
"""


def run(*command: str, closed: str = "") -> subprocess.CompletedProcess[str]:
    shell = ["bash", "-c", f'exec "$@" {closed}', "bash", sys.executable, *command]
    return subprocess.run(shell, capture_output=True, text=True, check=False, cwd=PROJECT)


@pytest.mark.parametrize("closed", [[0], [0, 1, 2]])
@pytest.mark.parametrize("when", ["before the start", "later"])
def test_a_foreign_process(planted: tuple[Path, tuple[str, ...]], tmp_path: Path, closed: list[int], when: str) -> None:
    answer, later = tmp_path / "answer", when == "later"
    streams = "" if later else " ".join(("<&-", ">&-", "2>&-")[number] for number in closed)
    done = run("-c", ASK, str(planted[0]), str(answer), json.dumps(closed if later else []), closed=streams)
    assert done.returncode == 0, done
    assert len(json.loads(answer.read_text())) == 5


def test_a_shard_is_built_without_standard_input(tmp_path: Path) -> None:
    done = run("-c", BUILD, str(tmp_path / "shard"))
    assert done.returncode == 0, done


@pytest.mark.parametrize("closed", ["<&-", "<&- 2>&-", "<&- >&- 2>&-"])
def test_the_command_line(planted: tuple[Path, tuple[str, ...]], closed: str) -> None:
    done = run("-m", "tasks.cli", "recommend", "item-7", "--root", str(planted[0]), "--json", closed=closed)
    assert done.returncode == 0, done
    if ">&- 2" not in closed:
        assert len(json.loads(done.stdout)) == 10


def test_a_process_that_it_starts_has_streams(tmp_path: Path) -> None:
    program = (
        "import os, subprocess, sys; from tasks.cli.streams import open_closed_streams; open_closed_streams();"
        "sys.exit(subprocess.run([sys.executable, '-c', 'import os; [os.fstat(number) for number in range(3)]'])"
        ".returncode)"
    )
    assert run("-c", program, closed="<&- >&- 2>&-").returncode == 0
