"""Answers of the Recommender on planted communities: by item, by several, by new items, under filters."""

from __future__ import annotations

import multiprocessing
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.planted_versions import COMMUNITIES, VECTOR_WIDTH
from pinsage import Filter, NewItem, Recommender
from pinsage.model.pinsage import Block
from pinsage.serving.answers import NothingKnownError, NothingPublishedError, RefusedRequestError, UnknownItemError
from pinsage.serving.config import ServingConfig
from pinsage.serving.new_items import NewItemEmbedder
from pinsage.serving.titles import TitleIndex

UNWATCHED = ServingConfig(poll_seconds=0)


@pytest.fixture(scope="module")
def recommender(planted: tuple[Path, tuple[str, ...]]) -> Iterator[Recommender]:
    with Recommender(planted[0], UNWATCHED) as opened:
        with opened.versions.reading() as held:
            # The trees are searched whole: what is tested here is not how well they approximate.
            object.__setattr__(held.index.index, "search_k", 100_000)
        yield opened


def community(item_id: int | str) -> int:
    return int(str(item_id).rpartition("-")[2]) % COMMUNITIES


def test_similar_items_are_of_the_community_and_the_answer_names_its_version(
    recommender: Recommender, planted: tuple[Path, tuple[str, ...]]
) -> None:
    answer = recommender.similar("item-7", 10)
    assert answer.version == planted[1][0] == recommender.version
    assert {community(each.item_id) for each in answer} == {7}
    assert "item-7" not in {each.item_id for each in answer}
    assert [each.score for each in answer] == sorted((each.score for each in answer), reverse=True)


def test_decay_weighs_the_newest_item_most(recommender: Recommender) -> None:
    def found(items: list[str], decay: float) -> list[int | str]:
        return [each.item_id for each in recommender.similar_to_all(items, 10, decay=decay)]

    alone = recommender.similar("item-3", 10, only=Filter(excluded_ids=["item-8"]))
    assert found(["item-3", "item-8"], 0.0) == [each.item_id for each in alone], "only the newest counts"
    assert found(["item-3", "item-8"], 1.0) == found(["item-8", "item-3"], 1.0), "all count alike"
    assert found(["item-3", "item-8"], 0.3) != found(["item-8", "item-3"], 0.3)
    assert not {"item-3", "item-8"} & set(found(["item-3", "item-8"], 0.8))


def test_a_new_item_is_embedded_as_a_minibatch_embeds_an_item_without_neighbors(
    recommender: Recommender, planted: tuple[Path, tuple[str, ...]]
) -> None:
    with recommender.versions.reading() as held:
        embedder = NewItemEmbedder.open(recommender.store, held.index.version)
        features = np.asarray(recommender.store.input_of(held.index.version, "features").array("features"))[7:8].copy()
    item = NewItem(
        title="one word7 thing 7", categories={"category": "one kind 7"}, vectors={"look": features[0, :VECTOR_WIDTH]}
    )
    log_degree = VECTOR_WIDTH + 16 + COMMUNITIES
    never_saved, _ = embedder._encoder.encode(embedder._as_table(item), np.zeros(1, dtype=np.int64))
    assert np.flatnonzero(~np.isclose(never_saved[0], features[0], atol=1e-6)).tolist() == [log_degree]
    nobody = Block(torch.full((1, 1), -1), torch.zeros(1, 1))
    with torch.inference_mode():
        vector, term = embedder._network(torch.from_numpy(never_saved), [nobody, nobody], torch.zeros(1))
    expected = np.append(vector.numpy()[0], term.numpy() * embedder._network.config.temperature)
    np.testing.assert_allclose(embedder.embed(item), expected, rtol=1e-5, atol=1e-6)

    for described in (item, NewItem(text="word7 thing"), NewItem(categories={"category": "one kind 7"})):
        answer = recommender.similar_to_new(described, 5)
        assert (len(answer), answer.version) == (5, planted[1][0])


def test_a_new_item_that_says_nothing_is_refused_with_what_would_be_understood(recommender: Recommender) -> None:
    with pytest.raises(NothingKnownError, match="vector look, title, text, category category"):
        recommender.similar_to_new(NewItem())
    with pytest.raises(ValueError, match="vector 'color' is unknown to the model; known: look"):
        recommender.similar_to_new(NewItem(vectors={"color": [1.0]}))
    with pytest.raises(ValueError, match="has 2 entries, expected 16"):
        recommender.similar_to_new(NewItem(vectors={"look": [1.0, 2.0]}))


