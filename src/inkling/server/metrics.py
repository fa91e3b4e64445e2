"""What Prometheus collects: requests and how long they took, batches, predictions by class."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

_IMAGES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "inkling_requests", "Requests by address and status", ("path", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "inkling_request_seconds",
            "Seconds from the header of a request to its answer",
            ("path",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._batches = Histogram(
            "inkling_batch_images", "Images in a batch", ("model",), buckets=_IMAGES, registry=self._registry
        )
        self._predictions = Counter(
            "inkling_predictions",
            "Predictions by class, abstentions apart",
            ("model", "label"),
            registry=self._registry,
        )
        self._abstentions = Counter(
            "inkling_abstentions", "Predictions below reject_below", ("model",), registry=self._registry
        )
        # Looking a child up by its labels takes longer than counting.
        self._request = cache(self._requests.labels)
        self._time = cache(self._seconds.labels)
        self._batch = cache(self._batches.labels)
        self._prediction = cache(self._predictions.labels)

    def request(self, path: str, status: int, seconds: float) -> None:
        """Count a request; `path` is that of a route, of which there are few."""
        self._request(path, str(status)).inc()
        self._time(path).observe(seconds)

    def batch(self, model: str, images: int) -> None:
        """Count a batch."""
        self._batch(model).observe(images)

    def predictions(self, model: str, labels: Sequence[str | None]) -> None:
        """Count predictions; None is an abstention."""
        for label in labels:
            if label is None:
                self._abstentions.labels(model).inc()
            else:
                self._prediction(model, label).inc()

    def text(self) -> bytes:
        """Return all counters in Prometheus' format."""
        return generate_latest(self._registry)
