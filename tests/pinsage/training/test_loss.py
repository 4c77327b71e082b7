"""Losses against plain loops."""

from __future__ import annotations

import math

import pytest
import torch

from pinsage.training.loss import max_margin_loss, softmax_loss

INFINITY = math.inf
POSITIVE = torch.tensor([0.9, 0.2])
NEGATIVE = torch.tensor([[0.1, 0.85, 0.95], [0.5, 0.15, -0.3]])
MASKED = torch.tensor([[False, False, True], [False, False, False]])
HARD = torch.tensor([[0.88, -INFINITY], [-INFINITY, -INFINITY]])
COUNTED = [[0.1, 0.85, 0.88], [0.5, 0.15, -0.3]]


def test_max_margin_is_equation_1() -> None:
    violations = [
        max(0.0, score - positive + 0.1)
        for positive, scores in zip(POSITIVE.tolist(), COUNTED, strict=True)
        for score in scores
    ]
    loss = max_margin_loss(POSITIVE, NEGATIVE, MASKED, HARD, 0.1)
    assert loss.item() == pytest.approx(sum(violations) / len(violations), abs=1e-6)


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
