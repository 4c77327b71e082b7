"""One hash of all neighborhoods: one worker and two, three sizes of chunks, two workers killed at work in every run."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dask
import pytest
from distributed import LocalCluster

from tasks.dask_cluster import PATIENCE
from tasks.sample_neighborhoods import sample_neighborhoods
from tasks.session import Session
from tests.tasks.test_sample_neighborhoods import planted_graph

WALKS = {"walks.num_walks": 2_000}
CHUNK_ROWS = (4_096, 8_192, 65_536)


@pytest.mark.slow
@pytest.mark.parametrize("num_workers", [1, 2])
def test_neither_workers_nor_chunks_nor_kills_change_a_bit(tmp_path: Path, num_workers: int) -> None:
    calm = Session.open(str(tmp_path / "calm"), {**WALKS, "resources.workers": 1})
    expected = sample_neighborhoods(calm, planted_graph(calm))
    with (
        dask.config.set(PATIENCE),
        LocalCluster(
            n_workers=num_workers,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=50,
        ) as cluster,
    ):
        for chunk_rows in CHUNK_ROWS:
            settings = {"resources.dask_address": cluster.scheduler_address, "resources.chunk_rows": chunk_rows}
            session = Session.open(str(tmp_path / str(chunk_rows)), {**WALKS, **settings})
            with ThreadPoolExecutor(1) as beside:
                killed = beside.submit(kill_workers_at_work, cluster, 2)
                made = sample_neighborhoods(session, planted_graph(session))
                assert len(set(killed.result(timeout=60))) == 2
            assert made.content_digest == expected.content_digest


def kill_workers_at_work(cluster: LocalCluster, number: int) -> list[int]:
    """SIGKILL so many worker processes, each while it computes a chunk. Returns their process ids."""
    killed: list[int] = []
    deadline = time.monotonic() + 60
    while len(killed) < number and time.monotonic() < deadline:
        for worker in list(cluster.scheduler.workers.values()):
            pid = cluster.workers[worker.name].pid
            if pid is not None and worker.processing and pid not in killed and len(killed) < number:  # None: it died
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
        time.sleep(0.01)
    return killed
