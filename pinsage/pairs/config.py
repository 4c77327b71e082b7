"""Settings of the positive pairs (Ying et al. 2018, section 4.1: what was engaged with right after the query)."""

from typing import Literal

from pydantic import BaseModel, Field


class PairConfig(BaseModel, frozen=True, extra="forbid"):
    """Which pairs (query item, item) the model learns from."""

    source: Literal["auto", "engagements", "saves"] = Field(
        default="auto",
        description="Where pairs come from: auto = logged engagements, consecutive saves where there are none.",
    )
    window_days: int = Field(
        default=180, ge=1, le=3650, description="Days of pairs before and including the as-of day that are trained on."
    )
    graph_lag_days: int = Field(
        default=14,
        ge=0,
        le=3650,
        description="The graph that is trained on is of so many days before the as-of day, so that it knows as little "
        "of the newest pairs as it will of tomorrow's; less where it had fewer than half of the days with saves; "
        "0 = of the as-of day. Untimed data has one graph, and boards outside it.",
    )
    chains: int = Field(
        default=4,
        ge=1,
        le=64,
        description="Times that each board is walked through for training; saves of equal time (a basket, untimed "
        "data) are shuffled anew each time: more chains mean more pairs there, and the same ones elsewhere.",
    )
    max_pairs_per_board: int = Field(
        default=200, ge=1, le=1_000_000, description="Pairs that a chain takes from one board at most, drawn by hash."
    )
    max_gap_days: float = Field(
        default=365.0,
        gt=0,
        le=36500,
        description="Consecutive saves further apart than this many days are no pair.",
    )
    tune_share: float = Field(
        default=0.25,
        ge=0,
        le=0.5,
        description="Of the pairs that the graph trained on does not know, those of this share of the boards are kept "
        "out of training; they choose the epoch.",
    )
    tune_pairs: int = Field(
        default=4000, ge=1, le=1_000_000, description="About so many are enough: the share is smaller where it is more."
    )
    seed: int = Field(default=29, ge=0, le=2**31 - 1, description="Seed of the order among ties and of the split.")
