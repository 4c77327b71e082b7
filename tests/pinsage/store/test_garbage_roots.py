"""What references hold: the versions that they point to, and those that their details name."""

from __future__ import annotations

from pathlib import Path

import pytest

from pinsage.store import Store, Version
from pinsage.store.garbage import KEPT_HISTORY, collect_garbage, plan_garbage
from tests.pinsage.store.test_unseen import commit


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


def doomed(store: Store) -> set[str]:
    return set(plan_garbage(store, keep=0, grace_seconds=-60).versions)


@pytest.mark.parametrize("nest", [lambda uri: uri, lambda uri: {"a": [{"b": uri}]}, lambda uri: [[uri], "text"]])
def test_versions_that_details_name_are_kept_with_their_inputs(store: Store, nest: object) -> None:
    model = commit(store, "model", [])
    pairs = commit(store, "pairs", [])
    evaluation, other = commit(store, "evaluation", [pairs]), commit(store, "evaluation", [], 2)
    store.ref("champion").append(model.uri, details={"reason": "a/b/c", "evaluation": nest(evaluation.uri)})  # type: ignore[operator]
    assert doomed(store) == {other.uri}


def test_a_rollback_keeps_what_the_promotion_named(store: Store) -> None:
    def promote(note: int) -> tuple[Version, Version]:
        model, evaluation = commit(store, "model", [], note), commit(store, "evaluation", [], note)
        store.ref("champion").append(model.uri, details={"evaluation": evaluation.uri})
        return model, evaluation

    first = promote(0)
    later = [promote(note) for note in range(1, KEPT_HISTORY + 1)]
    store.ref("champion").append(first[0].uri, details={"rollback_of": KEPT_HISTORY + 1})
    assert doomed(store) == {version.uri for version in later[0]}
    assert not doomed(store) & {version.uri for version in first}


def test_what_was_published_between_plan_and_removal_is_spared(store: Store) -> None:
    old, other = commit(store, "graph", [], 1), commit(store, "graph", [], 2)
    plan = plan_garbage(store, keep=0, grace_seconds=-60)
    assert set(plan.versions) == {old.uri, other.uri}
    store.ref("published").point_to(commit(store, "index", [old]).uri)
    collect_garbage(store, plan, grace_seconds=-60)
    old.verify()
    assert store.find("graph", other.partition, other.fingerprint) is None


def test_what_was_committed_between_plan_and_removal_is_spared(store: Store) -> None:
    out = store.write("graph", partition="2026-03-01", inputs=[], config={}, code_version=1)
    out.write_json("note", 1)
    plan = plan_garbage(store, keep=0, grace_seconds=-60)
    assert plan.keys
    version = out.commit()
    collect_garbage(store, plan, grace_seconds=-60)
    version.verify()


def test_a_version_is_removed_before_what_it_was_made_from(store: Store) -> None:
    graph = commit(store, "graph", [])
    index = commit(store, "index", [graph])
    keys = plan_garbage(store, keep=0, grace_seconds=-60).keys
    assert [key.split("/", 1)[0] for key in keys if "_commits" in key] == [index.dataset, graph.dataset]
