"""What an operator watches: requests, their time, and answers, in Prometheus's form."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST
# Where the counts of several workers are added up; prometheus_client reads it as it is imported.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Figures:
    """The counters of one service, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "tiaowen_requests",
            "Requests by route and status",
            ("route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "tiaowen_request_seconds",
            "Time from a request to the end of its reply",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._answers = Counter(
            "tiaowen_answers", "Answers by status", ("status",), registry=self._registry
        )
        for status in ("answered", "closest", "no_basis"):
            self._answers.labels(status)

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """Count one request that has been replied to."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def count_answer(self, status: str) -> None:
        """Count one answer."""
        self._answers.labels(status).inc()

    def text(self) -> bytes:
        """Return the figures as Prometheus reads them: of all workers where there are several."""
        if SHARED_FOLDER not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
