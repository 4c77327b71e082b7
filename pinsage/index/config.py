"""Settings of the nearest neighbor index: what is measured, and how far it may go to reach the target recall."""

from typing import Self

from pydantic import BaseModel, Field, model_validator


class IndexConfig(BaseModel, frozen=True, extra="forbid"):
    """Annoy shards whose trees and search effort are chosen by measurement against exact search.

    Metric and width are no settings: they belong to the embeddings and are read from them.
    """

    seed: int = Field(
        default=0, ge=0, le=2**31 - 1, description="Seed of the trees, of the sampled queries and of the map."
    )
    items_per_shard: int = Field(
        default=250_000,
        ge=1,
        le=50_000_000,
        description="Items in one shard; shards are built apart and merged at query.",
    )
    max_shards: int = Field(default=64, ge=1, le=512, description="Most shards; above it, shards grow instead.")
    num_trees: int = Field(default=50, ge=1, le=1000, description="Trees a shard starts with.")
    max_trees: int = Field(
        default=200, ge=1, le=4000, description="Trees are doubled up to this number to reach the recall."
    )
    head_items: int = Field(
        default=2000,
        ge=0,
        le=1_000_000,
        description="Items with the highest popularity terms that are scored for every query beside the trees' finds.",
    )
    recall_k: int = Field(
        default=50,
        ge=1,
        le=1000,
        description="K of recall@K: neighbors of a query that are compared with exact search.",
    )
    recall_target: float = Field(
        default=0.95, gt=0, le=1, description="Share of the exact top K that the index must find, 0 to 1."
    )
    num_queries: int = Field(
        default=500, ge=2, le=100_000, description="Items sampled as queries to choose trees and search effort."
    )
    max_search_k: int = Field(
        default=50_000, ge=1, le=100_000_000, description="Most candidates inspected for one query in one shard."
    )
    map_points: int = Field(
        default=100_000,
        ge=0,
        le=1_000_000,
        description="Items on the explorer's map of the embedding space: a sample above it; 0 = no map.",
    )

    @model_validator(mode="after")
    def _trees_in_order(self) -> Self:
        if self.max_trees < self.num_trees:
            raise ValueError(f"max_trees={self.max_trees} is below num_trees={self.num_trees}")
        return self


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
