"""Settings of the stages that have no room of their own among the algorithms."""

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
