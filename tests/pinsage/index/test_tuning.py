"""The search effort: the least that reaches the target, to within a tenth, and not by luck on few queries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pinsage.index.annoy_shards import ShardedIndex, build_shard_file, open_shard
from pinsage.index.config import IndexConfig
from pinsage.index.exact import exact_top_k, recall_at_k
from pinsage.index.geometry import Geometry
from pinsage.index.tuning import NEAR_ENOUGH, least_effort, search_efforts, tune_index


@pytest.mark.parametrize("needed", [1, 200, 201, 777, 800, 12_345, 50_000])
def test_the_effort_is_near_the_least_that_reaches(needed: int) -> None:
    tried: list[int] = []

    def reaches(effort: int) -> bool:
        tried.append(effort)
        return effort >= needed

    found = least_effort(reaches, search_efforts(50, 50_000))
    assert found is not None
    assert needed <= found <= max(NEAR_ENOUGH * needed, 200)
    assert len(tried) <= 13


def test_no_effort_is_found_where_none_reaches() -> None:
    assert least_effort(lambda effort: False, search_efforts(50, 50_000)) is None


def test_tuned_effort_reaches_the_target_on_all_items(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((4_000, 24)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    geometry, rows = Geometry.fit(vectors, "angular"), np.arange(4_000, dtype=np.int32)
    build_shard_file(vectors, rows, geometry, tmp_path / "shard", num_trees=10, seed=0)
    config = IndexConfig(num_trees=10, num_queries=300, recall_k=20, recall_target=0.9)
    index = ShardedIndex((open_shard(tmp_path / "shard", rows, vectors, geometry),), vectors, geometry, 20)
    search_k, recall, curve = tune_index(index, rows, config)
    assert recall["recall"] >= 0.9
    _, exact = exact_top_k(vectors, rows, rows[::4], 20, geometry)
    queries = geometry.queries(vectors[::4])
    reached = {
        effort: recall_at_k(
            [
                index.search(query, 20, np.array([row]), effort)[1]
                for query, row in zip(queries, rows[::4], strict=True)
            ],
            exact,
        ).mean()
        for effort in (search_k // 2, search_k)
    }
    assert reached[search_k] >= 0.9 > reached[search_k // 2], "half of it is not enough: it is no doubled guess"
    assert max(point["search_k"] for point in curve.points) > search_k, "bisected from above"
