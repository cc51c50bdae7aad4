"""The dashboard for Grafana and the alerts of the guide use only metrics and labels that exist."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import host_litestar
from wabroadcast_core.metrics.catalogue import MEASURED, READ, Metric

HOST = Path(host_litestar.__file__).parent
DASHBOARD: dict[str, Any] = json.loads((HOST / "deploy" / "grafana.json").read_text(encoding="utf-8"))
GUIDE = (HOST / "README.md").read_text(encoding="utf-8")

NAME = re.compile(r"\bwabroadcast_\w+")
GROUPING = re.compile(r"\b(?:by|on|without) ?\(([^)]*)\)")
SELECTOR = re.compile(r'(\w+)(?:=~|!~|!=|=)"')
LEGEND = re.compile(r"\{\{(\w+)\}\}")
OF_PROMETHEUS = {"le", "instance", "job"}


def series_of(metric: Metric) -> Iterator[tuple[str, Metric]]:
    """Yield the names under which Prometheus stores a metric."""
    endings = ("_bucket", "_sum", "_count") if metric.kind == "histogram" else ("",)
    yield from ((metric.name + ending, metric) for ending in endings)


SERIES = dict(series for metric in (*MEASURED, *READ) for series in series_of(metric))


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def dashboard_queries() -> list[tuple[str, str]]:
    """Return each query of the dashboard with its legend."""
    found = [(target["expr"], target["legendFormat"]) for panel in panels() for target in panel["targets"]]
    return [*found, *((one["query"], "") for one in DASHBOARD["templating"]["list"] if one["type"] == "query")]


def alert_queries() -> list[tuple[str, str]]:
    return [(text, "") for text in re.findall(r"^ +expr: (>\n(?: {10}.*\n)+|.*)", GUIDE, flags=re.MULTILINE)]


def faults_of(query: str, legend: str) -> list[str]:
    """Return the names in a query that no metric has."""
    names = NAME.findall(query)
    metrics = [SERIES[name] for name in names if name in SERIES]
    known = {label for metric in metrics for label in metric.labels} | OF_PROMETHEUS
    labels = {label.strip() for group in GROUPING.findall(query) for label in group.split(",")}
    used = labels | set(SELECTOR.findall(query)) | set(LEGEND.findall(legend))
    return [*(name for name in names if name not in SERIES), *sorted(used - known)] if names else ["no metric"]


@pytest.mark.parametrize(("query", "legend"), [*dashboard_queries(), *alert_queries()])
def test_a_query_names_only_what_exists(query: str, legend: str) -> None:
    assert faults_of(query, legend) == []


@pytest.mark.parametrize(
    ("query", "legend", "faults"),
    [
        pytest.param("wabroadcast_gone_total", "", ["wabroadcast_gone_total"], id="metric"),
        pytest.param(
            "wabroadcast_send_duration_seconds", "", ["wabroadcast_send_duration_seconds"], id="bare-histogram"
        ),
        pytest.param("sum by (part) (wabroadcast_workers_alive)", "", ["part"], id="grouping"),
        pytest.param('wabroadcast_up{connection="a"}', "", ["connection"], id="selector"),
        pytest.param("wabroadcast_up", "{{state}}", ["state"], id="legend"),
        pytest.param("vector(1)", "", ["no metric"], id="nothing"),
    ],
)
def test_the_search_finds_what_does_not_exist(query: str, legend: str, faults: list[str]) -> None:
    assert faults_of(query, legend) == faults


def test_every_metric_is_on_the_dashboard() -> None:
    used = {SERIES[name] for query, _ in dashboard_queries() for name in NAME.findall(query) if name in SERIES}

    assert {metric.name for metric in (*MEASURED, *READ)} - {metric.name for metric in used} == set()


def test_the_panels_of_the_dashboard_are_apart_and_explained() -> None:
    places = [tuple(panel["gridPos"].values()) for panel in DASHBOARD["panels"]]

    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(places)
    assert [panel["title"] for panel in panels() if not panel["description"]] == []
    assert len(alert_queries()) == 7
