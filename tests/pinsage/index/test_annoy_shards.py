"""Annoy shards: reproducible bytes, recall against exact search, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pinsage.index.annoy_shards import IndexFileError, ShardedIndex, build_shard_file, open_shard
from pinsage.index.geometry import Geometry


def planted(num_items: int = 2_000, width: int = 16) -> np.ndarray:
    rng = np.random.default_rng(4)
    vectors = rng.normal(size=(20, width))[np.arange(num_items) % 20] + 0.3 * rng.normal(size=(num_items, width))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    vectors, rows = planted(), np.arange(2_000, dtype=np.int32)
    geometry = Geometry.fit(vectors, "angular")
    for name in ("one", "two"):
        build_shard_file(vectors, rows, geometry, tmp_path / name, num_trees=5, seed=1)
    build_shard_file(vectors, rows, geometry, tmp_path / "other", num_trees=5, seed=2)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert (tmp_path / "one").read_bytes() != (tmp_path / "other").read_bytes()


def test_two_shards_answer_like_exact_search(tmp_path: Path) -> None:
    vectors = planted()
    geometry = Geometry.fit(vectors, "angular")
    shards = []
    for number, rows in enumerate(np.array_split(np.arange(2_000, dtype=np.int32), 2)):
        path = tmp_path / f"shard-{number}"
        build_shard_file(vectors, rows, geometry, path, num_trees=20, seed=number)
        shards.append(open_shard(path, rows, vectors, geometry))
    index = ShardedIndex(tuple(shards), vectors, geometry, search_k=4_000)
    shared = 0
    for row in range(0, 2_000, 40):
        exact = np.argsort(-(vectors @ vectors[row]), kind="stable")
        found, scores = index.search(geometry.queries(vectors[[row]])[0], 10, exclude=np.array([row]))
        assert row not in found
        assert (np.diff(scores) <= 0).all()
        shared += len(set(found.tolist()) & set(exact[exact != row][:10].tolist()))
    assert shared / 500 >= 0.95


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0])
def test_undefined_and_zero_vectors_are_refused(tmp_path: Path, bad: float) -> None:
    vectors = planted(100)
    geometry = Geometry.fit(vectors, "angular")
    vectors[7] = bad
    with pytest.raises(ValueError, match="7"):
        build_shard_file(vectors, np.arange(100, dtype=np.int32), geometry, tmp_path / "shard", num_trees=2, seed=0)
    assert not (tmp_path / "shard").exists()


def test_foreign_shard_is_refused(tmp_path: Path) -> None:
    vectors, rows = planted(200), np.arange(200, dtype=np.int32)
    geometry = Geometry.fit(vectors, "angular")
    build_shard_file(vectors, rows, geometry, tmp_path / "shard", num_trees=2, seed=0)
    with pytest.raises(IndexFileError, match="expected 100"):
        open_shard(tmp_path / "shard", rows[:100], vectors, geometry)
    with pytest.raises(IndexFileError, match="differs"):
        open_shard(tmp_path / "shard", rows, vectors[::-1].copy(), geometry)
