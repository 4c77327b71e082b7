"""Clients that stall or call the service by another name, against a real server whose limits are small."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.pinsage.serving.running import Address, running_service

SECONDS = 1.0
HALF_HEAD = b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
HALF_BODY = (
    b"POST /similar HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"
)


def send_until_disconnected(client: socket.socket, data: bytes) -> bool:
    """Send again and again; whether the service disconnects."""
    try:
        for _ in range(500):
            client.sendall(data)
            time.sleep(0.01)
    except ConnectionError:
        return True
    return False


@pytest.fixture(scope="module")
def address(planted: tuple[Path, tuple[str, ...]]) -> Iterator[Address]:
    limits = (f"serving.request_seconds={SECONDS}", "serving.max_connections=200")
    with running_service(planted[0], *limits, 'serving.allowed_hosts=["shop.example","*.inner.example"]') as address:
        yield address


@pytest.fixture(scope="module")
def usual(planted: tuple[Path, tuple[str, ...]]) -> Iterator[Address]:
    with running_service(planted[0], open_files=1024) as address:
        yield address


@pytest.mark.parametrize("begun", [b"", HALF_HEAD, HALF_BODY], ids=["silent", "half a head", "half a body"])
def test_1100_half_open_connections_keep_nobody_out(usual: Address, begun: bytes) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2000:
        pytest.skip("this process may not open 2,000 files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2000), hard))
    with ExitStack() as stack:
        for _ in range(1100):
            client = stack.enter_context(socket.create_connection(usual, timeout=10))
            client.sendall(begun)
        started = time.monotonic()
        for _ in range(5):
            assert httpx.get(f"http://127.0.0.1:{usual[1]}/health", timeout=10).status_code == 200
        assert time.monotonic() - started < 5
        assert httpx.get(f"http://127.0.0.1:{usual[1]}/items/item-7/similar", timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("begun", "drop", "reason"),
    [
        (b"", b"", b""),
        (b"GET /", b"x", b"408"),
        (HALF_HEAD, b"x", b"408"),
        (HALF_BODY, b" ", b"408"),
        (HALF_BODY, b"", b"408"),
    ],
)
def test_who_does_not_send_the_whole_request_in_time_is_disconnected(
    address: Address, begun: bytes, drop: bytes, reason: bytes
) -> None:
    with socket.create_connection(address, timeout=0.1) as client:
        client.sendall(begun)
        started, answer, open_still = time.monotonic(), b"", True
        while open_still and time.monotonic() - started < 10 * SECONDS:
            try:
                # A byte from time to time does not make the time longer.
                client.sendall(drop)
                part = client.recv(4096)
                answer, open_still = answer + part, bool(part)
            except TimeoutError:
                pass
            except OSError:
                open_still = False
        assert not open_still
        assert reason in answer.partition(b"\r\n")[0]
        assert 0.5 * SECONDS < time.monotonic() - started < 8 * SECONDS


def test_who_does_not_read_the_answer_is_disconnected(address: Address) -> None:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(10)
        client.connect(address)
        asked = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 400
        client.sendall(asked)
        time.sleep(5 * SECONDS)
        assert send_until_disconnected(client, asked)


def test_one_connection_asks_again_and_again(address: Address) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{address[1]}") as client:
        for _ in range(4):
            assert client.get("/health").status_code == 200
            assert client.post("/similar", json={"items": ["item-7"]}).status_code == 200
            time.sleep(0.4 * SECONDS)


def test_a_head_without_end_is_refused(address: Address) -> None:
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: ")
        assert send_until_disconnected(client, b"x" * 16_384)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("127.0.0.1", 200),
        ("[::1]:8080", 200),
        ("shop.example", 200),
        ("a.inner.example:80", 200),
        ("evil.example", 400),
        ("inner.example", 400),
        ("localhost.evil.example", 400),
        ("evil.example:8080", 400),
        ("10.0.0.1", 400),
        ("localhost@evil.example", 400),
        ("", 400),
    ],
)
def test_only_names_of_the_service_are_answered(address: Address, host: str, status: int) -> None:
    for path in ("/", "/health", "/items/item-7/similar", "/static/explorer.js"):
        answer = httpx.get(f"http://127.0.0.1:{address[1]}{path}", headers={"Host": host})
        assert answer.status_code == status
        if status == 400:
            assert "serving.allowed_hosts" in answer.json()["detail"]
