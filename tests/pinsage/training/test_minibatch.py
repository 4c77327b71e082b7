"""Minibatches: the re-indexed subgraph, the draws, and their equality with layerwise inference."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinsage.model.config import ModelConfig
from pinsage.model.pinsage import PinSage
from pinsage.training.minibatch import Minibatch, MinibatchBuilder, reach
from pinsage.training.trainer import embed_all
from tests.pinsage.training.planted import SMALL, planted_data

ONE_LAYER, TWO_LAYERS = ModelConfig(num_layers=1), ModelConfig(num_layers=2)


def naive_reach(nodes: list[int], neighbors: np.ndarray) -> tuple[list[list[int]], list[int]]:
    below = list(nodes)
    for item in neighbors.ravel().tolist():
        if item >= 0 and item not in below:
            below.append(item)
    return [[below.index(item) if item >= 0 else -1 for item in row] for row in neighbors.tolist()], below


@settings(deadline=None)  # the first example compiles
@given(st.data())
def test_reach_is_the_plain_relabelling_and_leaves_its_scratch_clean(data: st.DataObject) -> None:
    num_items = data.draw(st.integers(1, 15))
    nodes = data.draw(st.lists(st.integers(0, num_items - 1), unique=True, max_size=num_items))
    top_t = data.draw(st.integers(0, 4))
    flat = data.draw(st.lists(st.integers(-1, num_items - 1), min_size=len(nodes) * top_t, max_size=len(nodes) * top_t))
    neighbors = np.array(flat, np.int32).reshape(len(nodes), top_t)
    scratch = np.full(num_items, -1, np.int32)
    relabelled, below = reach(np.array(nodes, np.int32), neighbors, scratch)
    expected, expected_below = naive_reach(nodes, neighbors)
    assert relabelled.tolist() == expected
    assert below.tolist() == expected_below
    assert (scratch == -1).all()


def tensors(batch: Minibatch) -> list[torch.Tensor]:
    blocks = [tensor for block in batch.blocks for tensor in block]
    return [
        batch.features,
        *blocks,
        batch.log_degrees,
        batch.query,
        batch.item,
        batch.shared,
        batch.hard,
        batch.shared_log_counts,
    ]


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    data, _ = planted_data()
    first, second = MinibatchBuilder(data, SMALL, TWO_LAYERS), MinibatchBuilder(data, SMALL, TWO_LAYERS)
    for step in (0, 9, 3):
        second.build(step + 1)
        for got, expected in zip(tensors(first.build(step)), tensors(second.build(step)), strict=True):
            assert torch.equal(got, expected)
    other = MinibatchBuilder(data, SMALL.model_copy(update={"seed": 4}), TWO_LAYERS)
    assert not torch.equal(first.build(3).shared, other.build(3).shared) or not torch.equal(
        first.build(3).features, other.build(3).features
    )


def test_positions_point_to_the_items_drawn_and_hard_negatives_come_from_the_pools() -> None:
    data, _ = planted_data()
    # Features that name their item: column 0 of the feature matrix is the row.
    features = data.features.copy()
    features[:, 0] = np.arange(data.num_items)
    data = type(data)(**{**vars(data), "features": features})
    batch = MinibatchBuilder(data, SMALL, TWO_LAYERS).build(17)  # epoch 3: two hard negatives
    row = batch.features[:, 0].numpy().astype(int)
    pairs = set(map(tuple, data.pairs.tolist()))
    assert set(zip(row[batch.query].tolist(), row[batch.item].tolist(), strict=True)) <= pairs
    assert batch.hard.shape == (SMALL.batch_pairs, 2)
    pool_of = dict(zip(data.hard_queries.tolist(), data.hard_pools.tolist(), strict=True))
    drawn = 0
    for query, hard in zip(row[batch.query].tolist(), batch.hard.tolist(), strict=True):
        found = [row[position] for position in hard if position >= 0]
        drawn += len(found)
        assert set(found) <= set(pool_of.get(query, []))
        assert len(found) == (2 if query in pool_of else 0), "padding of a pool is never drawn"
    assert drawn > 0
    assert MinibatchBuilder(data, SMALL, TWO_LAYERS).build(0).hard.shape == (SMALL.batch_pairs, 0), (
        "none in the first epoch"
    )


@pytest.mark.parametrize("first_step", [0, 13])
def test_epoch_n_has_exactly_n_minus_1_hard_negatives_from_any_step_on(first_step: int) -> None:
    data, _ = planted_data()
    config = SMALL.model_copy(update={"epochs": 5})
    with_pool = set(data.hard_queries.tolist())
    features = np.arange(data.num_items, dtype=np.float32)[:, None]
    # A new builder, as after a resume at ``first_step``.
    builder = MinibatchBuilder(type(data)(**{**vars(data), "features": features}), config, ONE_LAYER)
    for step in range(first_step, 40):
        batch = builder.build(step)
        queries = batch.features[batch.query, 0].int().tolist()
        expected = min(step // config.epoch_steps, config.max_hard_negatives)
        counts = (batch.hard >= 0).sum(dim=1).tolist()
        assert counts == [expected if query in with_pool else 0 for query in queries]


def test_parts_are_the_whole_with_the_same_negatives() -> None:
    data, _ = planted_data()
    features = data.features.copy()
    features[:, 0] = np.arange(data.num_items)
    data = type(data)(**{**vars(data), "features": features})

    def items(batch: Minibatch) -> list[list[int]]:
        row = np.append(batch.features[:, 0].numpy().astype(int), -1)  # padding becomes -1
        return [row[positions].tolist() for positions in (batch.query, batch.item, batch.hard, batch.shared)]

    whole = items(MinibatchBuilder(data, SMALL, TWO_LAYERS).build(17))
    parts = [items(MinibatchBuilder(data, SMALL, TWO_LAYERS, part, 4).build(17)) for part in range(4)]
    for place in range(3):
        assert sum((part[place] for part in parts), []) == whole[place]
    assert all(part[3] == whole[3] for part in parts)
    with pytest.raises(ValueError, match="equally among 3"):
        MinibatchBuilder(data, SMALL, TWO_LAYERS, 0, 3)


def test_newer_pairs_are_drawn_more_often() -> None:
    data, _ = planted_data()
    ages = np.where(np.arange(len(data.pairs)) % 2, np.float32(30), np.float32(0))
    pairs = np.stack([np.arange(len(data.pairs)) % 2, np.full(len(data.pairs), 2)], axis=1).astype(np.int32)
    data = type(data)(**{**vars(data), "pairs": pairs, "ages": ages})
    config = SMALL.model_copy(update={"half_life_days": 15.0, "batch_pairs": 20_000})
    batch = MinibatchBuilder(data, config, ONE_LAYER).build(0)
    old = (batch.query == 1).double().mean().item()
    assert old == pytest.approx(0.2, abs=5 * (0.2 * 0.8 / 20_000) ** 0.5)


@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize(
    ("popularity", "pooling", "skip"), [(True, "importance", True), (False, "mean", False), (True, "max", False)]
)
def test_minibatch_forward_equals_layerwise_inference(
    num_layers: int, popularity: bool, pooling: str, skip: bool
) -> None:
    data, _ = planted_data()
    config = ModelConfig.model_validate(
        {
            "num_layers": num_layers,
            "hidden_width": 16,
            "width": 8,
            "top_t": 4,  # of 6 that were sampled
            "popularity": popularity,
            "pooling": pooling,
            "skip": skip,
        }
    )
    torch.manual_seed(2)
    model = PinSage(data.features.shape[1], config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    everything = embed_all(model, data)
    batch = MinibatchBuilder(data, SMALL, config).build(5)
    vectors, terms = model(batch.features, batch.blocks, batch.log_degrees)
    row_of = {tuple(features.tolist()): row for row, features in enumerate(data.features)}
    rows = np.array([row_of[tuple(features.tolist())] for features in batch.features[: len(vectors)]])
    np.testing.assert_allclose(vectors.detach().numpy(), everything[rows, :8], atol=1e-5)
    if popularity:
        np.testing.assert_allclose(
            terms.detach().numpy() * config.temperature, everything[rows, 8], atol=1e-5, err_msg="popularity terms"
        )
    else:
        assert everything.shape[1] == 8


def test_shared_negatives_weighted_by_their_draws_stand_for_the_whole_catalogue() -> None:
    data, _ = planted_data()
    features = data.features.copy()
    features[:, 0] = np.arange(data.num_items)
    data = type(data)(**{**vars(data), "features": features})
    builder = MinibatchBuilder(data, SMALL, ONE_LAYER)
    seen = np.zeros(data.num_items)
    steps = 1500
    for step in range(steps):
        batch = builder.build(step)
        assert len(batch.shared) == SMALL.shared_negatives + SMALL.batch_pairs
        rows = batch.features[batch.shared, 0].numpy().astype(int)
        np.add.at(seen, rows, np.exp(-batch.shared_log_counts.numpy().astype(float)))
    # An item counts once a step on average, whether pairs end in it often or never.
    assert abs(seen.mean() / steps - 1) < 0.01
    assert abs(seen / steps - 1).max() < 0.4
    uniform = SMALL.model_copy(update={"in_batch_negatives": False})
    assert len(MinibatchBuilder(data, uniform, ONE_LAYER).build(0).shared) == SMALL.shared_negatives
