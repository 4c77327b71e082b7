"""The stage `sample_neighborhoods` on a real store."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pinsage.graph.bipartite import build_graph
from pinsage.store import Version
from tasks.sample_neighborhoods import sample_neighborhoods
from tasks.session import Session

NUM_ITEMS = 10_000
PROJECT = Path(__file__).parents[2]

RUN = """
import sys
from tasks.sample_neighborhoods import sample_neighborhoods
from tasks.session import Session
session = Session.open(sys.argv[1], {"resources.chunk_rows": 4096, "resources.workers": int(sys.argv[3])})
sample_neighborhoods(session, session.store.version(sys.argv[2]))
"""

GUARDED = "if __name__ == '__main__':\n" + "\n".join("    " + line for line in RUN.strip().splitlines())


def planted_graph(session: Session) -> Version:
    """Ten communities of items that share boards with nobody else."""
    rng = np.random.default_rng(6)
    boards = rng.integers(0, 2_000, 60_000)
    items = rng.integers(0, NUM_ITEMS // 10, 60_000) * 10 + boards % 10
    graph = build_graph(items, boards, NUM_ITEMS, 2_000)
    with session.store.write("graph", partition="2026-03-01", inputs=[], config={}, code_version=1) as out:
        if not out.is_committed:
            for name in ("item_offsets", "item_boards", "board_offsets", "board_items"):
                out.write_array(name, getattr(graph, name))
    return out.version


def test_neighbors_stay_in_their_community_and_chunks_change_nothing(tmp_path: Path) -> None:
    made = []
    for chunk_rows in (4096, 65_536):
        session = Session.open(str(tmp_path / str(chunk_rows)), {"resources.chunk_rows": chunk_rows})
        made.append(sample_neighborhoods(session, planted_graph(session)))
    assert made[0].uri == made[1].uri
    assert made[0].content_digest == made[1].content_digest
    neighbors = made[0].array("neighbors")
    rows, places = np.nonzero(neighbors >= 0)
    assert len(rows) > NUM_ITEMS
    assert (neighbors[rows, places] % 10 == rows % 10).all()


def test_rerun_writes_nothing_and_another_seed_is_another_version(tmp_path: Path) -> None:
    session = Session.open(str(tmp_path))
    graph = planted_graph(session)
    first = sample_neighborhoods(session, graph)
    before = list(session.store.objects.walk("neighborhoods"))
    assert sample_neighborhoods(session, graph).uri == first.uri
    assert list(session.store.objects.walk("neighborhoods")) == before
    other = Session.open(str(tmp_path), {"walks.seed": 1})
    assert sample_neighborhoods(other, graph).content_digest != first.content_digest


@pytest.mark.parametrize("failpoint", ["chunk.after_data:3", "chunk.after_record:4", "commit.verified"])
def test_killed_stage_goes_on_from_its_finished_chunks(tmp_path: Path, failpoint: str) -> None:
    calm = Session.open(str(tmp_path / "calm"))
    expected = sample_neighborhoods(calm, planted_graph(calm))
    session = Session.open(str(tmp_path / "store"), {"resources.chunk_rows": 4096})
    graph = planted_graph(session)
    killed = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path / "store"), graph.uri, "1"],
        env={**os.environ, "PINSAGE_FAILPOINT": failpoint},
        cwd=PROJECT,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert session.store.partitions("neighborhoods") == []
    records = [info.key for info in session.store.objects.walk("neighborhoods") if "/_chunks/" in info.key]
    assert records, "finished chunks survive"
    made = sample_neighborhoods(session, graph)
    assert made.content_digest == expected.content_digest
    assert set(records) <= {info.key for info in session.store.objects.walk("neighborhoods")}


def test_killed_worker_costs_its_chunk_and_nothing_else(tmp_path: Path) -> None:
    calm = Session.open(str(tmp_path / "calm"))
    expected = sample_neighborhoods(calm, planted_graph(calm))
    session = Session.open(str(tmp_path / "store"), {"resources.chunk_rows": 4096})
    graph = planted_graph(session)
    # Every worker process dies after its third file; three chunks of two files need at least one such death.
    subprocess.run(
        [sys.executable, "-c", GUARDED, str(tmp_path / "store"), graph.uri, "2"],
        env={**os.environ, "PINSAGE_FAILPOINT": "chunk.after_data:3"},
        cwd=PROJECT,
        check=True,
    )
    made = sample_neighborhoods(session, graph)
    assert made.content_digest == expected.content_digest
    data = [info.key for info in session.store.objects.walk("neighborhoods") if "/data/" in info.key]
    assert len(data) > 6, "six files, and an orphan of the killed worker"
