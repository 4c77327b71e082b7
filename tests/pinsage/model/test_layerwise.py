"""Layerwise inference: the same bits for every cut into chunks, parts and threads; bfloat16 between layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from pinsage.arrays.scratch import Scratch
from pinsage.model.config import ModelConfig
from pinsage.model.layerwise import BLOCK_ROWS, Layerwise, top_neighbors
from pinsage.model.pinsage import PinSage

NUM_ITEMS, WIDTH = 2 * BLOCK_ROWS + 77, 12


def inference(**settings: Any) -> Layerwise:
    torch.manual_seed(4)
    model = PinSage(WIDTH, ModelConfig(hidden_width=16, width=8, top_t=5, num_layers=settings.pop("num_layers", 2)))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return Layerwise(model.eval(), **settings)


@pytest.fixture(scope="module")
def items() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(8)
    neighbors = rng.integers(-1, NUM_ITEMS, (NUM_ITEMS, 5)).astype(np.int32)
    neighbors, importances = top_neighbors(neighbors, np.ones((NUM_ITEMS, 5), np.float32), 5)
    return {
        "features": rng.standard_normal((NUM_ITEMS, WIDTH)).astype(np.float32),
        "neighbors": neighbors,
        "importances": importances,
        "log_degrees": rng.random(NUM_ITEMS).astype(np.float32),
    }


@pytest.mark.parametrize("cuts", [[0, 100, NUM_ITEMS], [0, BLOCK_ROWS, 2 * BLOCK_ROWS, NUM_ITEMS]])
def test_chunks_and_parts_change_no_bit(items: dict[str, np.ndarray], cuts: list[int]) -> None:
    whole, chunked = inference(), inference(threads=2)
    ranges = [slice(start, stop) for start, stop in zip(cuts, cuts[1:], strict=False)]
    h = [items["features"][rows] for rows in ranges]
    projected = [chunked.project(each) for each in h]
    around = [{name: items[name][rows] for name in ("neighbors", "importances")} for rows in ranges]
    layers = [chunked.convolve(1, own, projected=projected, **each) for own, each in zip(h, around, strict=True)]
    upper = [projection for _, projection in layers]
    made = [
        chunked.embed(output, items["features"][rows], projected=upper, log_degrees=items["log_degrees"][rows], **each)
        for (output, _), rows, each in zip(layers, ranges, around, strict=True)
    ]
    assert np.array_equal(np.concatenate(made), whole.embed_all(**items))


@pytest.mark.parametrize("num_layers", [1, 3])
def test_a_whole_catalogue_chunk_by_chunk_is_the_same(items: dict[str, np.ndarray], num_layers: int) -> None:
    whole = inference(num_layers=num_layers).embed_all(**items)
    chunked = inference(num_layers=num_layers).embed_all(**items, scratch=Scratch(chunk_rows=BLOCK_ROWS))
    assert whole.shape == (NUM_ITEMS, 9)
    assert np.array_equal(whole, chunked)


def test_rows_are_independent_here() -> None:
    assert inference().rows_are_independent()


@pytest.mark.parametrize("num_layers", [1, 3])
def test_bfloat16_between_layers_is_close(items: dict[str, np.ndarray], num_layers: int) -> None:
    exact, narrow = inference(num_layers=num_layers), inference(num_layers=num_layers, intermediate="bfloat16")
    assert narrow.project(items["features"]).dtype == np.uint16
    difference = np.abs(narrow.embed_all(**items) - exact.embed_all(**items)).max()
    assert 0 < difference < 0.02


def test_no_rows_are_no_rows(items: dict[str, np.ndarray]) -> None:
    layerwise = inference()
    projected = layerwise.project(items["features"])
    nothing = {name: array[:0] for name, array in items.items() if name != "features"}
    assert layerwise.project(items["features"][:0]).shape == (0, 16)
    assert layerwise.embed(projected[:0], items["features"][:0], projected=[projected], **nothing).shape == (0, 9)
