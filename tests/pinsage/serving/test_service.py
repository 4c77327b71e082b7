"""The service over HTTP: a real server on loopback."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import pytest

from pinsage.store import Store
from tests.pinsage.serving.conftest import TAGS
from tests.pinsage.serving.running import running_service
from tests.pinsage.serving.test_swaps import damage, wait_until

SETTINGS = (
    "serving.poll_seconds=0.05",
    "serving.max_k=50",
    "serving.max_query_items=20",
    "serving.max_body_bytes=4096",
)


@pytest.fixture(scope="module")
def served(
    planted: tuple[Path, tuple[str, ...]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[httpx.Client, Path, tuple[str, ...]]]:
    root = tmp_path_factory.mktemp("served") / "store"
    shutil.copytree(planted[0], root)
    with (
        running_service(root, *SETTINGS) as (host, port),
        httpx.Client(base_url=f"http://{host}:{port}", timeout=60) as client,
    ):
        yield client, root, planted[1]


@pytest.fixture
def client(served: tuple[httpx.Client, Path, tuple[str, ...]]) -> httpx.Client:
    return served[0]


def test_every_way_to_ask_names_the_version(served: tuple[httpx.Client, Path, tuple[str, ...]]) -> None:
    client, _, uris = served
    one = client.get("/items/item-7/similar", params={"k": 5, "category": "one kind 7"}).json()
    several = client.post("/similar", json={"items": ["item-7", "item-17"], "k": 5}).json()
    new = client.post("/similar", json={"new_item": {"text": "word7 thing"}, "k": 5}).json()
    found = client.get("/search", params={"q": "word7", "k": 5}).json()
    label = client.get("/items/item-7").json()
    for answer, expected in ((one, 5), (several, 5), (new, 5), (found, 5), (label, 1)):
        assert answer["version"] == uris[0]
        assert len(answer["items"]) == expected
    assert {each["category"] for each in one["items"]} == {"one kind 7"}
    assert label["items"][0]["key"] == "item-7"
    health = client.get("/health").json()
    assert (health["status"], health["version"], health["num_items"]) == ("ok", uris[0], 300)


def test_a_persons_list_is_answered_although_some_of_it_is_unknown(client: httpx.Client) -> None:
    known = client.post("/similar", json={"items": ["item-7", "item-17"], "k": 5}).json()
    mixed = client.post("/similar", json={"items": ["gone", "item-7", 12, "item-17", "gone"], "k": 5})
    assert mixed.status_code == 200
    assert mixed.json()["items"] == known["items"]
    assert (known["skipped"], mixed.json()["skipped"]) == ([], ["gone", 12])
    lost = client.post("/similar", json={"items": ["gone", 12]})
    assert lost.status_code == 404
    assert "'gone' is not among" in lost.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "hint"),
    [
        ("GET", "/items/nobody/similar", None, 404, "ids next to it"),
        ("GET", "/items/item-7/similar?k=51", None, 422, "less than or equal to 50"),
        ("GET", "/items/item-7/similar?k=0", None, 422, "greater than or equal to 1"),
        ("GET", "/items/item-7/similar?version=index/2026-03-01/00", None, 404, "never published"),
        ("GET", "/items/item-7/similar?popularity=nan", None, 422, "query.popularity"),
        ("POST", "/similar", "{}", 422, "either items"),
        ("POST", "/similar", '{"items": ["item-1"], "k": 51}', 422, "at most 50"),
        ("POST", "/similar", '{"items": ["item-1"], "popularity": NaN}', 422, "popularity"),
        ("POST", "/similar", '{"items": ["item-1"], "order": 1}', 422, "order"),
        ("POST", "/similar", '{"items": [1.5]}', 422, "items"),
        ("POST", "/similar", f'{{"items": [{",".join("1" * 21)}]}}', 422, "names 21 items, expected at most 20"),
        ("POST", "/similar", json.dumps({"items": [1], "categories": ["a"] * 21}), 422, "names 22 items"),
        ("GET", f"/items/item-7/similar?{21 * 'category=a&'}", None, 422, "query.category"),
        ("POST", "/similar", '{"new_item": {}}', 422, "it understands vector look"),
        ("POST", "/similar", r'{"new_item": {"title": "\ud800"}}', 422, "expected text"),
        ("POST", "/similar", r'{"items": ["item-1", "\ud800"]}', 422, "valid string"),
        ("POST", "/similar", r'{"items": ["item-1"], "categories": ["one kind 3", "\ud800"]}', 422, "valid string"),
        ("POST", "/together", r'{"items": ["item-1"], "categories": ["one kind 3", "\ud800"]}', 422, "valid string"),
        ("POST", "/similar", '{"new_item": {"numbers": {"price": 1}}}', 422, "'price' is unknown"),
        ("POST", "/similar", f'{{"new_item": {{"text": "{"x" * 5000}"}}}}', 413, "more than 4096 bytes"),
        ("POST", "/similar", "not json", 422, "body"),
        ("GET", "/static/../app.py", None, 404, ""),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_explained(
    client: httpx.Client, method: str, path: str, body: str | None, status: int, hint: str
) -> None:
    answer = client.request(method, path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert hint in answer.json()["detail"]


def test_pages_and_answers_carry_a_strict_policy_and_nothing_from_outside(client: httpx.Client) -> None:
    for path in ("/", "/docs", "/openapi.json", "/overview", "/static/explorer.js", "/items/item-7/similar"):
        answer = client.get(path)
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert not re.findall(r"(?:src|href)=[\"']https?:", answer.text)
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/items/{item_id}/similar", "/similar", "/search", "/health", "/versions"} <= set(paths)


def test_metrics_count_by_route_not_by_address(client: httpx.Client) -> None:
    for item in range(3):
        client.get(f"/items/item-{item}/similar")
    text = client.get("/metrics").text
    assert re.search(r'pinsage_requests_total\{route="/items/\{item_id:path\}/similar",status="200"\} \d+', text)
    assert "item-2" not in text
    assert "pinsage_published_number 1.0" in text
    (day,) = re.findall(r"^pinsage_published_day_timestamp_seconds (\S+)$", text, re.MULTILINE)
    assert datetime.fromtimestamp(float(day), UTC).isoformat() == "2026-03-01T00:00:00+00:00"


def test_methods_are_compared_within_one_version(served: tuple[httpx.Client, Path, tuple[str, ...]]) -> None:
    client, root, uris = served
    compared = client.get("/items/item-7/comparison", params={"k": 5}).json()
    assert compared["version"] == uris[0]
    assert set(compared["methods"]) == {"pinsage", "content", "random_walk", "popularity"}
    store = Store.open(root)
    embeddings = store.input_of(store.version(uris[0]), "embeddings")
    neighbors = store.input_of(embeddings, "neighborhoods").array("neighbors")[7]
    assert [each["key"] for each in compared["methods"]["random_walk"]] == [f"item-{row}" for row in neighbors]
    features = store.input_of(embeddings, "features").array("features")
    blocks = store.input_of(embeddings, "features").json("columns")
    content = features[:, : next(block["start"] for block in blocks if block["name"] == "log_degree")]
    cosines = content @ content[7] / np.linalg.norm(content, axis=1)
    best = [f"item-{row}" for row in np.argsort(-cosines, kind="stable") if row != 7][:5]
    assert [each["key"] for each in compared["methods"]["content"]] == best
    degrees = np.diff(store.input_of(embeddings, "graph").array("item_offsets"))
    assert [each["score"] for each in compared["methods"]["popularity"]] == sorted(degrees, reverse=True)[:5]


def test_what_the_explorer_shows_of_an_item_comes_from_its_catalog_and_graph(
    served: tuple[httpx.Client, Path, tuple[str, ...]],
) -> None:
    client, root, uris = served
    compared = client.get("/items/item-7/comparison", params={"k": 20}).json()
    assert compared["item"]["facts"] == {"category": "one kind 7", "brand": "brand 0", "price": 7.5}
    assert (compared["num_visits"], compared["hops_counted"]) == (20, False)
    store = Store.open(root)
    graph = store.input_of(store.version(uris[0]), "graph")
    offsets, boards = graph.array("item_offsets"), graph.array("item_boards")
    for found in compared["methods"]["pinsage"]:
        row = int(found["key"].removeprefix("item-"))
        of_both = (set(boards[offsets[each] : offsets[each + 1]].tolist()) for each in (7, row))
        assert found["shared_boards"] == len(set.intersection(*of_both))
    assert {each["facts"].get("brand") for each in client.get("/overview").json()["starters"]} - {None}


def test_several_items_are_answered_as_by_similar_with_what_the_explorer_shows(client: httpx.Client) -> None:
    question = {
        "items": ["item-7", "gone", "item-17"],
        "k": 5,
        "categories": ["one kind 7"],
        "excluded_ids": ["item-27"],
    }
    similar, together = client.post("/similar", json=question).json(), client.post("/together", json=question).json()
    assert [each["key"] for each in together["items"]] == [each["key"] for each in similar["items"]]
    assert [each["key"] for each in together["asked"]] == ["item-7", "item-17"]
    assert together["skipped"] == ["gone"]
    assert all(each["facts"]["price"] for each in together["items"] + together["asked"])
    assert client.post("/together", json={"items": ["gone"]}).status_code == 404
    assert client.post("/together", json={"items": ["item-7"], "k": 51}).status_code == 422
    assert client.post("/together", json={"items": [], "new_item": {"title": "word7"}}).json()["asked"] == []


def test_the_map_has_a_place_for_every_item_and_finds_the_item_of_a_place(client: httpx.Client) -> None:
    described = client.get("/map").json()
    assert described["num_points"] == 300
    assert sum(each["num_items"] for each in described["categories"]) == 300
    points = client.get("/map/points", params={"version": described["version"]}).content
    assert len(points) == 300 * 8
    assert points == client.get("/map/points").content
    x, y = (np.frombuffer(points, "<u2", 300, offset) / 65_535 for offset in (0, 600))
    place = {"x": float(x[42]), "y": float(y[42])}
    assert client.get("/map/nearest", params=place).json()["key"] == "item-42"
    placed = client.get("/items/item-42/comparison").json()["item"]["place"]
    assert placed == pytest.approx([place["x"], place["y"]], abs=1e-4)


def test_versions_change_under_requests_and_a_damaged_one_degrades(
    served: tuple[httpx.Client, Path, tuple[str, ...]],
) -> None:
    client, root, uris = served
    store = Store.open(root)
    published = store.ref("published")
    tag_of = dict(zip(uris, TAGS, strict=True))
    done = threading.Event()

    def ask() -> list[str]:
        faults = []
        with httpx.Client(base_url=client.base_url, timeout=60) as own:
            while not done.is_set():
                answer = own.get("/items/item-7/similar", params={"k": 5})
                body = answer.json()
                if answer.status_code != 200 or {each["title"].split()[0] for each in body["items"]} != {
                    tag_of[body["version"]]
                }:
                    faults.append(answer.text)
        return faults

    with ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(ask) for _ in range(2)]
        for uri in (uris[1], uris[2], uris[1]):
            published.append(uri)
            wait_until(lambda uri=uri: client.get("/health").json()["version"] == uri)
        damage(root, uris[0], "shard-000", "bit-flipped")
        published.append(uris[0])
        wait_until(lambda: client.get("/health").json()["status"] == "degraded")
        done.set()
        assert [asked.result() for asked in asking] == [[], []]
    health = client.get("/health").json()
    assert health["version"] == uris[1]
    assert "shard-000" in health["refused"]["reason"]
    assert "pinsage_version_refused 1.0" in client.get("/metrics").text
    listed = client.get("/versions").json()
    assert listed["version"] == uris[1]
    assert [each["version"] for each in listed["publications"]] == [uris[0], uris[1], uris[2], uris[1], uris[0]]
    asked = client.get("/items/item-7/similar", params={"version": uris[2]}).json()
    assert asked["version"] == uris[2]
    no_index = store.input_of(store.version(uris[1]), "embeddings").uri
    published.append(no_index)
    for uri, reason in ((uris[0], "shard-000"), (no_index, "expected one of 'index'")):
        for path in ("/items/item-7/similar", "/items/item-7/comparison", "/map"):
            asked = client.get(path, params={"version": uri})
            assert asked.status_code == 503
            assert reason in asked.json()["detail"]
