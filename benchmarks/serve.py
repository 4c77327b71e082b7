"""Requests per second and tail latency of the service on loopback while published versions change under it.

    python -m benchmarks.serve --answers 100000 --swaps 50 --rollbacks 10

A real service answers over HTTP from planted versions whose titles name their version. First it is left alone for a
tenth of the answers, then versions are published and rolled back at even distances. An answer counts as *failed*
unless it is a 200 with k items, and as *mixed* unless all its items are of the one version that it names. Prints one
JSON line.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import numpy as np

from benchmarks.planted_versions import plant_version
from pinsage.store import ReferenceLog, Store
from tasks.runtime.logs import log_to_stderr

K = 10
POLL_SECONDS = 0.1
QUIET_SHARE = 0.1
WARM_UP_ANSWERS = 200
PAUSE_SECONDS = 0.01


def main() -> None:
    """Parse the command line, measure, print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--answers", type=int, default=100_000)
    options.add_argument("--swaps", type=int, default=50)
    options.add_argument("--rollbacks", type=int, default=10)
    options.add_argument("--items", type=int, default=2_000)
    options.add_argument("--versions", type=int, default=4)
    options.add_argument("--clients", type=int, default=4)
    given = options.parse_args()
    log_to_stderr()
    print(json.dumps(measure(given.answers, given.swaps, given.rollbacks, given.items, given.versions, given.clients)))


def measure(
    num_answers: int, num_swaps: int, num_rollbacks: int, num_items: int, num_versions: int, num_clients: int
) -> dict[str, object]:
    """Serve, ask and swap; what `main` prints."""
    with tempfile.TemporaryDirectory(prefix="pinsage-serve-") as root:
        uris = [plant_version(root, f"tag{seed}", num_items, seed).uri for seed in range(num_versions)]
        published = Store.open(root).ref("published")
        published.append(uris[0])
        with serving(root) as address:
            clients = Clients(address, {uri: f"tag{seed}" for seed, uri in enumerate(uris)}, num_items)
            warm_up = clients.ask(WARM_UP_ANSWERS, num_clients)
            started = time.perf_counter()
            quiet = clients.ask(round(QUIET_SHARE * num_answers), num_clients)
            quiet_seconds = time.perf_counter() - started
            changes = changes_of(published, uris, num_swaps, num_rollbacks)
            num_changes, num_busy = num_swaps + num_rollbacks, num_answers - len(warm_up) - len(quiet)
            with ThreadPoolExecutor(1) as swapper:
                swapping = swapper.submit(swap, address, changes, num_changes, clients, num_busy)
                started = time.perf_counter()
                busy = clients.ask(num_busy, num_clients)
                busy_seconds = time.perf_counter() - started
                swap_seconds = swapping.result()
    return {
        "benchmark": "serve",
        "answers": len(warm_up) + len(quiet) + len(busy),
        "failed": clients.failed,
        "mixed": clients.mixed,
        "swaps": num_swaps,
        "rollbacks": num_rollbacks,
        "versions_answering": len(clients.seen),
        "items": num_items,
        "clients": num_clients,
        "quiet": latencies(quiet, quiet_seconds),
        "swapping": latencies(busy, busy_seconds),
        "requests_per_second_ratio": round(len(busy) / busy_seconds * quiet_seconds / len(quiet), 3),
        "swap_seconds_p50": round(float(np.median(swap_seconds)), 3),
        "poll_seconds": POLL_SECONDS,
        "cpus": os.cpu_count(),
    }


@contextmanager
def serving(root: str) -> Iterator[str]:
    """Run ``pinsage serve`` on a free port; gives host:port."""
    command = [sys.executable, "-m", "tasks.cli", "serve", "--root", root, "--port", "0"]
    command += ["--set", f"serving.poll_seconds={POLL_SECONDS}"]
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "400"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        announced = re.search(r"http://([0-9.]+:\d+)", first)
        if announced is None:
            raise RuntimeError(f"the service did not start: {first}{process.stderr.read()}")
        # A full pipe would stop the service.
        threading.Thread(target=process.stderr.read, daemon=True).start()
        try:
            yield announced[1]
        finally:
            process.terminate()


