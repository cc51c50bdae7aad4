"""``/metrics``: the format, the names, what a worker in another process adds, and who may read it."""

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from tests.host.installations import Api, bearer, opened_app
from tests.host.programs import Served
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.metrics.catalogue import MEASURED, READ

NAME = re.compile(r"wabroadcast(_[a-z]+)+")
UNITS = {"counter": ("_total",), "histogram": ("_seconds",)}
LABELS = {"connection", "outcome", "status", "method", "route", "part", "state", "host"}
REMOTE = "http://api.example"


def samples_of(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return the samples in a text of Prometheus, by name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize("metric", [*MEASURED, *READ], ids=lambda metric: metric.name)
def test_names_and_labels_follow_the_conventions(metric: Any) -> None:
    assert NAME.fullmatch(metric.name)
    assert metric.name.endswith(UNITS.get(metric.kind, ""))
    assert (metric.kind == "counter") == metric.name.endswith("_total")
    assert set(metric.labels) <= LABELS
    assert metric.help.endswith(".")
    assert list(metric.buckets) == sorted(set(metric.buckets))


def test_the_text_has_every_metric_with_its_kind(idle_api: Any) -> None:
    answer = idle_api.get("/metrics")

    kinds = {family.name: family.type for family in text_string_to_metric_families(answer.text)}
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert kinds == {metric.name.removesuffix("_total"): metric.kind for metric in (*MEASURED, *READ)}


def test_openmetrics_is_written_on_request(idle_api: Any) -> None:
    answer = idle_api.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})

    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_requests_are_measured_by_route_and_not_by_path(fresh_api: Any) -> None:
    for job_id in ("a", "b"):
        assert fresh_api.get(f"/broadcast/{job_id}/status").status_code == 404
    assert fresh_api.get("/connections").status_code == 200

    def count(route: str, status: str) -> float:
        labels = (("method", "GET"), ("route", route), ("status", status))
        samples = samples_of(fresh_api.get("/metrics").text)
        return samples.get(("wabroadcast_http_request_duration_seconds_count", labels), 0)

    wait_for(lambda: count("/connections", "200") == 1, seconds=30, what="the measurements of the web process")
    assert count("/broadcast/{jobId}/status", "404") == 2


@pytest.fixture
def remote(host_settings: Settings) -> Iterator[Callable[..., Api]]:
    """A function that opens the application with settings, and returns a client on another machine."""
    with contextlib.ExitStack() as stack:

        def open_app(**changes: Any) -> Api:
            settings = host_settings.model_copy(update=changes)
            return stack.enter_context(opened_app(settings, base_url=REMOTE))

        yield open_app


KEYS = {"api_keys": [SecretStr("api")], "metrics_key": SecretStr("scrape")}


@pytest.mark.parametrize(
    ("changes", "headers", "status"),
    [
        pytest.param(KEYS, bearer("api"), 200, id="an-api-key"),
        pytest.param(KEYS, bearer("scrape"), 200, id="the-key-of-the-metrics"),
        pytest.param(KEYS, bearer("other"), 401, id="another-key"),
        pytest.param(KEYS, {}, 401, id="no-key"),
        pytest.param({"api_keys": [SecretStr("api")]}, bearer("scrape"), 401, id="no-such-key-is-set"),
        pytest.param({}, {}, 403, id="no-key-is-set-and-the-caller-is-remote"),
        pytest.param({**KEYS, "metrics_access": "public"}, {}, 200, id="public"),
        pytest.param({"metrics_access": "public"}, {}, 200, id="public-without-any-key"),
    ],
)
def test_access(remote: Callable[..., Any], changes: dict[str, Any], headers: dict[str, str], status: int) -> None:
    assert remote(**changes).get("/metrics", headers=headers).status_code == status


@pytest.mark.parametrize(
    ("access", "security", "scopes"),
    [
        pytest.param("key", [{"apiKey": ["read"]}], 1, id="key"),
        pytest.param("public", [{}], 0, id="public"),
    ],
)
def test_the_document_requires_a_key_for_the_metrics_unless_they_are_public(
    remote: Callable[..., Any], access: str, security: list[dict[str, Any]], scopes: int
) -> None:
    api = remote(**KEYS, metrics_access=access)
    api.headers.update(bearer("api"))

    assert api.get("/schema/openapi.json").json()["paths"]["/metrics"]["get"]["security"] == security
    _, _, section = api.get("/schema").text.partition("GET /metrics")
    assert section.partition("</section>")[0].count("Scope of the API key") == scopes


def test_the_key_of_the_metrics_opens_nothing_else(remote: Callable[..., Any]) -> None:
    assert remote(**KEYS).get("/connections", headers=bearer("scrape")).status_code == 401


@pytest.mark.timed
def test_the_web_process_shows_what_its_workers_measure(serve: Callable[..., Served]) -> None:
    served = serve("--workers", "2")
    with httpx.Client(base_url=served.url) as client:
        people = [{"number": f"0812000{place:05d}"} for place in range(20)]
        draft = {
            "name": "x",
            "connection": "sandbox",
            "message": {"type": "text", "text": "Halo"},
            "recipients": people,
        }
        assert client.post("/broadcast", json=draft).status_code == 202

        def attempts() -> float:
            samples = samples_of(client.get("/metrics").text)
            name = "wabroadcast_send_duration_seconds_count"
            return sum(value for (sample, _), value in samples.items() if sample == name)

        wait_for(lambda: attempts() >= 20, seconds=40, what="the attempts of the workers")
        samples = samples_of(client.get("/metrics").text)
        assert samples["wabroadcast_workers_alive", ()] == 2
        assert samples["wabroadcast_up", (("part", "store"),)] == 1
        assert samples["wabroadcast_event_loop_lag_seconds_count", ()] > 0
        assert abs(samples["wabroadcast_host_clock_offset_seconds", (("host", os.uname().nodename),)]) < 1
