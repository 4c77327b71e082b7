"""Dask workers that are ended for want of memory: computed again, or an error that says what to do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from distributed import LocalCluster

from tasks.runtime.dask_cluster import WorkersDiedError, map_chunks
from tasks.runtime.resources import ResourceConfig

DASK_ALLOWS = 3  # distributed.scheduler.allowed-failures


@pytest.fixture(scope="module")
def resources() -> Iterator[ResourceConfig]:
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        memory_limit="500MB",
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=50,
    ) as cluster:
        yield ResourceConfig(dask_address=cluster.scheduler_address)


def hungry(chunk: int, folder: str, times: int) -> int:
    """Chunk 1 takes more memory than there is, so many times."""
    tries = Path(folder)
    if chunk == 1 and len(list(tries.iterdir())) < times:
        (tries / str(time.monotonic_ns())).touch()
        taken = [np.ones(25_000_000) for _ in range(3)]
        time.sleep(60)
        return len(taken)
    return 10 * chunk


@pytest.mark.slow
def test_a_chunk_whose_workers_died_three_times_is_computed_by_the_fourth(
    resources: ResourceConfig, tmp_path: Path
) -> None:
    made = map_chunks(hungry, [0, 1, 2], str(tmp_path), DASK_ALLOWS, resources=resources, name="hungry")
    assert made == [0, 10, 20]
    assert len(list(tmp_path.iterdir())) == DASK_ALLOWS


@pytest.mark.slow
def test_a_chunk_that_no_worker_survives_is_named(resources: ResourceConfig, tmp_path: Path) -> None:
    # Dask blames a chunk that waited on the same workers, too.
    with pytest.raises(WorkersDiedError, match=r"hungry: 4 workers died of (chunk 1,|chunks 0, 1|chunks 1, 2).*Lower"):
        map_chunks(hungry, [0, 1, 2], str(tmp_path), 100, resources=resources, name="hungry")
