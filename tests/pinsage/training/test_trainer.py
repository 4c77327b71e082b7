"""Training: the curriculum, resuming to the same weights, the minibatch equal to layerwise inference, the losses."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from pinsage.model.config import ModelConfig
from pinsage.model.pinsage import PinSage
from pinsage.training.config import TrainingConfig
from pinsage.training.loss import max_margin_loss, softmax_loss
from pinsage.training.minibatch import MinibatchBuilder, TrainingData
from pinsage.training.schedule import learning_rate, num_hard_negatives
from pinsage.training.trainer import TrainingState, embed_all, train

NUM_ITEMS = 300
MODEL = ModelConfig(hidden_width=16, width=8, top_t=5)
TRAINING = TrainingConfig(epochs=3, epoch_steps=10, batch_pairs=32, shared_negatives=40, checkpoint_steps=10)


@pytest.fixture
def data() -> TrainingData:
    rng = np.random.default_rng(5)
    neighbors = rng.integers(0, NUM_ITEMS, (NUM_ITEMS, 5)).astype(np.int32)
    neighbors[::7, 3:] = -1
    neighbors[::11] = -1
    weights = np.where(neighbors >= 0, rng.random(neighbors.shape), 0).astype(np.float32)
    totals = weights.sum(axis=1, keepdims=True)
    return TrainingData(
        features=rng.normal(size=(NUM_ITEMS, 12)).astype(np.float32),
        neighbors=neighbors,
        importances=np.divide(weights, totals, out=np.zeros_like(weights), where=totals > 0),
        log_degrees=rng.random(NUM_ITEMS).astype(np.float32),
        pairs=rng.integers(0, NUM_ITEMS, (500, 2)).astype(np.int32),
        hard_queries=np.arange(0, NUM_ITEMS, 2, dtype=np.int32),
        hard_pools=rng.integers(0, NUM_ITEMS, (NUM_ITEMS // 2, 6)).astype(np.int32),
    )


def drawn_pairs(data: TrainingData, step: int) -> tuple[np.ndarray, np.ndarray]:
    """The pairs and shared negatives of a step, from the stream that the builder documents."""
    rng = np.random.default_rng((TRAINING.seed, step))
    pairs = data.pairs[rng.integers(len(data.pairs), size=TRAINING.batch_pairs)]
    return pairs, rng.integers(NUM_ITEMS, size=TRAINING.shared_negatives)


def test_a_resumed_training_ends_with_the_same_weights(data: TrainingData) -> None:
    kept: list[TrainingState] = []
    tune = data.pairs[:50]
    model, history = train(data, tune, MODEL, TRAINING, on_checkpoint=lambda state: kept.append(copy.deepcopy(state)))
    assert [state.step for state in kept] == [10, 20, 30]
    resumed, resumed_history = train(data, tune, MODEL, TRAINING, resume=kept[0])
    assert resumed_history == history
    for name, value in model.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_minibatch_equals_layerwise_inference(data: TrainingData) -> None:
    torch.manual_seed(1)
    model = PinSage(12, MODEL).eval()
    embeddings = embed_all(model, data)
    batch = MinibatchBuilder(data, TRAINING, 2).build(25)
    pairs, _ = drawn_pairs(data, 25)
    with torch.inference_mode():
        vectors, terms = model(batch.features, batch.blocks, batch.log_degrees)
    for positions, items in ((batch.query, pairs[:, 0]), (batch.item, pairs[:, 1])):
        np.testing.assert_allclose(vectors[positions].numpy(), embeddings[items, :-1], atol=1e-5)
        np.testing.assert_allclose(terms[positions].numpy() * MODEL.temperature, embeddings[items, -1], atol=1e-5)


def test_curriculum_and_learning_rate() -> None:
    assert [num_hard_negatives(step, TRAINING) for step in range(30)] == [0] * 10 + [1] * 10 + [2] * 10
    rates = [learning_rate(step, TRAINING) for step in range(30)]
    assert rates[:10] == pytest.approx([TRAINING.learning_rate * (step + 1) / 10 for step in range(10)])
    assert all(later < earlier for earlier, later in zip(rates[10:], rates[11:], strict=False))


def test_hard_negatives_are_of_the_query_and_positives_are_masked(data: TrainingData) -> None:
    builder = MinibatchBuilder(data, TRAINING, 2)
    assert builder.build(3).hard.shape[1] == 0
    batch = builder.build(29)
    assert batch.hard.shape == (32, 2)
    pairs, shared = drawn_pairs(data, 29)
    positives = {tuple(pair) for pair in data.pairs.tolist()}
    expected = [[(q == s) or (q, s) in positives for s in shared.tolist()] for q in pairs[:, 0].tolist()]
    assert batch.masked.tolist() == expected
    assert ((batch.hard >= 0).any(dim=1).numpy() == (pairs[:, 0] % 2 == 0)).all()


def test_losses_on_known_scores() -> None:
    positive = torch.tensor([1.0, 0.5])
    negative = torch.tensor([[0.2, 0.95], [0.9, 0.1]])
    masked = torch.tensor([[False, False], [True, False]])
    hard = torch.tensor([[-torch.inf], [0.45]])
    # Violations with margin 0.1: 0.95 - 1 + 0.1 and 0.45 - 0.5 + 0.1, over four counted negatives.
    assert max_margin_loss(positive, negative, masked, hard, 0.1).item() == pytest.approx(0.1 / 4)
    first = -1.0 + np.log(np.exp(1.0) + np.exp(0.2) + np.exp(0.95))
    second = -0.5 + np.log(np.exp(0.5) + np.exp(0.1) + np.exp(0.45))
    assert softmax_loss(positive, negative, masked, hard).item() == pytest.approx((first + second) / 2, abs=1e-6)
