"""Graph vectors against the dense matrix, and their basis on a later day."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from pinsage.arrays.unit_rows import unit_rows
from pinsage.features.graph_vectors import fold_in, graph_vectors
from pinsage.graph.bipartite import BipartiteGraph, build_graph
from tests.pinsage.training.planted import planted_graph


def dense(graph: BipartiteGraph) -> np.ndarray:
    """S = D_items^-1/2 A D_boards^-1/2."""
    saves = np.zeros((graph.num_items, graph.num_boards))
    for item in range(graph.num_items):
        saves[item, graph.item_boards[graph.item_offsets[item] : graph.item_offsets[item + 1]]] = 1
    degrees = np.maximum(saves.sum(axis=1, keepdims=True), 1) * np.maximum(saves.sum(axis=0), 1)
    return saves / np.sqrt(degrees)


def test_of_full_width_inner_products_are_the_cosines_of_the_normalised_saves() -> None:
    rng = np.random.default_rng(6)
    graph = build_graph((rng.zipf(1.5, 3000) - 1) % 150, rng.integers(0, 90, 3000), 160, 90)
    found = graph_vectors(graph, 90, seed=1)
    rows = unit_rows(dense(graph).astype(np.float32))
    np.testing.assert_allclose(found @ found.T, rows @ rows.T, atol=1e-4)
    lengths = np.linalg.norm(found, axis=1)
    assert ((graph.item_degrees() > 0) == (lengths > 0.5)).all()
    np.testing.assert_allclose(lengths[lengths > 0], 1, atol=1e-5)


def test_communities_are_directions() -> None:
    graph = planted_graph()
    found = graph_vectors(graph, 8, seed=1)
    saved = np.flatnonzero(graph.item_degrees())
    same = saved[:, None] % 8 == saved % 8
    cosines = found[saved] @ found[saved].T
    assert cosines[same].min() > 0.9
    assert np.abs(cosines[~same]).max() < 0.1


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_change_no_bit(threads: int) -> None:
    graph = planted_graph()
    with threadpool_limits(limits=threads):
        found = graph_vectors(graph, 16, seed=1)
    np.testing.assert_array_equal(found, graph_vectors(graph, 16, seed=1))


def test_more_columns_than_the_rank_and_no_columns() -> None:
    graph = build_graph(np.array([0, 1, 1]), np.array([0, 0, 1]), 4, 2)
    found = graph_vectors(graph, 64, seed=1)
    assert found.shape == (4, 64)
    assert not found[:, 2:].any()
    assert not found[2:].any(), "items without saves"
    np.testing.assert_allclose(np.linalg.norm(found[:2], axis=1), 1, atol=1e-5)
    assert graph_vectors(graph, 0, seed=1).shape == (4, 0)


def test_new_items_get_the_direction_of_the_known_items_on_their_boards() -> None:
    known = np.array([[1, 0], [0, 1], [9, 9], [9, 9]], np.float32)
    is_known = np.array([True, True, False, False])
    # Board 0: items 0 and 2; board 1: items 1 and 2; item 3 is saved nowhere.
    graph = build_graph(np.array([0, 2, 1, 2]), np.array([0, 0, 1, 1]), 4, 2)
    expected = [[1, 0], [0, 1], [0.5**0.5, 0.5**0.5], [0, 0]]
    np.testing.assert_allclose(fold_in(graph, known, is_known), expected, atol=1e-6)
