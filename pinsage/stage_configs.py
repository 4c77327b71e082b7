"""Settings of the stages that have no room of their own among the algorithms."""

from typing import Literal

from pydantic import BaseModel, Field


class PromotionConfig(BaseModel, frozen=True, extra="forbid"):
    """The gate between a challenger and the champion."""

    metric: str = Field(
        default="hit_rate@500",
        pattern=r"^(hit_rate@[1-9][0-9]*|mrr|mrr_scaled)$",
        description="Metric of the evaluation that decides.",
    )
    min_gain: float = Field(
        default=0.0,
        ge=-1,
        le=10,
        description="Relative gain over the champion on the same pairs that is required; negative tolerates a loss.",
    )
    max_slice_loss: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Relative loss in the slice of items with few saves up to which a better challenger is promoted.",
    )
    first_model_content_factor: float = Field(
        default=0.5,
        ge=0,
        le=100,
        description="Without a champion, the model must reach this multiple of the content baseline; 0 = promote any.",
    )
    min_queries: int = Field(
        default=20, ge=1, le=1_000_000, description="Queries below which an evaluation can't dethrone a champion."
    )


class PublishConfig(BaseModel, frozen=True, extra="forbid"):
    """The gate between a built index and the one that is served."""

    min_recall: float = Field(
        default=0.95, ge=0, le=1, description="Recall against exact search on queries the index was not tuned on."
    )
    min_coverage: float = Field(
        default=0.9, ge=0, le=1, description="Share of the catalogue's items that must be in the index."
    )
    max_norm_deviation: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="Largest distance from 1 of an embedding's norm (without the popularity term).",
    )
    max_count_drop: float = Field(
        default=0.2, ge=0, le=1, description="Share of items by which an index may be smaller than the published one."
    )
    require_champion: bool = Field(
        default=True, description="Refuse an index whose embeddings come from another model than the champion."
    )
    min_neighbor_overlap: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="Share of the nearest neighbors kept since the published index, if both are of one model.",
    )
    drift_k: int = Field(default=10, ge=1, le=1000, description="Neighbors of an item compared for the overlap.")
    drift_queries: int = Field(default=200, ge=1, le=100_000, description="Items whose neighbors are compared.")


class ValidationConfig(BaseModel, frozen=True, extra="forbid"):
    """What a raw partition may look like and still be used."""

    max_quarantine_share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Share of a partition's rows that may be faulty (unknown items, duplicates and saves without board "
        "have limits of their own); they are quarantined, above it the day fails.",
    )
    max_unknown_item_share: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="Share of saves or engagements of items that no items partition up to the day holds.",
    )
    max_no_board_share: float = Field(
        default=0.9,
        ge=0,
        le=1,
        description="Share of saves without a board, such as those of a shop's guests where people are boards.",
    )
    max_duplicate_share: float = Field(
        default=0.8,
        ge=0,
        le=1,
        description="Share of rows that repeat the key of an earlier row; the first is kept, the others quarantined.",
    )
    min_share_rows: int = Field(
        default=50,
        ge=1,
        le=1_000_000,
        description="Rows that a smaller partition is taken to have when shares are formed: one row fails no day.",
    )
    accept_empty: bool = Field(
        default=True, description="A delivered partition without rows is accepted with a warning instead of failing."
    )
    accept_zero_vectors: bool = Field(
        default=True, description="A vector of zeros counts as no vector instead of a fault of its row."
    )
    max_id_bytes: int = Field(
        default=512, ge=1, le=65_536, description="Longest string id, in bytes of UTF-8; longer ones are quarantined."
    )
    volume_window_days: int = Field(
        default=28,
        ge=1,
        le=366,
        description="Days before the day whose median number of rows the volume is held against.",
    )
    volume_min_days: int = Field(
        default=7, ge=1, le=366, description="Delivered days in that window below which the volume is not judged."
    )
    volume_min_median: int = Field(
        default=200, ge=0, le=1_000_000_000, description="Median rows a day below which the volume is not judged."
    )
    min_volume_ratio: float = Field(
        default=0.001,
        ge=0,
        le=1,
        description="Fewest saves or engagements of a day, as a multiple of the trailing median, or the day fails.",
    )
    max_volume_ratio: float = Field(
        default=100.0,
        ge=1,
        le=1e6,
        description="Most saves or engagements of a day, as a multiple of the trailing median, or the day fails.",
    )
    odd_volume_factor: float = Field(
        default=10.0,
        ge=1,
        le=1e6,
        description="A day with so many times more or fewer saves than the trailing median is accepted with a warning: "
        "holidays, sales and days that were exported half look so.",
    )
    degree_min_saves: int = Field(
        default=5_000,
        ge=1,
        le=1_000_000_000,
        description="Saves of one board or item in one day below which its degree is no explosion, whatever its share.",
    )
    max_board_share: float = Field(
        default=0.5, gt=0, le=1, description="Share of a day's saves that one board may hold."
    )
    max_item_share: float = Field(
        default=0.25, gt=0, le=1, description="Share of a day's saves that one item may receive."
    )
    num_samples: int = Field(
        default=5, ge=0, le=100, description="Faulty rows shown for each rule in messages and result documents."
    )


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
