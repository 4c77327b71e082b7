"""Prometheus metrics of one service process."""

from __future__ import annotations

from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from pinsage.serving.recommender import Recommender

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class ServiceMetrics:
    """Counts of this process; a registry of its own, so that several services can live in one process."""

    def __init__(self, recommender: Recommender) -> None:
        self._recommender = recommender
        self._registry = CollectorRegistry()
        self._requests = Counter("pinsage_requests", "Answered requests.", ["route", "status"], registry=self._registry)
        self._seconds = Histogram(
            "pinsage_request_seconds", "Time to answer.", ["route"], buckets=LATENCY_BUCKETS, registry=self._registry
        )
        self._number = Gauge("pinsage_published_number", "Number of the publication in use.", registry=self._registry)
        self._day = Gauge(
            "pinsage_published_day_timestamp_seconds",
            "Start of the day that the version in use is for, seconds since the epoch.",
            registry=self._registry,
        )
        self._refused = Gauge(
            "pinsage_version_refused", "1 when a newer version was refused as damaged.", registry=self._registry
        )
        self._items = Gauge("pinsage_items", "Items of the version in use.", registry=self._registry)

    def observe(self, route: str, status: int, seconds: float) -> None:
        """Count one answered request; ``route`` is the template, never the address, so that it stays small."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def exposition(self) -> tuple[bytes, str]:
        """The text that Prometheus reads, and its media type."""
        versions = self._recommender.versions
        with versions.reading() as held:
            self._items.set(len(held.index.row_of))
            self._number.set(held.number)
            day = datetime.fromisoformat(held.index.version.partition).replace(tzinfo=UTC)
            self._day.set(day.timestamp())
        self._refused.set(versions.refused is not None)
        return generate_latest(self._registry), CONTENT_TYPE_LATEST
