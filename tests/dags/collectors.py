"""What listens to Airflow from outside: webhooks, OpenTelemetry and OpenLineage by HTTP, StatsD by UDP."""

from __future__ import annotations

import gzip
import socket
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Collector:
    """An HTTP server on loopback that keeps whatever is posted to it.

    Attributes:
        url: Its address, without a slash at the end.
        posted: Path -> bodies in the order of their arrival, unpacked.
    """

    def __init__(self) -> None:
        self.posted: dict[str, list[bytes]] = defaultdict(list)
        posted = self.posted

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                packed = self.headers["Content-Encoding"] == "gzip"
                posted[self.path].append(gzip.decompress(body) if packed else body)
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Collector:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def statsd_listener() -> Iterator[tuple[int, list[str]]]:
    """A UDP port on loopback, and the lines of StatsD that arrive there."""
    lines: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)  # what comes while nobody listens waits
        server.settimeout(0.2)
        done = threading.Event()

        def listen() -> None:
            while True:
                try:
                    lines.extend(server.recv(1 << 16).decode().splitlines())
                except TimeoutError:
                    if done.is_set():
                        return

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield server.getsockname()[1], lines
        finally:
            done.set()
            thread.join()
