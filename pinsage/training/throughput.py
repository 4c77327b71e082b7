"""How fast a training runs, and how long its consumer waits for minibatches."""

from __future__ import annotations

import time
from typing import Any


class Throughput:
    """Seconds of a training, epoch by epoch.

    Args:
        batch_pairs: Examples of a step, over all processes.
    """

    def __init__(self, batch_pairs: int) -> None:
        self._batch_pairs = batch_pairs
        self._epochs: list[dict[str, Any]] = []
        self._total_seconds = self._total_waited = self._total_building = 0.0
        self._total_steps = 0
        self._start_epoch()

    def add(self, waited: float, building: float) -> None:
        """Count a step: seconds that the consumer waited for its minibatch, and that building it took."""
        self._steps += 1
        self._waited += waited
        self._building += building

    def so_far(self) -> dict[str, float]:
        """Examples per second and idle share of the epoch so far."""
        return self._rates(self._steps, time.monotonic() - self._started, self._waited, self._building)

    def end_epoch(self, step: int) -> None:
        """Close the epoch that ends after ``step`` steps; ranking the tuning pairs counts as a part of it."""
        seconds = time.monotonic() - self._started
        self._epochs.append({"step": step, **self._rates(self._steps, seconds, self._waited, self._building)})
        self._total_steps += self._steps
        self._total_seconds += seconds
        self._total_waited += self._waited
        self._total_building += self._building
        self._start_epoch()

    def measurements(self) -> dict[str, Any]:
        """The whole epochs of this run, each and together; empty without one."""
        if not self._total_steps:
            return {}
        totals = (self._total_steps, self._total_seconds, self._total_waited, self._total_building)
        return {"training_seconds": round(self._total_seconds, 3), **self._rates(*totals), "epochs": self._epochs}

    def _start_epoch(self) -> None:
        self._started = time.monotonic()
        self._steps, self._waited, self._building = 0, 0.0, 0.0

    def _rates(self, steps: int, seconds: float, waited: float, building: float) -> dict[str, float]:
        # Without overlap the consumer would wait for the whole of every build.
        alone = seconds - waited + building
        return {
            "examples_per_second": round(steps * self._batch_pairs / max(seconds, 1e-9), 1),
            "idle_share": round(waited / max(seconds, 1e-9), 4),
            "idle_share_without_overlap": round(building / max(alone, 1e-9), 4),
        }
