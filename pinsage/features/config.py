"""Settings of the item features (Ying et al. 2018, section 4.1)."""

from typing import Literal

from pydantic import BaseModel, Field


class FeatureConfig(BaseModel, frozen=True, extra="forbid"):
    """How item columns become the input vector of the model: named blocks, each normalised on its own."""

    text: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Whether titles and texts are encoded: auto = only where items have no vector column.",
    )
    text_width: int = Field(
        default=96, ge=2, le=4096, description="Width of the text block: leading components kept of the TF-IDF matrix."
    )
    text_max_terms: int = Field(
        default=20_000, ge=16, le=1_000_000, description="Terms kept in the vocabulary: the most frequent ones."
    )
    text_min_items: int = Field(
        default=2, ge=1, le=10_000, description="Items that a term must occur in to enter the vocabulary."
    )
    text_ngrams: int = Field(default=2, ge=1, le=3, description="Longest run of words that counts as one term.")
    text_fit_items: int = Field(
        default=200_000,
        ge=100,
        le=50_000_000,
        description="Items that vocabulary and components are fitted on: a random sample of the catalogue above this.",
    )
    text_power_iterations: int = Field(
        default=4, ge=0, le=50, description="Power iterations of the randomised truncated SVD: more is closer to exact."
    )
    categorical_width: int = Field(
        default=32,
        ge=2,
        le=4096,
        description="Width of the block of one categorical column: one-hot while its values fit, hashed above.",
    )
    categorical_hashes: int = Field(
        default=4, ge=1, le=16, description="Signed coordinates that a value is hashed to when one-hot does not fit."
    )
    categorical_separator: str = Field(
        default="|",
        max_length=4,
        description="Separator of several values in one cell; empty = single-valued.",
    )
    numeric_clip: float = Field(
        default=4.0, gt=0, le=100, description="Standardised numbers are cut at this many standard deviations."
    )
    identity_width: int = Field(
        default=64, ge=1, le=4096, description="Random signs by item id, where items bring no column at all."
    )
    graph_width: int = Field(
        default=64,
        ge=0,
        le=4096,
        description="Width of the block of graph vectors, singular vectors of the saves; 0 = none, as in the paper.",
    )
    label_category: str = Field(
        default="",
        description="Categorical column shown to people as the category; empty = the first `--categorical`.",
    )
    seed: int = Field(default=17, ge=0, le=2**31 - 1, description="Seed of sample, hashes and randomised SVDs.")
