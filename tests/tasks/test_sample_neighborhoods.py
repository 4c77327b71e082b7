"""The stage `sample_neighborhoods` on a real store."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pinsage.graph.bipartite import build_graph
from pinsage.store import Version
from tasks.prepare.sample_neighborhoods import sample_neighborhoods
from tasks.runtime.session import Session

NUM_ITEMS = 10_000
PROJECT = Path(__file__).parents[2]

RUN = """
import json, sys
from tasks.prepare.sample_neighborhoods import sample_neighborhoods
from tasks.runtime.session import Session
session = Session.open(sys.argv[1], {"resources.chunk_rows": 4096, "resources.workers": 1, **json.loads(sys.argv[3])})
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


def test_neighbors_stay_in_their_community_and_neither_chunks_nor_pages_change_anything(tmp_path: Path) -> None:
    made = []
    for chunk_rows, huge_page_bytes in ((4096, 0), (8192, 2**30), (65_536, 0)):
        settings = {"resources.chunk_rows": chunk_rows, "resources.huge_page_bytes": huge_page_bytes}
        session = Session.open(str(tmp_path / str(chunk_rows)), settings)
        made.append(sample_neighborhoods(session, planted_graph(session)))
    assert len({version.uri for version in made}) == 1
    assert len({version.content_digest for version in made}) == 1
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
        [sys.executable, "-c", RUN, str(tmp_path / "store"), graph.uri, "{}"],
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
        [sys.executable, "-c", GUARDED, str(tmp_path / "store"), graph.uri, '{"resources.workers": 2}'],
        env={**os.environ, "PINSAGE_FAILPOINT": "chunk.after_data:3"},
        cwd=PROJECT,
        check=True,
    )
    made = sample_neighborhoods(session, graph)
    assert made.content_digest == expected.content_digest
    data = [info.key for info in session.store.objects.walk("neighborhoods") if "/data/" in info.key]
    assert len(data) > 6, "six files, and an orphan of the killed worker"


@pytest.mark.slow
def test_two_workers_read_the_graph_from_a_bucket_and_report(
    s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest of one process on local disk; the graph is in the cache once, under the digests of its files."""
    calm = Session.open(str(tmp_path / "calm"))
    expected = sample_neighborhoods(calm, planted_graph(calm))
    monkeypatch.setenv("PINSAGE_CACHE", str(tmp_path / "cache"))
    root = f"{s3}/{tmp_path.name}"
    graph = planted_graph(Session.open(root))
    settings = {"resources.workers": 2, "resources.dask_report_folder": str(tmp_path / "reports")}
    done = subprocess.run(
        [sys.executable, "-c", GUARDED, root, graph.uri, json.dumps(settings)],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    )
    (made,) = Session.open(root).store.versions("neighborhoods", "2026-03-01")
    assert made.content_digest == expected.content_digest
    fetched = {path.stem for path in (tmp_path / "cache").rglob("*.npy")}
    assert {entry.sha256 for entry in graph.manifest.files} <= fetched
    assert "<html" in (tmp_path / "reports/sample_neighborhoods.html").read_text()
    assert "sample_neighborhoods chunks" in done.stdout + done.stderr, "without a terminal, progress is in the log"


def test_walks_may_end_early_and_follow_the_weights_of_the_graph(tmp_path: Path) -> None:
    """An item saved to two boards, one of them thirty times heavier; other items that see much of each other."""
    session = Session.open(str(tmp_path), {"walks.num_walks": 2000, "walks.enough_items": 1, "walks.enough_visits": 50})
    item_rows, board_rows = np.array([0, 0, 1, 2, 3, 4]), np.array([0, 1, 0, 1, 2, 2])
    graph = build_graph(item_rows, board_rows, 5, 3)
    heavy = {"item_edge_weights": graph.item_boards == 1, "board_edge_weights": np.arange(6) // 2 == 1}
    with session.store.write("graph", partition="2026-03-01", inputs=[], config={}, code_version=1) as out:
        for name in ("item_offsets", "item_boards", "board_offsets", "board_items"):
            out.write_array(name, getattr(graph, name))
        for name, is_heavy in heavy.items():
            out.write_array(name, np.where(is_heavy, 30, 1).astype(np.float32))
    made = sample_neighborhoods(session, out.version)
    assert made.array("neighbors")[0, :2].tolist() == [2, 1]
    assert made.array("importances")[0, 0] > 0.9
    assert made.array("walks_made").tolist() == [256] * 5, "one round brings everybody's first neighbor to 50 visits"
    assert made.measurements["share_of_walks_made"] == 256 / 2000


@pytest.mark.slow
@pytest.mark.parametrize("is_killed", [False, True])
def test_walkers_that_travel_between_parts_write_the_same_bytes(tmp_path: Path, is_killed: bool) -> None:
    """Two workers, a graph in two parts, three chunks; and workers that die after their third file."""
    calm = Session.open(str(tmp_path / "calm"))
    expected = sample_neighborhoods(calm, planted_graph(calm))
    session = Session.open(str(tmp_path / "store"))
    graph = planted_graph(session)
    settings = {"resources.workers": 2, "resources.graph_parts": 2}
    subprocess.run(
        [sys.executable, "-c", GUARDED, str(tmp_path / "store"), graph.uri, json.dumps(settings)],
        env={**os.environ, **({"PINSAGE_FAILPOINT": "chunk.after_data:3"} if is_killed else {})},
        cwd=PROJECT,
        check=True,
    )
    (made,) = session.store.versions("neighborhoods", "2026-03-01")
    assert made.content_digest == expected.content_digest
