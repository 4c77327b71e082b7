"""Learning rate and curriculum as functions of the step alone, so that a resumed training continues them exactly."""

from __future__ import annotations

from pinsage.training.config import TrainingConfig


def learning_rate(step: int, config: TrainingConfig) -> float:
    """Linear warm-up during the first epoch, then exponential decay (section 3.3); ``step`` counts from 0."""
    if step < config.epoch_steps:
        return config.learning_rate * (step + 1) / config.epoch_steps
    return float(config.learning_rate * config.decay ** ((step - config.epoch_steps) / config.epoch_steps))


def num_hard_negatives(step: int, config: TrainingConfig) -> int:
    """Hard negatives of every pair: none in epoch 1, n - 1 in epoch n, up to the maximum (section 3.3)."""
    return min(step // config.epoch_steps, config.max_hard_negatives)
