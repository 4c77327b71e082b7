"""Producer and consumer: the next minibatches are built while the current one is computed (section 3.3).

The kernels of the build release the GIL, so one thread beside the consumer's is enough.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pinsage.training.minibatch import Minibatch

AHEAD = 2


class Produced(NamedTuple):
    """A minibatch, the seconds that the consumer waited for it, and the seconds that building it took."""

    step: int
    batch: Minibatch
    waited: float
    building: float


def produce(build: Callable[[int], Minibatch], first: int, total: int, *, overlap: bool = True) -> Iterator[Produced]:
    """Minibatches of the steps ``first`` (inclusive) to ``total`` (exclusive) in order.

    Args:
        build: Makes the minibatch of a step.
        first: First step.
        total: End of the steps.
        overlap: Build in a thread that runs at most `AHEAD` steps ahead; else when the consumer asks.

    Raises:
        BaseException: What ``build`` raised.
    """
    if not overlap:
        for step in range(first, total):
            before = time.monotonic()
            batch = build(step)
            waited = time.monotonic() - before
            yield Produced(step, batch, waited, waited)
        return
    ready: queue.Queue[tuple[int, Minibatch | BaseException, float]] = queue.Queue(maxsize=AHEAD)
    stopped = threading.Event()

    def put(entry: tuple[int, Minibatch | BaseException, float]) -> None:
        while not stopped.is_set():
            try:
                ready.put(entry, timeout=0.5)
            except queue.Full:
                continue
            return

    def run_ahead() -> None:
        try:
            for step in range(first, total):
                if stopped.is_set():
                    return
                before = time.monotonic()
                batch = build(step)
                put((step, batch, time.monotonic() - before))
        except BaseException as error:  # noqa: BLE001  # raised again in the consumer
            put((-1, error, 0.0))

    thread = threading.Thread(target=run_ahead, name="minibatches", daemon=True)
    thread.start()
    try:
        for _ in range(first, total):
            before = time.monotonic()
            step, found, building = ready.get()
            if isinstance(found, BaseException):
                raise found
            yield Produced(step, found, time.monotonic() - before, building)
    finally:
        stopped.set()
        thread.join()
