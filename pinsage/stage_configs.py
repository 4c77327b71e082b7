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
