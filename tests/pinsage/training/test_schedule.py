"""Warm-up, decay and curriculum."""

from __future__ import annotations

import pytest

from pinsage.training.config import TrainingConfig
from pinsage.training.schedule import learning_rate, num_hard_negatives

CONFIG = TrainingConfig(epochs=9, epoch_steps=10, learning_rate=0.01, decay=0.5, max_hard_negatives=6)


def test_rate_rises_linearly_in_the_first_epoch_and_then_decays_by_its_factor_an_epoch() -> None:
    assert [learning_rate(step, CONFIG) for step in (0, 4, 9)] == pytest.approx([0.001, 0.005, 0.01])
    assert [learning_rate(step, CONFIG) for step in (10, 20, 30)] == pytest.approx([0.01, 0.005, 0.0025])


def test_epoch_n_adds_n_minus_1_hard_negatives_up_to_the_maximum() -> None:
    found = [num_hard_negatives(epoch * 10 + 5, CONFIG) for epoch in range(9)]
    assert found == [0, 1, 2, 3, 4, 5, 6, 6, 6]


def test_few_pairs_make_short_epochs() -> None:
    config = TrainingConfig(epoch_steps=100, batch_pairs=50, max_epoch_passes=2)
    assert [config.for_pairs(pairs).epoch_steps for pairs in (1, 26, 1000, 2500, 10_000)] == [1, 2, 40, 100, 100]
