"""Settings of the random walks."""

from pydantic import BaseModel, Field


class WalkConfig(BaseModel, frozen=True, extra="forbid"):
    """Short random walks from an item (Ying et al. 2018, section 3.2; the paper gives no numbers but T)."""

    num_walks: int = Field(default=100, ge=1, le=10_000, description="Walks from every item.")
    walk_length: int = Field(default=2, ge=1, le=100, description="Most traversals item -> board -> item of a walk.")
    restart: float = Field(default=0.5, ge=0, le=1, description="Probability to end a walk before each next traversal.")
    top_t: int = Field(default=50, ge=1, le=1_000, description="Most visited items kept as the neighborhood (T).")
    enough_items: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="End an item's walks, checked after every 256, once so many items have `enough_visits`; 0: never.",
    )
    enough_visits: int = Field(default=4, ge=1, le=1_000_000, description="Visits an item needs to count as enough.")
    seed: int = Field(default=0, ge=0, lt=2**63, description="Seed of the random stream.")


class HardNegativeConfig(BaseModel, frozen=True, extra="forbid"):
    """Items related to a query, but not as closely as its positives (Ying et al. 2018, section 3.3)."""

    band_low: float = Field(
        default=0.02, gt=0, le=1e9, description="Best PageRank rank of the band; below 1 a share of the catalogue."
    )
    band_high: float = Field(
        default=0.05, gt=0, le=1e9, description="Worst PageRank rank of the band; below 1 a share of the catalogue."
    )
    num_walks: int = Field(default=3000, ge=1, le=10_000_000, description="Walks behind a query's PageRank.")
    walk_length: int = Field(default=6, ge=1, le=100, description="Most traversals item -> board -> item of a walk.")
    restart: float = Field(default=0.15, ge=0, le=1, description="Probability to end a walk before each traversal.")
    pool_size: int = Field(default=32, ge=1, le=1000, description="Hard negatives kept for each query.")
    seed: int = Field(default=5, ge=0, lt=2**63, description="Seed of the walks and of the draw from the band.")
