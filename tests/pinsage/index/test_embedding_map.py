"""The map: a function of vectors and seed, on which items that are alike lie together."""

from __future__ import annotations

import numpy as np
import pytest

from pinsage.index import embedding_map
from pinsage.index.embedding_map import project


def communities(num_items: int, num_communities: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    codes = np.arange(num_items) % num_communities
    vectors = rng.normal(size=(num_communities, 16))[codes] + 0.15 * rng.normal(size=(num_items, 16))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), codes


@pytest.mark.parametrize("num_items", [60, 600], ids=["principal components", "t-SNE"])
def test_items_that_are_alike_lie_together_and_the_map_repeats(num_items: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding_map, "LANDMARKS", 300)
    vectors, codes = communities(num_items)
    places = project(vectors, seed=0)
    assert places.shape == (num_items, 2)
    assert places.min() == 0
    assert places.max() == 1
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1)[:, :5]
    assert (codes[nearest] == codes[:, None]).mean() > 0.95
    np.testing.assert_array_equal(project(vectors, seed=0), places)


@pytest.mark.parametrize("num_items", [1, 2, 7])
def test_a_tiny_catalogue_has_a_map_too(num_items: int) -> None:
    places = project(communities(num_items)[0], seed=0)
    assert places.shape == (num_items, 2)
    assert np.isfinite(places).all()
