"""Where chunks are computed: a cluster by address, a local cluster of processes, or this process for a single chunk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from tasks.runtime.progress import progress
from tasks.runtime.resources import ResourceConfig

# A local cluster gives up a worker that is not there 15 s after it died. One that died again in that time is just being
# started; where it was the only one, the run would wait for ever.
PATIENCE = {"distributed.deploy.lost-worker-timeout": "1h"}

ChunkMap = Callable[..., list[Any]]


class WorkersDiedError(RuntimeError):
    """Several Dask workers died of a chunk, most likely for want of memory."""


def map_chunks(
    function: Callable[..., Any], chunks: Sequence[Any], *arguments: Any, resources: ResourceConfig, name: str
) -> list[Any]:
    """``[function(chunk, *arguments) for chunk in chunks]``, on Dask; the order of the results is that of the chunks.

    A killed worker costs its chunks, which are computed again elsewhere; chunks must therefore be idempotent.

    Raises:
        WorkersDiedError: More than `distributed.scheduler.allowed-failures` (3) workers died of one chunk. Dask blames
            those that waited on the same workers, too: the message names them all.

    Args:
        function: Importable by workers.
        chunks: One task each.
        *arguments: The same for every chunk; small and picklable.
        resources: Workers, or the address of a cluster.
        name: Of the stage, shown in Dask's dashboard and in the log.
    """
    if not chunks:
        return []
    with chunk_map(resources, len(chunks)) as run:
        return run(function, chunks, *arguments, name=name)


@contextmanager
def chunk_map(resources: ResourceConfig, num_chunks: int) -> Iterator[ChunkMap]:
    """A `map_chunks` that keeps its workers for several rounds: ``run(function, chunks, *arguments, name=name)``.

    Args:
        resources: Workers, or the address of a cluster.
        num_chunks: The most chunks of a round; a single one is computed in this process.
    """
    if resources.dask_address is None and (num_chunks <= 1 or resources.workers == 1):

        def run_here(function: Callable[..., Any], chunks: Sequence[Any], *arguments: Any, name: str) -> list[Any]:
            made = []
            with progress(name, len(chunks)) as advance:
                for chunk in chunks:
                    made.append(function(chunk, *arguments))
                    advance()
            return made

        yield run_here
        return
    with dask_client(resources, num_chunks) as client:
        from distributed import KilledWorker, as_completed, wait

        def run(function: Callable[..., Any], chunks: Sequence[Any], *arguments: Any, name: str) -> list[Any]:
            with performance_page(resources, name), progress(name, len(chunks)) as advance:
                futures = [
                    client.submit(function, chunk, *arguments, key=f"{name}-{position}", pure=False)
                    for position, chunk in enumerate(chunks)
                ]
                for future in as_completed(futures):
                    if future.status == "error":
                        error = future.exception()
                        if isinstance(error, KilledWorker):
                            with suppress(TimeoutError):
                                wait(futures, timeout=1)  # the same death may have been the end of others
                            ends = [its.exception() if its.status == "error" else None for its in futures]
                            ended = [chunks[at] for at, end in enumerate(ends) if isinstance(end, KilledWorker)]
                            raise WorkersDiedError(_deaths(name, ended, error.allowed_failures + 1)) from error
                        raise error
                    advance()
                return list(client.gather(futures))

        yield run


def _deaths(name: str, ended: list[Any], deaths: int) -> str:
    one = f"chunk {ended[0]!r}"
    several = f"chunks {', '.join(map(repr, ended))}, one at work while the others waited"
    return (
        f"{name}: {deaths} workers died of {one if len(ended) == 1 else several}, most likely for want of memory: a "
        "worker is ended at 95% of its share. Lower resources.chunk_rows, resources.saves_per_chunk or "
        "resources.workers, or give workers more memory; chunks that are finished are kept"
    )


def performance_page(resources: ResourceConfig, name: str) -> AbstractContextManager[Any]:
    """Dask's own account of a round of chunks, ``<name>.html`` in the folder of ``resources.dask_report_folder``."""
    if resources.dask_report_folder is None:
        return nullcontext()
    from distributed import performance_report

    folder = Path(resources.dask_report_folder)
    folder.mkdir(parents=True, exist_ok=True)
    report: AbstractContextManager[Any] = performance_report(filename=str(folder / f"{name}.html"))
    return report


@contextmanager
def dask_client(resources: ResourceConfig, num_chunks: int) -> Iterator[Any]:
    """A Dask client; the local cluster it may have started ends with the block."""
    import dask
    from distributed import Client, LocalCluster

    # Workers run kernels, not pickles from strangers: the scheduler listens on the loopback interface alone.
    with dask.config.set({"distributed.worker.daemon": True, "distributed.admin.tick.limit": "60s", **PATIENCE}):
        if resources.dask_address is not None:
            with Client(resources.dask_address) as client:
                yield client
            return
        workers = min(resources.workers or os.cpu_count() or 1, num_chunks)
        with (
            LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",  # a free port: two stages may run side by side
                silence_logs=40,
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client
