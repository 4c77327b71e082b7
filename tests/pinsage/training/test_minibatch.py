"""Minibatches: the re-indexed subgraph, the draws, and their equality with layerwise inference."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pinsage.model.config import ModelConfig
from pinsage.model.pinsage import PinSage
from pinsage.training.minibatch import Minibatch, MinibatchBuilder, mask_positives, reach
from pinsage.training.trainer import embed_all
from tests.pinsage.training.planted import SMALL, planted_data


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


@settings(deadline=None)  # the first example compiles
@given(st.data())
def test_masked_are_the_query_and_its_positives(data: st.DataObject) -> None:
    num_items = data.draw(st.integers(1, 10))
    item = st.integers(0, num_items - 1)
    known = data.draw(st.lists(st.tuples(item, item), min_size=1, max_size=20))
    shared = np.array(data.draw(st.lists(item, max_size=12)), np.int32)
    pairs = np.array(sorted(known), np.int32)
    offsets = np.searchsorted(pairs[:, 0], np.arange(num_items + 1)).astype(np.int64)
    masked = np.zeros((len(pairs), len(shared)), np.bool_)
    mask_positives(pairs, shared, offsets, np.ascontiguousarray(pairs[:, 1]), masked)
    expected = [[drawn == query or (query, drawn) in known for drawn in shared] for query in pairs[:, 0]]
    assert masked.tolist() == expected


def tensors(batch: Minibatch) -> list[torch.Tensor]:
    blocks = [tensor for block in batch.blocks for tensor in block]
    return [batch.features, *blocks, batch.log_degrees, batch.query, batch.item, batch.shared, batch.masked, batch.hard]


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    data, _ = planted_data()
    first, second = MinibatchBuilder(data, SMALL, 2), MinibatchBuilder(data, SMALL, 2)
    for step in (0, 9, 3):
        second.build(step + 1)
        for got, expected in zip(tensors(first.build(step)), tensors(second.build(step)), strict=True):
            assert torch.equal(got, expected)
    other = MinibatchBuilder(data, SMALL.model_copy(update={"seed": 4}), 2)
    assert not torch.equal(first.build(3).shared, other.build(3).shared) or not torch.equal(
        first.build(3).features, other.build(3).features
    )


def test_positions_point_to_the_items_drawn_and_hard_negatives_come_from_the_pools() -> None:
    data, _ = planted_data()
    # Features that name their item: column 0 of the feature matrix is the row.
    features = data.features.copy()
    features[:, 0] = np.arange(data.num_items)
    data = type(data)(**{**vars(data), "features": features})
    batch = MinibatchBuilder(data, SMALL, 2).build(17)  # epoch 3: two hard negatives
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
    assert MinibatchBuilder(data, SMALL, 2).build(0).hard.shape == (SMALL.batch_pairs, 0), "none in the first epoch"


@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("popularity", [True, False])
def test_minibatch_forward_equals_layerwise_inference(num_layers: int, popularity: bool) -> None:
    data, _ = planted_data()
    config = ModelConfig(num_layers=num_layers, hidden_width=16, width=8, top_t=6, popularity=popularity)
    torch.manual_seed(2)
    model = PinSage(data.features.shape[1], config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    everything = embed_all(model, data)
    batch = MinibatchBuilder(data, SMALL, num_layers).build(5)
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
