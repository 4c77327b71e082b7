"""Categories: items with none, one or several; filters, counts, cards and the map take each value for itself."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pytest

from benchmarks.planted_versions import plant_version
from pinsage import Filter, NewItem, Recommender
from pinsage.serving.answers import RefusedRequestError
from pinsage.serving.categories import Categories
from pinsage.serving.config import ServingConfig
from pinsage.serving.service.messages import Items
from pinsage.store import Store
from tests.pinsage.serving.running import running_service

LISTS = pa.array([["rock", "jazz"], ["jazz"], None, [], ["pop", "jazz", "rock"]], pa.list_(pa.string()))
TEXTS = pa.array(["rock", " jazz ", None, "", "pop"])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("several") / "store"
    Store.open(root).ref("published").append(plant_version(root, "one", num_items=120, several=True).uri)
    return root


@pytest.fixture(scope="module")
def recommender(store: Path) -> Iterator[Recommender]:
    with Recommender(store, ServingConfig(poll_seconds=0)) as opened:
        yield opened


@pytest.fixture(scope="module")
def client(store: Path) -> Iterator[httpx.Client]:
    with running_service(store) as (host, port), httpx.Client(base_url=f"http://{host}:{port}", timeout=60) as client:
        yield client


def test_lists_and_texts_are_read() -> None:
    several, one = Categories.of_labels(LISTS), Categories.of_labels(TEXTS)
    assert several.names == ["", "jazz", "pop", "rock"] == one.names
    assert [several.of(row) for row in range(5)] == [("rock", "jazz"), ("jazz",), (), (), ("pop", "jazz", "rock")]
    assert [one.of(row) for row in range(5)] == [("rock",), ("jazz",), (), (), ("pop",)]
    assert dict(zip(several.names, several.counts().tolist(), strict=True)) == {"": 2, "jazz": 3, "pop": 1, "rock": 2}
    assert several.counts(np.array([0, 2])).tolist() == [1, 1, 0, 1]
    assert [several.names[code] for code in several.first] == ["rock", "jazz", "", "", "pop"]
    assert several.rows_of(["rock"]).tolist() == [0, 4]
    assert several.rows_of(["rock", "jazz", "unheard of"]).tolist() == [0, 1, 4]
    assert several.rows_of([""]).tolist() == [2, 3]
    points, codes = several.others(np.array([1, 4]))
    assert (points.tolist(), [several.names[code] for code in codes]) == ([1, 1], ["jazz", "rock"])
    assert Categories.of_labels(pa.array(["a", "b"])).names == ["a", "b"]
    assert Categories.of_labels(pa.nulls(2, pa.string())).counts().tolist() == [2]
    assert Categories.of_labels(LISTS.slice(1, 2)).names == ["", "jazz"]


def test_a_filter_passes_items_that_have_any_of_its_categories(recommender: Recommender) -> None:
    everything = [each.item_id for each in recommender.similar("item-7", 119)]
    odd = recommender.similar("item-7", 119, only=Filter(categories=["one half 1"]))
    assert {each.item_id for each in odd} == {f"item-{item}" for item in range(1, 120, 2)} - {"item-7"}
    either = recommender.similar("item-7", 119, only=Filter(categories=["one half 1", "one kind 2", "one half 0"]))
    assert {each.item_id for each in either} == set(everything) - {"item-0"}, "item 0 has none"
    assert odd[0].category == f"{odd[0].categories[0]}, one half 1"
    assert odd[0].categories[1] == "one half 1"


def test_an_answer_goes_over_the_wire_as_it_is_declared(recommender: Recommender) -> None:
    only = Filter(categories=["one half 1", "unheard of"])
    sent = json.loads(Items.of(recommender.similar("item-7", 2, only=only)).model_dump_json())
    assert sent["items"][0]["categories"][1] == "one half 1"
    assert sent["unknown_categories"] == ["unheard of"]


def test_an_unknown_category_is_told(recommender: Recommender) -> None:
    only = Filter(categories=["one half 1", "one kind 11"])
    assert recommender.similar("item-7", 5, only=only).unknown_categories == ("one kind 11",)
    assert recommender.similar("item-7", 5).unknown_categories == ()
    with pytest.raises(RefusedRequestError, match="'one kind 11'; known ones next to it: 'one kind 1', 'one kind 2'"):
        recommender.similar("item-7", 5, only=Filter(categories=["one kind 11"]))
    with pytest.raises(RefusedRequestError, match="no item has 'jazz'; known ones next to it: 'one half 0'"):
        recommender.similar("item-7", 5, only=Filter(categories=["jazz"]))
    with pytest.raises(RefusedRequestError, match="no item has 'a', 'b', 'c', 'd', 'e' and 3 more; known"):
        recommender.similar_to_new(NewItem(title="word7"), 5, only=Filter(categories=list("abcdefgh")))
    with pytest.raises(RefusedRequestError, match="categories: got 7, expected texts"):
        Filter(categories=[7])  # type: ignore[list-item]  # that is what is refused


def test_overview_map_search_and_cards_have_every_category(client: httpx.Client) -> None:
    expected = {f"one kind {kind}": 12 - (kind == 0) for kind in range(10)}
    expected |= {"one half 0": 59, "one half 1": 60, "": 1}
    overview, described = client.get("/overview").json(), client.get("/map").json()
    for shown in (overview["categories"], described["categories"]):
        counts = {each["name"]: each["num_items"] for each in shown}
        assert counts == {name: expected[name] for name in counts}
    assert [each["name"] for each in overview["categories"][:2]] == ["one half 1", "one half 0"], "the largest first"
    assert len(described["categories"]) == len(expected)
    points = client.get("/map/points").content
    first = np.frombuffer(points, "<u4", 120, 4 * 120)
    point, code = np.frombuffer(points, "<u4", offset=8 * 120).reshape(2, -1)
    names = [each["name"] for each in described["categories"]]
    assert [names[place] for place in first[:3]] == ["", "one kind 1", "one kind 2"]
    assert {(int(at), names[which]) for at, which in zip(point, code, strict=True)} == {
        (item, f"one half {item % 2}") for item in range(1, 120)
    }
    found = client.get("/search", params={"q": "word3 thing 13"}).json()["items"][0]
    assert (found["category"], found["categories"]) == ("one kind 3, one half 1", ["one kind 3", "one half 1"])
    asked = client.get("/items/item-3/similar", params={"k": 50, "category": "one half 0"}).json()
    assert {int(each["item_id"].rpartition("-")[2]) % 2 for each in asked["items"]} == {0}
    several = {"items": ["item-3"], "categories": ["one half 0", "one half 2"]}
    assert client.post("/similar", json=several).json()["unknown_categories"] == ["one half 2"]


def test_many_categories_cost_little(client: httpx.Client) -> None:
    names = [f"{'x' * 100} {number}" for number in range(998)]
    started = time.perf_counter()
    answer = client.post("/similar", json={"items": ["item-3"], "categories": [*names, "one half 0"]})
    assert answer.status_code == 200
    assert answer.json()["unknown_categories"] == names
    refused = client.post("/similar", json={"items": ["item-3"], "categories": names})
    assert refused.status_code == 422
    assert len(refused.json()["detail"]) < 1000
    assert time.perf_counter() - started < 2
