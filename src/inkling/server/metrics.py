"""What Prometheus collects: requests and how long they took, batches, predictions by class.

Counted in plain numbers, on the event loop alone, and made into Prometheus' own families when they are asked for: its
client locks and searches at every step, which would take a tenth of the time of a small request.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily, Metric

CONTENT_TYPE = CONTENT_TYPE_LATEST

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_IMAGES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)


class _Histogram:
    """Values counted up to bounds, and their sum."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds, self.counts, self.sum = bounds, [0] * (len(bounds) + 1), 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def buckets(self) -> list[tuple[str, float]]:
        return list(zip([*map(str, self.bounds), "+Inf"], accumulate(self.counts), strict=True))


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, int]] = Counter()
        self._seconds: defaultdict[str, _Histogram] = defaultdict(lambda: _Histogram(_SECONDS))
        self._batches: defaultdict[str, _Histogram] = defaultdict(lambda: _Histogram(_IMAGES))
        self._predictions: Counter[tuple[str, str | None]] = Counter()
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def request(self, path: str, status: int, seconds: float) -> None:
        """Count a request; `path` is that of a route, of which there are few."""
        self._requests[path, status] += 1
        self._seconds[path].observe(seconds)

    def batch(self, model: str, images: int) -> None:
        """Count a batch."""
        self._batches[model].observe(images)

    def predictions(self, model: str, labels: Sequence[str | None]) -> None:
        """Count predictions; None is an abstention."""
        for label in labels:
            self._predictions[model, label] += 1

    def text(self) -> bytes:
        """Return all counters in Prometheus' format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield all counters as families of Prometheus."""
        requests = CounterMetricFamily("inkling_requests", "Requests by address and status", labels=("path", "status"))
        for (path, status), n in self._requests.items():
            requests.add_metric((path, str(status)), n)
        yield requests
        seconds = HistogramMetricFamily(
            "inkling_request_seconds", "Seconds from the header of a request to its answer", labels=("path",)
        )
        batches = HistogramMetricFamily("inkling_batch_images", "Images in a batch", labels=("model",))
        for family, histograms in ((seconds, self._seconds), (batches, self._batches)):
            for name, histogram in histograms.items():
                family.add_metric((name,), histogram.buckets(), histogram.sum)
            yield family
        predictions = CounterMetricFamily(
            "inkling_predictions", "Predictions by class, abstentions apart", labels=("model", "label")
        )
        abstentions = CounterMetricFamily("inkling_abstentions", "Predictions below reject_below", labels=("model",))
        for (model, label), n in self._predictions.items():
            if label is None:
                abstentions.add_metric((model,), n)
            else:
                predictions.add_metric((model, label), n)
        yield predictions
        yield abstentions
