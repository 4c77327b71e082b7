"""The gate of publication: every check refuses what it is there for; rollbacks; what an older day may do."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.planted_versions import SETTINGS, plant_version
from pinsage.store import Store, Version
from tasks.publish.build_index import build_index
from tasks.publish.publish_index import FORCE, PublicationRefusedError, publish_index
from tasks.publish.rollback import rollback
from tasks.runtime.session import Session

FIRST, SECOND = "2026-03-01", "2026-03-02"
SERVE: dict[str, Any] = {**SETTINGS, "publish.min_recall": 0.5}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("planted")
    plant_version(root, "one", day=FIRST)
    return root


@pytest.fixture
def session(planted: Path, tmp_path: Path) -> Session:
    """A store of its own with one index, whose model is the champion."""
    shutil.copytree(planted, tmp_path / "store")
    session = Session.open(str(tmp_path / "store"), SERVE)
    session.store.ref("champion").append(model_of(session.store, index_of(session)).uri)
    return session


def index_of(session: Session) -> Version:
    (index,) = session.store.versions("index", FIRST)
    return index


def model_of(store: Store, index: Version) -> Version:
    return store.input_of(store.input_of(index, "embeddings"), "model")


def rebuilt(session: Session, change: Callable[[np.ndarray], np.ndarray], day: str = SECOND) -> Version:
    """An index of the same model over changed embeddings."""
    store = session.store
    planted = store.input_of(index_of(session), "embeddings")
    inputs = [store.version(item.uri) for item in planted.inputs]
    with store.write("embeddings", partition=day, inputs=inputs, config={}, code_version=9) as out:
        out.write_array("embeddings", change(np.array(planted.array("embeddings"))))
        out.facts.update(planted.facts)
    return build_index(session, out.version)


def refused(session: Session, index: Version, **settings: Any) -> str:
    """The message of the refusal; what was published stays."""
    strict = Session.open(
        session.store.root, {**SERVE, **{f"publish.{name}": value for name, value in settings.items()}}
    )
    before = session.store.ref("published").head()
    with pytest.raises(PublicationRefusedError) as refusal:
        publish_index(strict, index)
    assert session.store.ref("published").head() == before
    message = str(refusal.value)
    assert message.count("\n") == 1, "one check refuses, and only it"
    return message


def test_a_good_index_is_published_once(session: Session) -> None:
    index = index_of(session)
    assert publish_index(session, index).published
    again = publish_index(session, index)
    assert (again.published, again.reason, again.number) == (False, "is published already", 1)


def test_low_recall_is_refused(session: Session) -> None:
    assert "recall@5" in refused(session, index_of(session), min_recall=1.0)


def test_low_coverage_is_refused(session: Session) -> None:
    def without_some(vectors: np.ndarray) -> np.ndarray:
        vectors[::5, :-1] = 0
        return vectors

    assert "0.800 of the catalogue is indexed, expected at least 0.9" in refused(
        session, rebuilt(session, without_some)
    )


def test_norms_that_differ_from_1_are_refused(session: Session) -> None:
    def stretched(vectors: np.ndarray) -> np.ndarray:
        vectors[3, :-1] *= 1.5
        return vectors

    assert "norms differ from 1 by up to 0.5" in refused(session, rebuilt(session, stretched))


def test_another_model_than_the_champion_is_refused(session: Session) -> None:
    other = model_of(session.store, plant_version(session.store.root, "other", seed=1, day=SECOND))
    session.store.ref("champion").append(other.uri)
    assert f"expected the champion ({other.uri})" in refused(session, index_of(session))
    free = Session.open(session.store.root, {**SERVE, "publish.require_champion": False})
    assert publish_index(free, index_of(session)).published


def test_without_a_champion_nothing_is_published(planted: Path, tmp_path: Path) -> None:
    shutil.copytree(planted, tmp_path / "store")
    session = Session.open(str(tmp_path / "store"), SERVE)
    assert "expected the champion (there is none)" in refused(session, index_of(session))


def test_far_fewer_items_than_published_are_refused(session: Session) -> None:
    publish_index(session, index_of(session))
    smaller = plant_version(session.store.root, "smaller", num_items=200, day=SECOND)
    session.store.ref("champion").append(model_of(session.store, smaller).uri)
    assert "200 items, the published index has 300; expected at least 240" in refused(session, smaller)


def test_other_neighbors_by_the_same_model_are_refused(session: Session) -> None:
    publish_index(session, index_of(session))
    shuffled = rebuilt(session, lambda vectors: np.random.default_rng(0).permutation(vectors))
    assert "nearest neighbors were kept, expected at least 0.2: same model" in refused(session, shuffled)
    assert publish_index(session, rebuilt(session, lambda vectors: vectors, day="2026-03-03")).published


def test_several_faults_are_all_named(session: Session) -> None:
    strict = Session.open(session.store.root, {**SERVE, "publish.min_recall": 1.0})
    bad = rebuilt(session, lambda vectors: vectors * np.float32(2))
    with pytest.raises(PublicationRefusedError, match=r"recall@5[^\n]*\n  norms"):
        publish_index(strict, bad)


def test_publications_at_once_decide_again(session: Session) -> None:
    older, newer = index_of(session), rebuilt(session, lambda vectors: vectors)
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda index: publish_index(session, index), [older, newer] * 4))
    history = [entry.uri for entry in session.store.ref("published").history()]
    assert history in ([newer.uri], [older.uri, newer.uri]), "each at most once, the newer day last"
    assert sum(each.published for each in done) == len(history)


def test_an_older_day_replaces_a_newer_one_only_when_forced(session: Session) -> None:
    newer = rebuilt(session, lambda vectors: vectors)
    assert publish_index(session, newer).published
    older = publish_index(session, index_of(session))
    assert (older.published, older.reason) == (False, f"not published: {SECOND}, a newer day, is; {FORCE}")
    assert publish_index(session, index_of(session), force=True).published
    assert session.store.ref("published").head().uri == index_of(session).uri


def test_what_was_rolled_back_comes_again_only_when_forced(session: Session) -> None:
    first, second = index_of(session), rebuilt(session, lambda vectors: vectors)
    third = rebuilt(session, lambda vectors: vectors, day="2026-03-03")
    for index in (first, second, third):
        assert publish_index(session, index).published
    assert rollback(session.store, "published").uri == second.uri
    assert rollback(session.store, "published").uri == first.uri
    with pytest.raises(LookupError, match="no earlier version to go back to"):
        rollback(session.store, "published")
    assert publish_index(session, second).reason == f"not published: was rolled back by number 5; {FORCE}"
    assert publish_index(session, third).reason == f"not published: was rolled back by number 4; {FORCE}"
    assert publish_index(session, third, force=True).published
    assert rollback(session.store, "published").uri == first.uri


def test_only_published_and_champion_are_rolled_back(session: Session) -> None:
    with pytest.raises(ValueError, match="expected published or champion"):
        rollback(session.store, "prepared/2026-03-01")
