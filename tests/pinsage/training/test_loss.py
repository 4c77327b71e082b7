"""Losses against plain loops."""

from __future__ import annotations

import math

import pytest
import torch

from pinsage.model.config import ModelConfig
from pinsage.training.loss import accidental_positives, max_margin_loss, softmax_loss
from pinsage.training.minibatch import MinibatchBuilder
from tests.pinsage.training.planted import SMALL, planted_data

INFINITY = math.inf
POSITIVE = torch.tensor([0.9, 0.2])
NEGATIVE = torch.tensor([[0.1, 0.85, 0.95], [0.5, 0.15, -0.3]])
MASKED = torch.tensor([[False, False, True], [False, False, False]])
HARD = torch.tensor([[0.88, -INFINITY], [0.12, -INFINITY]])
COUNTED = [[0.1, 0.85, 0.88], [0.5, 0.15, -0.3, 0.12]]


def test_max_margin_is_equation_1_over_the_negatives_within_the_margin() -> None:
    of_pairs = [
        [score - positive + 0.1 for score in scores if score > positive - 0.1]
        for positive, scores in zip(POSITIVE.tolist(), COUNTED, strict=True)
    ]
    loss = max_margin_loss(POSITIVE, NEGATIVE, MASKED, HARD, 0.1)
    assert [len(pair) for pair in of_pairs] == [2, 3]
    assert loss.item() == pytest.approx(sum(sum(pair) / len(pair) for pair in of_pairs) / 2, abs=1e-6)


def test_max_margin_is_zero_when_every_margin_holds() -> None:
    assert max_margin_loss(POSITIVE + 1, NEGATIVE, MASKED, HARD, 0.1).item() == 0
    assert max_margin_loss(POSITIVE, NEGATIVE[:, :0], MASKED[:, :0], HARD[:, :0], 0.1).item() == 0


def test_softmax_is_the_cross_entropy_of_the_positive() -> None:
    losses = [
        math.log(sum(math.exp(score) for score in [positive, *scores])) - positive
        for positive, scores in zip(POSITIVE.tolist(), COUNTED, strict=True)
    ]
    assert softmax_loss(POSITIVE, NEGATIVE, MASKED, HARD).item() == pytest.approx(sum(losses) / 2, abs=1e-6)


@pytest.mark.parametrize("margin", [None, 0.1])
def test_masked_and_padded_scores_have_no_gradient(margin: float | None) -> None:
    positive, negative = POSITIVE.clone().requires_grad_(), NEGATIVE.clone().requires_grad_()
    if margin is None:
        loss = softmax_loss(positive, negative, MASKED, HARD)
    else:
        loss = max_margin_loss(positive, negative, MASKED, HARD, margin)
    loss.backward()
    assert positive.grad is not None
    assert negative.grad is not None
    assert negative.grad[0, 2] == 0
    assert torch.isfinite(negative.grad).all()
    assert torch.isfinite(positive.grad).all()


@pytest.mark.parametrize("margin", [None, 0.1])
def test_equal_parts_average_to_the_whole(margin: float | None) -> None:
    def loss(rows: slice) -> float:
        given = POSITIVE[rows], NEGATIVE[rows], MASKED[rows], HARD[rows]
        return (softmax_loss(*given) if margin is None else max_margin_loss(*given, margin)).item()

    parts = (loss(slice(0, 1)) + loss(slice(1, 2))) / 2
    assert parts == pytest.approx(loss(slice(0, 2)), abs=1e-6)


def test_accidental_positives_are_the_pairs_own_items() -> None:
    data, _ = planted_data()
    batch = MinibatchBuilder(data, SMALL, ModelConfig(num_layers=1)).build(2)
    masked = accidental_positives(batch)
    query, item, shared = (positions.tolist() for positions in (batch.query, batch.item, batch.shared))
    expected = [[drawn in (one, other) for drawn in shared] for one, other in zip(query, item, strict=True)]
    assert masked.tolist() == expected
    assert masked.any()
