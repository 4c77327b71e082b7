"""A new item that brings few columns: the others come from items that are alike, and its neighbors are of its kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.planted_versions import COMMUNITIES, VECTOR_WIDTH
from pinsage import NewItem, Recommender
from pinsage.features.blocks import Block
from pinsage.serving.config import ServingConfig
from pinsage.serving.missing_columns import filled

BLOCKS = [
    Block("look", 0, 2, "vector"),
    Block("text", 2, 4, "text"),
    Block("numeric", 4, 5, "numeric"),
    Block("log_degree", 5, 6, "log_degree"),
]
FEATURES = np.float32([[1, 0, 0.6, 0.8, 2, 1], [0, 1, 0, 1, -1, 3], [0, 1, 1, 0, -3, 5]])


def test_missing_blocks_are_those_of_items_that_are_alike_in_the_others() -> None:
    row = np.float32([0, 0, 0, 1, 0, -1])
    weights = np.array([0.8, 1.0]) / 1.8
    found = filled(row, BLOCKS, [BLOCKS[1]], FEATURES)
    np.testing.assert_allclose(found[:2], weights / np.linalg.norm(weights), rtol=1e-5, err_msg="of unit length")
    np.testing.assert_allclose(found[2:4], [0, 1], err_msg="what it brings stays")
    np.testing.assert_allclose(found[4], weights @ [2, -1], rtol=1e-5)
    assert found[5] == -1, "the graph does not know it"
    assert row.tolist() == [0, 0, 0, 1, 0, -1]


def test_a_whole_item_and_one_unlike_all_stay_as_they_are() -> None:
    whole = np.float32([1, 0, 0, 1, 5, -1])
    np.testing.assert_array_equal(filled(whole, BLOCKS, BLOCKS[:3], FEATURES), whole)
    unlike = np.float32([0, 0, 0, -1, 0, -1])
    np.testing.assert_array_equal(filled(unlike, BLOCKS, [BLOCKS[1]], FEATURES), unlike)


@pytest.mark.parametrize("column", ["title", "category"])
def test_an_item_known_by_one_column_is_answered_nearly_as_if_it_were_whole(
    planted: tuple[Path, tuple[str, ...]], column: str
) -> None:
    with Recommender(planted[0], ServingConfig(poll_seconds=0)) as recommender:
        with recommender.versions.reading() as held:
            embeddings = recommender.store.input_of(held.index.version, "embeddings")
            looks = np.asarray(recommender.store.input_of(embeddings, "features").array("features"))[:, :VECTOR_WIDTH]

        def num_of_its_kind(item: NewItem, kind: int) -> int:
            found = recommender.similar_to_new(item, 10)
            return sum(int(str(each.item_id).rpartition("-")[2]) % COMMUNITIES == kind for each in found)

        whole = part = 0
        for kind in range(COMMUNITIES):
            title, categories = f"word{kind} unheard of", {"category": f"one kind {kind}"}
            whole += num_of_its_kind(NewItem(title, None, categories, vectors={"look": looks[kind].tolist()}), kind)
            one = NewItem(title) if column == "title" else NewItem(categories=categories)
            part += num_of_its_kind(one, kind)
        assert part >= 0.85 * whole, "the weights of the planted model are random: more than the whole can't be had"
