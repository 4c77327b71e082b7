"""How often pairs of an age are drawn."""

from __future__ import annotations

import numpy as np

from pinsage.training.recency import MIN_EFFECTIVE_SHARE, draw_weights


def effective_share(weights: np.ndarray) -> float:
    return float(weights.sum() ** 2 / (weights**2).sum() / len(weights))


def test_weights_halve_with_every_half_life() -> None:
    ages = np.repeat(np.float32([0, 10, 20]), [50, 10, 10])
    weights = draw_weights(ages, 10)
    np.testing.assert_allclose(weights[[50, 60]] / weights[0], [0.5, 0.25])
    assert (draw_weights(ages, 0) == 1).all()
    assert len(draw_weights(ages[:0], 10)) == 0


def test_half_life_grows_where_most_pairs_are_old() -> None:
    ages = np.concatenate([np.zeros(10), np.linspace(300, 390, 990)]).astype(np.float32)
    weights = draw_weights(ages, 10)
    assert effective_share(weights) >= MIN_EFFECTIVE_SHARE
    assert effective_share(np.exp2(-ages / 10)) < 0.02
    assert (np.diff(weights) <= 0).all()


def test_old_data_is_as_good_as_new() -> None:
    ages = np.linspace(0, 100, 50, dtype=np.float32)
    np.testing.assert_allclose(draw_weights(ages + 3000, 30), draw_weights(ages, 30), rtol=1e-3)
