"""Settings of the random walks."""

from pydantic import BaseModel, Field


class WalkConfig(BaseModel, frozen=True, extra="forbid"):
    """Short random walks from an item (Ying et al. 2018, section 3.2; the paper gives no numbers but T)."""

    num_walks: int = Field(default=100, ge=1, le=10_000, description="Walks from every item.")
    walk_length: int = Field(default=2, ge=1, le=100, description="Most traversals item -> board -> item of a walk.")
    restart: float = Field(default=0.5, ge=0, le=1, description="Probability to end a walk before each next traversal.")
    top_t: int = Field(default=50, ge=1, le=1_000, description="Most visited items kept as the neighborhood (T).")
    seed: int = Field(default=0, ge=0, lt=2**63, description="Seed of the random stream.")
