"""A real S3 server (moto) in a process of its own, with bad weather in front of it when asked for.

The server outlives the clients that a test kills. ``python -m tests.faults.s3_weather '{"share": 0.2}'`` serves on a
free port, which it prints, until its standard input is closed.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from tests.faults.fork_server import PROJECT

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
FAULTS = ("500", "503", "409", "slow", "silent", "cut", "lost")
COUNTS = "/_weather"


@dataclass(frozen=True)
class Weather:
    """How the server behaves.

    Attributes:
        share: Share of the requests that meet a fault, drawn by ``seed``.
        faults: Which faults there are: errors 500 and 503; 409 ConditionalRequestConflict for conditional puts; an
            answer that is slow, never comes, or is cut in the middle; a request that is served and whose answer is
            lost.
        silence_seconds: How long the server is silent instead of answering; above the client's time-out.
        honours_conditions: False: the server drops ``If-None-Match`` and overwrites, as some S3 look-alikes do.
    """

    share: float = 0.0
    seed: int = 0
    faults: tuple[str, ...] = FAULTS
    silence_seconds: float = 1.5
    honours_conditions: bool = True


class Sky:
    """WSGI middleware that lets ``weather`` happen to the requests of ``application``."""

    def __init__(self, application: Application, weather: Weather) -> None:
        self._application = application
        self._weather = weather
        self._number = itertools.count()
        # moto looks and then puts: two threads could both see nothing. S3 does not.
        self._puts = threading.Lock()
        self.met: Counter[str] = Counter()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == COUNTS:
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(self.met).encode()]
        fault = self._fault(environ)
        self.met[fault or "fair"] += 1
        if fault in ("500", "503", "409"):
            _read(environ)
            status, code = {
                "500": ("500 Internal Server Error", "InternalError"),
                "503": ("503 Slow Down", "SlowDown"),
                "409": ("409 Conflict", "ConditionalRequestConflict"),
            }[fault]
            start_response(status, [("Content-Type", "application/xml")])
            return [f"<Error><Code>{code}</Code><Message>weather</Message></Error>".encode()]
        if fault == "silent":
            time.sleep(self._weather.silence_seconds)
            return _hang_up(environ)
        status, headers, body = self._serve(environ)
        if fault == "lost":
            return _hang_up(environ)
        if fault == "slow":
            time.sleep(self._weather.silence_seconds / 10)
        start_response(status, headers)
        if fault == "cut" and len(body) > 1:  # the headers promise all of it
            return [body[: len(body) // 2]]
        return [body]

    def _fault(self, environ: dict[str, Any]) -> str | None:
        dice = random.Random(f"{self._weather.seed} {next(self._number)}")
        if dice.random() >= self._weather.share:
            return None
        fault = dice.choice(self._weather.faults)
        if fault == "409" and "HTTP_IF_NONE_MATCH" not in environ:
            return "500"
        return fault

    def _serve(self, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
        if not self._weather.honours_conditions:
            environ.pop("HTTP_IF_NONE_MATCH", None)
        answer: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
            answer[:] = [status, headers]

        with self._puts if environ["REQUEST_METHOD"] == "PUT" else threading.Lock():
            body = b"".join(self._application(environ, start_response))
        return answer[0], answer[1], body


def _read(environ: dict[str, Any]) -> None:
    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))


def _hang_up(environ: dict[str, Any]) -> Iterable[bytes]:
    """Close the connection without a byte of answer."""
    environ["werkzeug.socket"].shutdown(2)
    raise ConnectionAbortedError("the weather cut the line")


def serve(weather: Weather) -> None:
    """Serve until standard input ends; prints the port."""
    import logging

    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    sky = Sky(DomainDispatcherApplication(create_backend_app), weather)
    server = make_server("127.0.0.1", 0, sky, threaded=True, request_handler=MotoRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()


@contextmanager
def s3_server(weather: Weather = Weather(), bucket: str = "store") -> Iterator[dict[str, str]]:
    """A server with an empty bucket; yields the environment variables that clients need."""
    command = [sys.executable, "-m", "tests.faults.s3_weather", json.dumps(asdict(weather))]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=PROJECT
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline())
            environment = {
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_REGION": "us-east-1",
                "AWS_DEFAULT_REGION": "us-east-1",
            }
            _make_bucket(environment["AWS_ENDPOINT_URL"], bucket)
            yield environment
        finally:
            process.stdin.close()
            process.wait(timeout=30)


def _make_bucket(endpoint: str, bucket: str) -> None:
    """moto needs no signature, and the request is repeated until the weather lets it through."""
    for attempt in range(50):
        request = urllib.request.Request(f"{endpoint}/{bucket}", method="PUT")
        try:
            urllib.request.urlopen(request, timeout=10).read()
            return
        except (urllib.error.HTTPError, OSError):
            if attempt == 49:
                raise


def faults_met(environment: dict[str, str]) -> dict[str, int]:
    """How many requests met which fault so far."""
    answer: dict[str, int] = json.loads(urllib.request.urlopen(environment["AWS_ENDPOINT_URL"] + COUNTS).read())
    return answer


if __name__ == "__main__":
    serve(Weather(**json.loads(sys.argv[1])))
    os._exit(0)
