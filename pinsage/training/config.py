"""Settings of the training (Ying et al. 2018, sections 3.3 and 4.1)."""

from math import ceil
from typing import Literal, Self

from pydantic import BaseModel, Field


class TrainingConfig(BaseModel, frozen=True, extra="forbid"):
    """How long, on what and by which loss the model learns."""

    loss: Literal["softmax", "max_margin"] = Field(
        default="softmax",
        description="softmax over the positive, shared and hard negatives, or the paper's max-margin loss, averaged "
        "over the negatives within the margin.",
    )
    margin: float = Field(default=0.1, gt=0, le=10, description="Margin of the max-margin loss, in cosine.")
    epochs: int = Field(
        default=5, ge=1, le=1000, description="Epochs; epoch n adds n - 1 hard negatives per pair (the curriculum)."
    )
    epoch_steps: int = Field(
        default=128, ge=1, le=1_000_000, description="Steps of an epoch; pairs are drawn at random."
    )
    max_epoch_passes: float = Field(
        default=2.0,
        gt=0,
        le=1_000_000,
        description="An epoch ends earlier once it has drawn each pair this often on average; few pairs would be "
        "learned by heart.",
    )
    batch_pairs: int = Field(default=2048, ge=1, le=1_000_000, description="Pairs of a step.")
    shared_negatives: int = Field(
        default=2000, ge=1, le=1_000_000, description="Uniform negatives of a step, shared by all its pairs."
    )
    in_batch_negatives: bool = Field(
        default=True,
        description="The items of a step's pairs are negatives of its other pairs, beside the uniform ones.",
    )
    log_q: bool = Field(
        default=True,
        description="With the softmax: subtract from a shared negative's score the logarithm of how often a step draws "
        "it, so that the sum stands for the whole catalogue.",
    )
    max_hard_negatives: int = Field(default=5, ge=0, le=64, description="Most hard negatives of a pair; 5 in epoch 6.")
    learning_rate: float = Field(default=0.004, gt=0, le=10, description="Rate after the warm-up of the first epoch.")
    half_life_days: float = Field(
        default=30.0,
        ge=0,
        le=36500,
        description="Age at which a pair is drawn half as often as one of today; 0 = all alike. It is doubled until "
        "the draws are worth a quarter of all pairs.",
    )
    decay: float = Field(default=0.7, gt=0, le=1, description="Factor of the rate for every later epoch.")
    averaging: float = Field(
        default=0.98,
        ge=0,
        lt=1,
        description="The model has the mean weights of about 1 / (1 - averaging) steps; 0 = those of the last one.",
    )
    patience: int = Field(
        default=3,
        ge=1,
        le=1000,
        description="Epochs after the best that end a training; better is a hit-rate of the tuning pairs that is "
        "higher by more than its standard error.",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32",
        description="Of matrix products in training; bfloat16 is faster where the processor has units for it.",
    )
    checkpoint_steps: int = Field(
        default=64, ge=1, le=1_000_000, description="Steps between checkpoints that a killed training resumes from."
    )
    seed: int = Field(default=3, ge=0, le=2**31 - 1, description="Seed of weights, pairs and negatives.")

    def for_pairs(self, num_pairs: int) -> Self:
        """The same with the steps of an epoch that ``num_pairs`` training pairs allow."""
        allowed = ceil(self.max_epoch_passes * num_pairs / self.batch_pairs)
        return self.model_copy(update={"epoch_steps": min(self.epoch_steps, allowed)})
