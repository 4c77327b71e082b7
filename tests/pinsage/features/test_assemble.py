"""Features of items: blocks, missing values and the stored encoder."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa

from pinsage.features.assemble import FeatureEncoder
from pinsage.features.config import FeatureConfig

NUM_ITEMS = 120


def catalogue() -> pa.Table:
    rng = np.random.default_rng(2)
    kinds = np.array(["tea", "coffee", "soap"])[np.arange(NUM_ITEMS) % 3]
    titles = [f"{kind} number {rng.integers(9)} brand {rng.integers(5)}" for kind in kinds]
    prices = rng.normal(size=NUM_ITEMS)
    titles[0], kinds, prices[0] = None, [None, *kinds[1:]], np.nan
    return pa.table(
        {
            "item_id": pa.array(range(NUM_ITEMS)),
            "title": pa.array(titles, pa.string()),
            "categorical.kind": pa.array(kinds, pa.string()),
            "numeric.price": pa.array(prices),
        }
    )


def test_blocks_cover_the_columns_and_values_are_finite() -> None:
    degrees = np.arange(NUM_ITEMS)
    encoder = FeatureEncoder.fit(catalogue(), degrees, FeatureConfig())
    features, has_content = encoder.encode(catalogue(), degrees)
    assert features.shape == (NUM_ITEMS, encoder.width)
    assert np.isfinite(features).all()
    assert encoder.blocks[0].start == 0
    assert all(one.stop == two.start for one, two in zip(encoder.blocks, encoder.blocks[1:], strict=False))
    assert [block.kind for block in encoder.blocks[-2:]] == ["log_degree", "graph"]
    assert not has_content[0]
    assert has_content[1:].all()


def test_stored_encoder_and_any_chunks_give_the_same_bytes() -> None:
    degrees = np.arange(NUM_ITEMS)
    encoder = FeatureEncoder.fit(catalogue(), degrees, FeatureConfig())
    placed = np.random.default_rng(5).standard_normal((NUM_ITEMS, encoder.graph_width)).astype(np.float32)
    whole, _ = encoder.encode(catalogue(), degrees, placed)
    np.testing.assert_array_equal(whole[:, -encoder.graph_width :], placed)
    document, arrays = encoder.state()
    stored = FeatureEncoder.from_state(json.loads(json.dumps(document)), arrays)
    parts = [
        stored.encode(catalogue().slice(start, 50), degrees[start : start + 50], placed[start : start + 50])[0]
        for start in (0, 50, 100)
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
