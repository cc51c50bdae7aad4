"""The metrics of the core in the formats that Prometheus reads."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as PrometheusMetric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from wabroadcast_core.metrics.catalogue import Metric
from wabroadcast_core.metrics.samples import Distribution
from wabroadcast_core.services.metrics import Family


def write_metrics(families: Sequence[Family], *, accept: str) -> tuple[bytes, str]:
    """Return metrics as text, and the text's media type.

    :param accept: the header ``Accept`` of the request, which chooses between the formats.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(families))
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type


class _Families(Collector):
    """Metrics that were read already, as the registry collects them."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def describe(self) -> Iterable[PrometheusMetric]:
        return ()  # so the registry does not collect them only to learn their names

    def collect(self) -> Iterator[PrometheusMetric]:
        for family in self._families:
            yield _histogram(family) if family.metric.kind == "histogram" else _numbers(family)


def _numbers(family: Family) -> PrometheusMetric:
    metric = family.metric
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    written = kind(metric.name, metric.help, labels=metric.labels)
    for labels, value in sorted(family.samples.items()):
        if not isinstance(value, Distribution):
            written.add_metric(labels, value)
    return written


def _histogram(family: Family) -> PrometheusMetric:
    metric = family.metric
    written = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in sorted(family.samples.items(), key=lambda sample: sample[0]):
        if isinstance(value, Distribution):
            written.add_metric(labels, _buckets(metric, value), value.sum)
    return written


def _buckets(metric: Metric, value: Distribution) -> list[tuple[str, float]]:
    """Return upper bounds with the number of observations up to each, as Prometheus has them."""
    bounds = [*map(str, metric.buckets), "+Inf"]
    return list(zip(bounds, accumulate(value.buckets), strict=True))
