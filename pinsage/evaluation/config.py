"""Settings of the evaluation (Ying et al. 2018, section 4.2)."""

from importlib.util import find_spec
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field

BaselineName = Literal["popularity", "content", "item_knn", "random_walk", "pagerank", "matrix_factorisation"]

# Baselines that need a library of the extra ``baselines``.
LIBRARIES = {"matrix_factorisation": "implicit"}


class EvaluationConfig(BaseModel, frozen=True, extra="forbid"):
    """What a model is measured on, and against what."""

    holdout_days: int = Field(
        default=14,
        ge=1,
        le=365,
        description="Days after the as-of day whose pairs the model is evaluated on; it has seen nothing of them.",
    )
    hit_rate_at: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(10, 50, 500), min_length=1, description="Ranks K of hit-rate@K, in items of the whole catalogue."
    )
    reciprocal_scale: int = Field(
        default=100, ge=1, le=100_000, description="Scale s of the scaled MRR, mean 1/ceil(R/s); 100 in the paper."
    )
    max_queries: int = Field(
        default=10_000,
        ge=1,
        le=10_000_000,
        description="Pairs evaluated: a random sample above this many.",
    )
    baselines: tuple[BaselineName, ...] = Field(
        default=("popularity", "content", "item_knn", "random_walk", "pagerank", "matrix_factorisation"),
        description="Methods measured beside the model, on the same pairs; the last one where `implicit` is installed.",
    )
    pagerank_iterations: int = Field(
        default=3, ge=1, le=100, description="Item-board-item steps after which the PageRank baseline stops."
    )
    pagerank_restart: float = Field(
        default=0.5, gt=0, lt=1, description="Probability of returning to the query before each item-board-item step."
    )
    factors: int = Field(default=64, ge=1, le=4096, description="Width of the matrix factorisation baseline.")
    factor_iterations: int = Field(
        default=15, ge=1, le=1000, description="Alternations after which the matrix factorisation baseline stops."
    )
    bootstrap_samples: int = Field(
        default=400, ge=20, le=100_000, description="Resamples of the boards behind the intervals."
    )
    interval_level: float = Field(default=0.95, gt=0.5, lt=1, description="Mass of the bootstrap intervals.")
    few_saves_share: float = Field(
        default=1 / 3,
        gt=0,
        lt=1,
        description="Share of the pairs in the slices of targets and of queries with the fewest saves as of that day.",
    )
    similarity_samples: int = Field(
        default=100_000,
        ge=100,
        le=10_000_000,
        description="Random item pairs behind the similarity spread.",
    )
    seed: int = Field(default=41, ge=0, le=2**31 - 1, description="Seed of the query sample and of every resample.")

    @property
    def absent_baselines(self) -> tuple[BaselineName, ...]:
        """Baselines whose library is not installed."""
        return tuple(name for name in self.baselines if name in LIBRARIES and find_spec(LIBRARIES[name]) is None)

    @property
    def measurable(self) -> Self:
        """The same without `absent_baselines`: what an evaluation on this machine depends on."""
        absent = self.absent_baselines
        return self.model_copy(update={"baselines": tuple(name for name in self.baselines if name not in absent)})


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
