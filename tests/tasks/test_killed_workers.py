"""One hash of all neighborhoods: one worker and two, three sizes of chunks, two workers killed at work in every run."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import Client, LocalCluster, WorkerPlugin

from tasks.prepare.sample_neighborhoods import sample_neighborhoods
from tasks.runtime.dask_cluster import PATIENCE
from tasks.runtime.session import Session
from tests.tasks.test_sample_neighborhoods import planted_graph

WALKS = {"walks.num_walks": 2_000}
CHUNK_ROWS = (4_096, 8_192, 65_536)
KILLS = 2


class DiesAtWork(WorkerPlugin):
    """SIGKILL to the first `KILLS` workers that begin with a chunk; each leaves a file in ``folder`` before."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def transition(self, key: Any, start: str, finish: str, **kwargs: Any) -> None:
        if finish == "executing" and self._is_chosen():
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGKILL)).start()

    def _is_chosen(self) -> bool:
        for number in range(KILLS):
            try:
                (self._folder / str(number)).touch(exist_ok=False)
            except FileExistsError:
                continue
            return True
        return False


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
        Client(cluster) as client,
    ):
        for chunk_rows in CHUNK_ROWS:
            settings = {"resources.dask_address": cluster.scheduler_address, "resources.chunk_rows": chunk_rows}
            session = Session.open(str(tmp_path / str(chunk_rows)), {**WALKS, **settings})
            killed = tmp_path / f"killed-{chunk_rows}"
            killed.mkdir()
            client.register_plugin(DiesAtWork(killed), name=killed.name)
            made = sample_neighborhoods(session, planted_graph(session))
            assert len(list(killed.iterdir())) == KILLS
            assert made.content_digest == expected.content_digest
