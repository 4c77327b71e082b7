"""Settings of the resources that the work is done with."""

from typing import Literal

from pydantic import BaseModel, Field


class ResourceConfig(BaseModel, frozen=True, extra="forbid"):
    """With what the work is done. Nothing here changes a result, so nothing here enters a fingerprint."""

    workers: int = Field(default=0, ge=0, le=1024, description="Dask worker processes; 0 = one per core.")
    threads: int = Field(default=0, ge=0, le=1024, description="Threads of a kernel or of torch; 0 = one per core.")
    chunk_rows: int = Field(
        default=65_536, ge=4096, multiple_of=4096, description="Rows per chunk, a multiple of 4096."
    )
    saves_per_chunk: int = Field(
        default=4_194_304,
        ge=1,
        le=2**30,
        description="Saves, ids or edges that a process holds at once while it builds a graph; the rest is on disk.",
    )
    dask_address: str | None = Field(
        default=None, description="Address of a Dask scheduler, such as tls://host:8786; empty = a local cluster."
    )
    huge_page_bytes: int = Field(
        default=2**32,
        ge=0,
        description="Bytes of the largest graph that a process copies into huge pages before it walks; a larger one is "
        "walked in its mapped files, at about 1.2 times the cost of a walk.",
    )
    graph_parts: int = Field(
        default=0,
        ge=0,
        le=100_000,
        description="Parts of a graph that no worker can hold: walkers travel to the part of their node; 0 = every "
        "worker maps the whole graph.",
    )
    dask_report_folder: str | None = Field(
        default=None, description="Folder for Dask's performance reports, a page per stage; empty = none."
    )
    training_processes: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Processes that share every minibatch of a training, on one machine; one per GPU.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto", description="Where torch computes; auto = cuda when there is one."
    )
