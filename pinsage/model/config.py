"""Settings of the model (Ying et al. 2018, sections 3.2 and 4.1)."""

from typing import Literal

from pydantic import BaseModel, Field


class ModelConfig(BaseModel, frozen=True, extra="forbid"):
    """Widths and depth of the network; they are part of every trained version."""

    num_layers: int = Field(default=2, ge=1, le=4, description="Convolutions (K); 2 in the paper.")
    hidden_width: int = Field(
        default=64, ge=2, le=4096, description="Width of the neighbor projection Q and of every layer's output."
    )
    width: int = Field(default=64, ge=2, le=4096, description="Width of the embedding, without the popularity term.")
    top_t: int = Field(
        default=10, ge=1, le=1000, description="Neighbors pooled over, the most important of the T that were sampled."
    )
    pooling: Literal["importance", "mean", "max"] = Field(
        default="importance",
        description="How neighbors are pooled: weighted by importance as in the paper, or as in its ablations.",
    )
    skip: bool = Field(
        default=True, description="The head also reads the item's own features; the paper's reads the last layer alone."
    )
    temperature: float = Field(
        default=0.1, ge=0.001, le=10, description="Cosines are divided by it before the popularity term is added."
    )
    popularity: bool = Field(
        default=True,
        description="Carry a learned popularity term per item as one more dimension of an inner-product index.",
    )
    popularity_start: float = Field(
        default=0.7, ge=0, le=10, description="Initial weight of log(1 + degree) in the popularity term."
    )


class EmbeddingConfig(BaseModel, frozen=True, extra="forbid"):
    """How the items of a day are embedded with a trained model (section 3.4)."""

    intermediate: Literal["float32", "bfloat16"] = Field(
        default="float32",
        description="How layers between features and embeddings are stored; bfloat16 halves them, to 3 digits.",
    )
    cold_neighbors: int = Field(
        default=0,
        ge=0,
        le=100,
        description="Items nearest by content that lend their neighborhoods to an item without saves; 0 = none, it is "
        "embedded from its features alone.",
    )