class Clients:
    """Threads with a connection each, and what they saw."""

    def __init__(self, address: str, tag_of: dict[str, str], num_items: int) -> None:
        self._address = address
        self._tag_of = tag_of
        self._num_items = num_items
        self._numbers = itertools.count()
        self.answered = self.failed = self.mixed = 0
        self.seen: set[str] = set()

    def ask(self, num_answers: int, num_clients: int) -> list[float]:
        """Seconds of every answer."""
        shares = [num_answers // num_clients + (client < num_answers % num_clients) for client in range(num_clients)]
        found: list[list[float]] = [[] for _ in shares]
        threads = [
            threading.Thread(target=self._run, args=(share, seconds))
            for share, seconds in zip(shares, found, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [each for seconds in found for each in seconds]

    def _run(self, num_answers: int, seconds: list[float]) -> None:
        with closing(http.client.HTTPConnection(self._address)) as connection:
            for _ in range(num_answers):
                path = f"/items/item-{next(self._numbers) * 7919 % self._num_items}/similar?k={K}"
                started = time.perf_counter()
                try:
                    connection.request("GET", path)
                    response = connection.getresponse()
                    status, body = response.status, response.read()
                except (OSError, http.client.HTTPException) as error:
                    status, body = 0, str(error).encode()
                    connection.close()
                seconds.append(time.perf_counter() - started)
                self._judge(status, body)

    def _judge(self, status: int, body: bytes) -> None:
        answer = json.loads(body) if status == 200 else {"items": []}
        # Under the global interpreter lock, += of several threads on one attribute could lose counts.
        with _COUNTING:
            self.answered += 1
            if len(answer["items"]) != K:
                self.failed += 1
                return
            self.seen.add(answer["version"])
            tag = self._tag_of[answer["version"]]
            self.mixed += any(item["title"].split()[0] != tag for item in answer["items"])


_COUNTING = threading.Lock()


def changes_of(published: ReferenceLog, uris: list[str], num_swaps: int, num_rollbacks: int) -> Iterator[str]:
    """Publish the next version, or roll back to the one before, step by step; gives the URI then published."""
    rollbacks = set(np.linspace(1, num_swaps + num_rollbacks - 1, num_rollbacks).astype(int).tolist())
    for change in range(num_swaps + num_rollbacks):
        head = published.head()
        assert head is not None
        if change in rollbacks:
            earlier = next(each for each in reversed(published.history()) if each.uri != head.uri)
            yield published.append(earlier.uri, after=head.number, details={"rollback_of": head.number}).uri
        else:
            yield published.append(uris[(uris.index(head.uri) + 1) % len(uris)], after=head.number).uri


def swap(address: str, changes: Iterator[str], num_changes: int, clients: Clients, num_answers: int) -> list[float]:
    """Make all changes at even distances among the next answers; gives the seconds until the service went over."""
    first, seconds = clients.answered, []
    for number in range(1, num_changes + 1):
        while clients.answered < first + number * num_answers / (num_changes + 1):
            time.sleep(PAUSE_SECONDS)
        uri, started = next(changes), time.perf_counter()
        while published_version(address) != uri:
            time.sleep(PAUSE_SECONDS)
        seconds.append(time.perf_counter() - started)
    return seconds


def published_version(address: str) -> str:
    """What the service answers from."""
    # A connection of its own: the service closes those that are idle between two changes.
    with closing(http.client.HTTPConnection(address)) as connection:
        connection.request("GET", "/health")
        version: str = json.loads(connection.getresponse().read())["version"]
        return version


def latencies(seconds: list[float], wall_seconds: float) -> dict[str, float]:
    """Requests a second, and quantiles in milliseconds."""
    quantiles = {"p50_ms": 0.5, "p99_ms": 0.99, "p999_ms": 0.999, "max_ms": 1.0}
    values = {name: round(1000 * float(np.quantile(seconds, share)), 2) for name, share in quantiles.items()}
    return {"requests_per_second": round(len(seconds) / wall_seconds, 1), **values}


if __name__ == "__main__":
    main()
