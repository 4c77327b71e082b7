"""Requests of up to 1 MB, made to be expensive or at random: each is answered or refused at once, in few bytes."""

from __future__ import annotations

import json
import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.pinsage.serving.running import Address, running_service

SIZE = 1_000_000
SECONDS = 5.0
ANSWER_BYTES = 300_000
FAULT_BYTES = 4_000
WORDS = [
    "item-7",
    "a",
    "é",
    "漢",
    "\ufdfa",
    "\u0301",
    "\u0000",
    "\ud800",
    "0",
    "-1",
    "1e5",
    "one kind 3",
    "../..",
    "%s",
    "",
]


@pytest.fixture(scope="module")
def address(planted: tuple[Path, tuple[str, ...]]) -> Iterator[Address]:
    with running_service(planted[0]) as address:
        # torch is imported by the first new item.
        ask(address, b'{"new_item": {"title": "one word7"}}', seconds=120)
        yield address


def ask(address: Address, body: bytes, seconds: float = SECONDS) -> int:
    """The status of ``POST /similar``, which must come soon and short."""
    started = time.monotonic()
    headers = {"Content-Type": "application/json"}
    answer = httpx.post(f"http://127.0.0.1:{address[1]}/similar", content=body, headers=headers, timeout=60)
    assert time.monotonic() - started < seconds, body[:100]
    assert answer.status_code in (200, 400, 404, 413, 422), answer.text[:200]
    assert len(answer.content) < (ANSWER_BYTES if answer.status_code == 200 else FAULT_BYTES), body[:100]
    return answer.status_code


def repeated(start: str, entry: str, end: str) -> bytes:
    """JSON of nearly 1 MB whose middle is one entry again and again."""
    number = (SIZE - len(start) - len(end)) // (len(entry.encode()) + 1)
    return (start + ",".join([entry] * number) + end).encode()


def numbered(start: str, entry: str, end: str) -> bytes:
    """The same with keys that differ."""
    return (start + ",".join(f'"k{number}":{entry}' for number in range(60_000)) + end).encode()


