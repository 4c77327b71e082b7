"""Pins keep a version and what it was made from, until they are taken away."""

from __future__ import annotations

from pathlib import Path

import pytest

from pinsage.store import Store, UnknownVersionError, Version
from pinsage.store.garbage import collect_garbage, plan_garbage
from pinsage.store.pins import pin, pins, unpin


def commit(store: Store, dataset: str, inputs: list[Version], note: int) -> Version:
    with store.write(dataset, partition="2026-03-01", inputs=inputs, config={"note": note}, code_version=1) as out:
        out.write_json("note", note)
    return out.version


def test_garbage_collection_keeps_what_is_pinned(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    graph = commit(store, "graph", [], 1)
    index, other = commit(store, "index", [graph], 2), commit(store, "index", [], 3)
    assert pin(store, index.uri, "before-the-sale").name == "pins/before-the-sale"
    assert pins(store) == {"before-the-sale": index.uri}
    collect_garbage(store, plan_garbage(store, keep=0, grace_seconds=0), grace_seconds=0)
    index.verify()
    graph.verify()
    with pytest.raises(UnknownVersionError):
        store.version(other.uri)
    unpin(store, "before-the-sale")
    assert pins(store) == {}
    assert set(plan_garbage(store, keep=0, grace_seconds=0).versions) == {graph.uri, index.uri}


def test_unknown_versions_and_pins_are_named(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    with pytest.raises(UnknownVersionError, match="not committed"):
        pin(store, f"index/2026-03-01/{'0' * 32}")
    index = commit(store, "index", [], 1)
    pin(store, index.uri)
    with pytest.raises(UnknownVersionError, match=f"pins: index.2026-03-01.{index.fingerprint}"):
        unpin(store, "other")


def test_of_intermediate_datasets_the_newest_partition_is_kept(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    made = {}
    for dataset in ("embedding_layers", "index"):
        for day in ("2026-03-01", "2026-03-02"):
            with store.write(dataset, partition=day, inputs=[], config={}, code_version=1) as out:
                out.write_json("note", day)
            made[dataset, day] = out.version.uri
    plan = plan_garbage(store, keep=1, grace_seconds=0, intermediate=("embedding_layers",))
    assert plan.versions == (made["embedding_layers", "2026-03-01"],)
    assert plan_garbage(store, keep=1, grace_seconds=0).versions == ()
