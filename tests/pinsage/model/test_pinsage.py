"""The whole network: embeddings, popularity term, and what a relabelling may change (nothing)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pinsage.model.config import ModelConfig
from pinsage.model.layerwise import top_neighbors
from pinsage.model.pinsage import PinSage
from pinsage.training.minibatch import TrainingData
from pinsage.training.trainer import embed_all
from tests.pinsage.training.planted import planted_data


def random_model(in_width: int, **settings: object) -> PinSage:
    torch.manual_seed(4)
    config = ModelConfig.model_validate({"hidden_width": 16, "width": 8, "top_t": 6, **settings})
    model = PinSage(in_width, config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


def embedded(model: PinSage, order: np.ndarray | None = None) -> np.ndarray:
    """Embeddings of the planted items; with ``order``, of the same items in another row order."""
    data, _ = planted_data()
    if order is None:
        return embed_all(model, data)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    neighbors = data.neighbors[order]
    neighbors = np.where(neighbors >= 0, place[np.maximum(neighbors, 0)], -1).astype(np.int32)
    return embed_all(
        model,
        TrainingData(
            features=data.features[order],
            neighbors=neighbors,
            importances=data.importances[order],
            log_degrees=data.log_degrees[order],
            pairs=data.pairs,
            ages=data.ages,
            hard_queries=data.hard_queries,
            hard_pools=data.hard_pools,
        ),
    )


def test_query_with_1_in_the_last_column_scores_what_was_trained() -> None:
    model = random_model(12, temperature=0.25)
    rows = embedded(model)
    assert rows.shape == (400, 9)
    assert model.embedding_width == 9
    assert model.metric == "dot"
    vectors, terms = rows[:, :8], rows[:, 8] / 0.25
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    queries = np.concatenate([vectors[:5], np.ones((5, 1), np.float32)], axis=1)
    np.testing.assert_allclose(queries @ rows.T, 0.25 * (vectors[:5] @ vectors.T / 0.25 + terms), atol=1e-5)


def test_without_popularity_embeddings_are_unit_vectors() -> None:
    model = random_model(12, popularity=False)
    rows = embedded(model)
    assert rows.shape == (400, 8)
    assert model.metric == "angular"
    assert "degree_weight" not in model.state_dict()
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_popularity_starts_as_the_configured_weight_of_the_log_degree() -> None:
    model = PinSage(12, ModelConfig(popularity_start=0.5))
    terms = model.popularity_terms(torch.randn(3, 64), torch.tensor([0.0, 1.0, 4.0]))
    torch.testing.assert_close(terms.detach(), torch.tensor([0.0, 0.5, 2.0]))


def test_relabelling_items_relabels_embeddings() -> None:
    model = random_model(12)
    order = np.random.default_rng(5).permutation(400)
    np.testing.assert_allclose(embedded(model, order), embedded(model)[order], atol=1e-5)


@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_a_model_is_rebuilt_from_its_state(num_layers: int) -> None:
    model = random_model(12, num_layers=num_layers)
    again = PinSage.from_state(model.architecture(), model.state_dict())
    assert not again.training
    np.testing.assert_array_equal(embedded(again), embedded(model))


def test_top_neighbors_are_the_first_columns_normalised_anew() -> None:
    neighbors = np.array([[4, 2, 3], [1, -1, -1], [-1, -1, -1]], np.int32)
    importances = np.array([[0.5, 0.3, 0.2], [1, 0, 0], [0, 0, 0]], np.float32)
    kept, weights = top_neighbors(neighbors, importances, 2)
    assert kept.tolist() == [[4, 2], [1, -1], [-1, -1]]
    np.testing.assert_allclose(weights, [[0.625, 0.375], [1, 0], [0, 0]], rtol=1e-6)
    assert top_neighbors(neighbors, importances, 9)[0].shape == (3, 3)