EXPENSIVE = {
    "one item again and again": repeated('{"items":["item-7"', ',"item-7"', "]}").replace(b",,", b","),
    "items of a wrong type": repeated('{"items":[', "1.5", "]}"),
    "objects as ids": repeated('{"items":["item-7"],"excluded_ids":[', "{}", "]}"),
    "categories": repeated('{"items":["item-7"],"categories":[', '"one kind 3"', "]}"),
    "categories of a wrong type": repeated('{"items":["item-7"],"categories":[', "1", "]}"),
    "a long category": json.dumps({"items": ["item-7"], "categories": ["c" * (SIZE - 100)]}).encode(),
    "allowed ids": repeated('{"items":["item-7"],"allowed_ids":[', "1", "]}"),
    "a long id": json.dumps({"items": ["x" * (SIZE - 100)]}).encode(),
    "long ids": json.dumps({"items": ["x" * 65_000] * 15}).encode(),
    "a large number": b'{"k":' + b"9" * (SIZE - 10) + b"}",
    "an id of 4,000 digits": b'{"items":[' + b"9" * 4000 + b"]}",
    "deep": b"[" * SIZE,
    "deep and closed": b'{"items":' + b"[" * (SIZE // 3) + b"]" * (SIZE // 3) + b"}",
    "deep objects": b'{"items":' * (SIZE // 10) + b"1" + b"}" * (SIZE // 10),
    "unknown fields": numbered("{", "1", "}"),
    "an unknown field with a long name": json.dumps({"k" * (SIZE - 100): 1}).encode(),
    "a long version": json.dumps({"items": ["item-7"], "version": "v" * (SIZE - 100)}).encode(),
    "a huge vector": repeated('{"new_item":{"vectors":{"look":[', "1", "]}}}"),
    "a huge vector of text": repeated('{"new_item":{"vectors":{"look":[', '"x"', "]}}}"),
    "many vectors": numbered('{"new_item":{"vectors":{', "[1]", "}}}"),
    "many numbers": numbered('{"new_item":{"numbers":{', '"x"', "}}}"),
    "many categories": numbered('{"new_item":{"categories":{', '"x"', "}}}"),
    "many words": json.dumps({"new_item": {"text": " ".join(f"w{number}" for number in range(130_000))}}).encode(),
    "one long word": json.dumps({"new_item": {"title": "x" * (SIZE - 100)}}).encode(),
    "signs that stand for many": json.dumps(
        {"new_item": {"title": "\ufdfa" * (SIZE // 4)}}, ensure_ascii=False
    ).encode(),
    "accents": json.dumps({"new_item": {"title": "\u0301" * (SIZE // 4)}}, ensure_ascii=False).encode(),
    "no utf-8": b'{"items":["' + b"\xff" * (SIZE - 100) + b'"]}',
    "blank": b" " * SIZE,
}


@pytest.mark.parametrize("body", EXPENSIVE.values(), ids=EXPENSIVE.keys())
def test_an_expensive_body_is_refused_or_answered_at_once(address: Address, body: bytes) -> None:
    assert len(body) <= 1 << 20
    ask(address, body)


def random_value(source: random.Random, depth: int = 0) -> Any:
    """Any JSON value."""
    kind = source.randrange(9 if depth < 4 else 6)
    if kind == 0:
        return source.choice([None, True, False])
    if kind == 1:
        return source.choice([0, -1, 1, 7, 500, 10**9, 10**400])
    if kind == 2:
        return source.choice([0.5, 1e300, -0.0, float("nan"), float("inf")])
    if kind in (3, 4, 5):
        return source.choice(WORDS) * source.choice([1, 1, 1, 100, 1_000])
    entries = [random_value(source, depth + 1) for _ in range(source.choice([0, 1, 3]))]
    if kind == 6:
        return entries * (source.choice([1, 30, 1000]) if depth == 0 else 1)
    return {source.choice(WORDS) + str(number): value for number, value in enumerate(entries)}


def random_request(source: random.Random) -> bytes:
    """A request whose fields are right or wrong by chance."""
    right: dict[str, Any] = {
        "items": [f"item-{source.randrange(400)}" for _ in range(source.choice([1, 10, 1000]))],
        "k": source.choice([1, 10, 500]),
        "decay": source.random(),
        "popularity": source.random(),
        "categories": [f"one kind {number}" for number in range(source.choice([0, 1, 10]))],
        "allowed_ids": [f"item-{number}" for number in range(source.choice([0, 1, 100]))],
        "excluded_ids": [f"item-{number}" for number in range(source.choice([0, 1, 100]))],
        "new_item": {"title": "one word7", "vectors": {"look": [0.5] * source.choice([0, 15, 16, 10_000])}},
    }
    names = [*right, "version", source.choice(WORDS)]
    fields = source.sample(names, source.randrange(1, 6))
    chosen = {name: right[name] if name in right and source.random() < 0.7 else random_value(source) for name in fields}
    return json.dumps(chosen).encode()[:SIZE]


def test_random_bodies_are_refused_or_answered_at_once(address: Address) -> None:
    source = random.Random(0)
    statuses = {ask(address, random_request(source)) for _ in range(300)}
    assert {200, 404, 422} <= statuses
    assert httpx.get(f"http://127.0.0.1:{address[1]}/health", timeout=SECONDS).json()["status"] == "ok"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /search?q=a&" + b"&".join(b"p%d=1" % number for number in range(7_000)) + b" HTTP/1.1\r\n",
        b"GET /search?q=" + b"a+" * 30_000 + b" HTTP/1.1\r\n",
        b"GET /search?q=" + b"%F0%9F%98%80" * 5_000 + b" HTTP/1.1\r\n",
        b"GET /items/item-7/similar?" + b"category=a&" * 5_000 + b" HTTP/1.1\r\n",
        b"GET /items/" + b"x" * 60_000 + b" HTTP/1.1\r\n",
        b"GET /items/" + b"x" * 900_000 + b" HTTP/1.1\r\n",
        b"GET " + b"/" * 60_000 + b" HTTP/1.1\r\n",
        b"GET /health HTTP/1.1\r\n" + b"".join(b"x-%d: 1\r\n" % number for number in range(4_000)),
        b"GET /health HTTP/1.1\r\n" + b"x: " + b"1" * 900_000 + b"\r\n",
        b"GET /static/explorer.js HTTP/1.1\r\nRange: bytes=" + b",".join([b"0-"] * 15_000) + b"\r\n",
    ],
    ids=lambda head: head[:40].decode().split()[1] + str(len(head)),
)
def test_an_expensive_head_is_refused_or_answered_at_once(address: Address, head: bytes) -> None:
    started = time.monotonic()
    with socket.create_connection(address, timeout=60) as client:
        try:
            client.sendall(head + b"Host: localhost\r\nConnection: close\r\n\r\n")
            client.recv(1024)
        except ConnectionError:
            pass  # refused before it was read
    assert httpx.get(f"http://127.0.0.1:{address[1]}/health", timeout=60).status_code == 200
    assert time.monotonic() - started < SECONDS


def test_a_query_of_very_many_parameters_is_refused(address: Address) -> None:
    asked = "&".join(f"p{number}=1" for number in range(1_100))
    answer = httpx.get(f"http://127.0.0.1:{address[1]}/search?q=a&{asked}")
    assert answer.status_code == 422
    assert "1101 parameters, expected at most 1020" in answer.json()["detail"]
