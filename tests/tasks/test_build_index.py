"""The stage `build_index`: shards apart or together, what lies beside them, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.planted_versions import plant_version
from pinsage.index.tuning import RecallTargetMissedError
from pinsage.serving.answers import UnknownItemError
from pinsage.serving.placed_items import PlacedItems
from pinsage.store import Store, Version
from tasks.publish.build_index import build_index, build_shard, plan_shards
from tasks.runtime.session import Session

DAY = "2026-03-01"
SETTINGS: dict[str, Any] = {
    "index.items_per_shard": 400,
    "index.recall_k": 10,
    "index.num_queries": 50,
    "index.num_trees": 4,
    "resources.workers": 1,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("planted")
    plant_version(folder, "one", num_items=1_000, day=DAY)
    return str(folder)


def embeddings_of(store: Store) -> Version:
    (embeddings,) = store.versions("embeddings", DAY)
    return embeddings


def altered(store: Store, name: str, change: Any) -> Version:
    """The planted embeddings with other values."""
    planted = embeddings_of(Store.open(store.root))
    inputs = [store.version(item.uri) for item in planted.inputs]
    with store.write("embeddings", partition="2026-03-02", inputs=inputs, config={"c": name}, code_version=0) as out:
        if not out.is_committed:
            out.write_array("embeddings", change(np.array(planted.array("embeddings"))))
            out.facts.update(planted.facts)
    return out.version


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_shards_built_apart_or_in_processes_are_the_same(root: str, tmp_path: Path, workers: int) -> None:
    session = Session.open(root, {**SETTINGS, "resources.workers": workers, "index.seed": 7 + workers})
    embeddings = embeddings_of(session.store)
    assert plan_shards(session, embeddings) == [0, 1, 2]
    first = build_shard(1, root, embeddings.uri, session.config.index)
    index = build_index(session, embeddings)
    assert first in {version.uri for version in session.store.versions("index_shards", DAY)}
    sidecar = index.json("sidecar")
    assert [shard["seed"] for shard in sidecar["shards"]] == [7 + workers, 8 + workers, 9 + workers]
    assert (sidecar["num_shards"], sidecar["num_indexed"], sidecar["num_zero"]) == (3, 1_000, 0)
    assert (sidecar["metric"], sidecar["width"]) == ("dot", embeddings.facts["width"])
    assert sidecar["embeddings"] == embeddings.content_digest
    rows = np.concatenate([index.array(f"rows-{number:03d}") for number in range(3)])
    assert np.array_equal(rows, np.arange(1_000))
    assert index.json("recall")["recall"] >= 0.9
    assert len(index.measurements["seconds_per_query"]) == len(index.json("recall")["curve"])
    before = list(session.store.objects.walk(""))
    assert build_index(session, embeddings).uri == index.uri
    assert list(session.store.objects.walk("")) == before


def test_the_table_beside_the_index_holds_its_embeddings(root: str) -> None:
    session = Session.open(root, SETTINGS)
    index = build_index(session, embeddings_of(session.store))
    table = index.table("vectors")
    assert table.column("item_id").to_pylist() == index.table("items").column("item_id").to_pylist()
    values = table.column("embedding").combine_chunks().flatten().to_numpy().reshape(1_000, -1)
    assert np.array_equal(values, index.array("embeddings"))


def test_the_map_holds_all_items_or_a_sample_or_nothing(root: str) -> None:
    store = Store.open(root)
    for map_points, expected in ((5_000, 1_000), (120, 120), (0, None)):
        session = Session.open(root, {**SETTINGS, "index.map_points": map_points})
        index = build_index(session, embeddings_of(store))
        assert ("map_rows" in index.names()) == (expected is not None)
        placed = PlacedItems.open(index)
        if expected is None:
            assert placed.places_of([0, 999]) == [None, None]
            with pytest.raises(UnknownItemError, match=r"index\.map_points"):
                placed.nearest(0.5, 0.5)
            continue
        rows, places = index.array("map_rows"), index.array("map_places")
        assert places.shape == (expected, 2)
        assert len(np.unique(rows)) == expected
        assert (np.diff(rows) > 0).all()
        at = placed.places_of(rows[[3]])[0]
        assert at is not None
        assert placed.nearest(*at) == rows[3]


def test_items_without_an_embedding_are_left_out_and_counted(root: str) -> None:
    session = Session.open(root, SETTINGS)

    def without_some(vectors: np.ndarray) -> np.ndarray:
        vectors[::10, :-1] = 0
        return vectors

    index = build_index(session, altered(session.store, "zeros", without_some))
    sidecar = index.json("sidecar")
    assert (sidecar["num_items"], sidecar["num_indexed"], sidecar["num_zero"]) == (1_000, 900, 100)
    assert 10 not in np.concatenate([index.array(f"rows-{number:03d}") for number in range(sidecar["num_shards"])])


def test_embeddings_that_are_not_numbers_are_refused_by_row(root: str) -> None:
    session = Session.open(root, SETTINGS)

    def undefined(vectors: np.ndarray) -> np.ndarray:
        vectors[123, 2] = np.nan
        return vectors

    broken = altered(session.store, "nan", undefined)
    with pytest.raises(ValueError, match="item rows 123"):
        plan_shards(session, broken)
    with pytest.raises(ValueError, match="are zero; train the model again"):
        plan_shards(session, altered(session.store, "all zero", np.zeros_like))


def test_an_unreachable_recall_fails_and_says_what_was_reached(root: str) -> None:
    limits = {"index.max_trees": 1, "index.num_trees": 1, "index.max_search_k": 1, "index.head_items": 0}
    session = Session.open(root, {**SETTINGS, **limits, "index.recall_target": 1.0})
    with pytest.raises(
        RecallTargetMissedError, match=r"recall@10 reaches 0\.\d+ .* expected 1\.0; raise index\.max_trees"
    ):
        build_index(session, embeddings_of(session.store))
    assert all(index.manifest.config["recall_target"] < 1 for index in session.store.versions("index", DAY))