@pytest.mark.parametrize("exact_rows", [0, 20_000], ids=["over-fetch", "exact"])
def test_filters_hold_and_give_the_best_that_fulfil_them(
    recommender: Recommender, exact_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pinsage.serving.filters.EXACT_ROWS", exact_rows)
    ranked = [each.item_id for each in recommender.similar("item-7", 299)]
    of_three = [each for each in ranked if community(each) == 3]
    found = recommender.similar("item-7", 5, only=Filter(categories=["one kind 3"]))
    assert [each.item_id for each in found] == of_three[:5]
    allowed = [*ranked[50:60], "item-7", "never heard of"]
    found = recommender.similar("item-7", 20, only=Filter(allowed_ids=allowed))
    assert [each.item_id for each in found] == ranked[50:60], "fewer than asked, and not the query itself"
    found = recommender.similar("item-7", 5, only=Filter(excluded_ids=ranked[:4]))
    assert [each.item_id for each in found] == ranked[4:9]
    found = recommender.similar("item-7", 3, only=Filter(predicate=lambda each: str(each.item_id).endswith("4")))
    assert [each.item_id for each in found] == [each for each in ranked if each.endswith("4")][:3]
    found = recommender.similar("item-7", 3, only=Filter(categories=["one kind 3"], allowed_ids=of_three[2:4]))
    assert [each.item_id for each in found] == of_three[2:4]


@pytest.mark.parametrize("exact_rows", [0, 20_000], ids=["over-fetch", "exact"])
def test_everything_is_found_although_the_trees_give_only_a_part(
    planted: tuple[Path, tuple[str, ...]], exact_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pinsage.serving.filters.EXACT_ROWS", exact_rows)
    with Recommender(planted[0], UNWATCHED) as recommender:
        ranked = [each.item_id for each in recommender.similar("item-7", 1_000_000)]
        assert len(set(ranked)) == len(ranked) == 299, "k above the catalogue gives all of it but the query"
        last = ranked[-1]
        for only in (Filter(predicate=lambda each: each.item_id == last), Filter(allowed_ids=[last])):
            assert [each.item_id for each in recommender.similar("item-7", 3, only=only)] == [last]
        assert not recommender.similar("item-7", 3, only=Filter(predicate=lambda each: False))


def test_of_several_items_unknown_ones_are_skipped_and_named(recommender: Recommender) -> None:
    of_known = recommender.similar_to_all(["item-7", "item-18", "item-7"], 20)
    mixed = recommender.similar_to_all(["nobody", "item-7", "gone", "item-18", "nobody", 5, "item-7"], 20)
    assert mixed.items == of_known.items, "the others weigh what they weigh without them"
    assert mixed.skipped == ("nobody", "gone", 5)
    assert of_known.skipped == ()
    newest = recommender.similar_to_all(["nobody", "item-7", "item-18"], 5, decay=0)
    assert [each.item_id for each in newest] == [
        each.item_id for each in recommender.similar("item-7", 6) if each.item_id != "item-18"
    ][:5], "the newest item that is known counts"
    with pytest.raises(UnknownItemError, match="'nobody' is not among the 300 items"):
        recommender.similar_to_all(["nobody", "gone"])


def test_items_without_an_embedding_are_skipped(recommender: Recommender, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = recommender.similar_to_all(["item-7", "item-18"], 5)
    with recommender.versions.reading() as held:
        index, row = held.index.index, held.index.row("item-3")
        vectors = np.array(index.embeddings)
        vectors[row] = 0
        monkeypatch.setitem(vars(index), "embeddings", vectors)
    answer = recommender.similar_to_all(["item-3", "item-7", "item-18"], 5)
    assert (answer.items, answer.skipped) == (expected.items, ("item-3",))
    with pytest.raises(UnknownItemError, match="no embedding of 'item-3'"):
        recommender.similar_to_all(["item-3", "nobody"])


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda asked: asked.similar("item-7", 0), "k: got 0, expected"),
        (lambda asked: asked.similar("item-7", 2.5), "k: got 2.5"),
        (lambda asked: asked.search("word", -1), "k: got -1"),
        (lambda asked: asked.similar("item-7", popularity=-1), "popularity: got -1"),
        (lambda asked: asked.similar("item-7", popularity=float("nan")), "popularity: got nan"),
        (lambda asked: asked.similar(["item-7"]), "similar_to_all"),
        (lambda asked: asked.similar_to_all([]), "got none"),
        (lambda asked: asked.similar_to_all("item-7"), r"expected a list, such as \['item-7'\]"),
        (lambda asked: asked.similar_to_all(["item-7", "item-8"], decay=-1), "decay: got -1"),
        (lambda asked: asked.similar("item-7", only=Filter(categories="one kind 3")), "categories: got 'one kind 3'"),
        (lambda asked: asked.similar("item-7", only=Filter(excluded_ids="item-8")), "excluded_ids: got"),
        (lambda asked: asked.similar("item-7", only=["item-8"]), "only: got .* expected a Filter"),
        (lambda asked: asked.similar_to_new("blue mug"), r"NewItem\(title='blue mug'\)"),
        (lambda asked: asked.similar_to_new(NewItem(title=7)), "title: got 7, expected text"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(
    recommender: Recommender, ask: Callable[[Recommender], object], message: str
) -> None:
    with pytest.raises(RefusedRequestError, match=message):
        ask(recommender)


def test_search_finds_beginnings_of_words_and_ids(recommender: Recommender) -> None:
    found = recommender.search("WORD3 thi", 100)
    assert {community(each.item_id) for each in found} == {3}
    assert recommender.search("item-5", 3)[0].item_id == "item-5"
    assert len(recommender.search("nothing like it")) == 0
    assert len(recommender.search("  ")) == 0


def test_titles_are_found_without_accents_in_any_script_popular_ones_first() -> None:
    titles = TitleIndex(["Café crème au lait", "Cafe", None, "лето в городе", "", "cafeteria", "Cafe"], np.arange(7.0))
    assert [row for row, _ in titles.find("café", 10)] == [6, 1, 0, 5], (
        "whole words before beginnings, then the preferred"
    )
    popular = TitleIndex(["milk", "milk chocolate", "milk of the almond", "milk rice"], np.array([0.0, 1.0, 9.0, 1.0]))
    assert [row for row, _ in popular.find("milk", 10)] == [2, 1, 3, 0]
    assert titles.find("лет гор", 10) == [(3, pytest.approx(2 / 3))]
    assert titles.find("cafe", 1) == [(6, 1.0)]


def test_an_unknown_item_is_named_with_its_neighbors(recommender: Recommender) -> None:
    with pytest.raises(UnknownItemError, match=r"'item-1x' is not among the 300 items of index/.* item-20;"):
        recommender.similar("item-1x")
    with pytest.raises(UnknownItemError, match="x{80}\\.\\.\\.'"):
        recommender.similar("x" * 100_000)


def test_an_empty_store_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(NothingPublishedError, match="pinsage run all"):
        Recommender(tmp_path)
    with pytest.raises(NothingPublishedError, match="there is no such folder"):
        Recommender(tmp_path / "mistyped")
    assert not (tmp_path / "mistyped").exists(), "a reader makes no store"


def test_a_fork_answers_and_goes_over_although_its_parents_locks_were_held(
    planted_copy: tuple[Path, tuple[str, ...]],
) -> None:
    root, uris = planted_copy
    recommender = Recommender(root, UNWATCHED)
    expected = recommender.similar("item-7", 5)
    forking = multiprocessing.get_context("fork")
    answers = forking.SimpleQueue()

    def child() -> None:
        answers.put(recommender.similar("item-7", 5))
        recommender.store.ref("published").append(uris[1])
        recommender.refresh()
        answers.put(recommender.similar("item-7", 5))

    with recommender.versions.reading(), recommender.versions._refreshing:
        process = forking.Process(target=child)
        process.start()
        process.join(30)
    assert process.exitcode == 0
    assert answers.get() == expected
    assert answers.get().version == uris[1]
    assert recommender.version == uris[0], "the parent was not asked to refresh"
    assert pickle.loads(pickle.dumps(recommender)).version == uris[1]


def test_importing_the_package_imports_neither_torch_nor_the_library() -> None:
    code = "import sys, pinsage; assert not {'torch', 'annoy', 'pyarrow', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
