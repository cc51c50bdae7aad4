"""Log lines: one line an event, phone numbers masked."""

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from host_litestar.logs import JsonFormatter, LineFormatter
from tests.host.programs import Served
from tests.waiting import wait_for


def line_of(message: str, *arguments: object, error: Exception | None = None) -> str:
    info = (type(error), error, error.__traceback__) if error is not None else None
    record = logging.LogRecord("wabroadcast", logging.INFO, __file__, 1, message, arguments, info)
    return LineFormatter("web").format(record)


@pytest.mark.parametrize(
    "text", ["+6281234567890", "081234567890", "6281234567890", "to +6281234567890, or 0812345678901"]
)
def test_a_number_is_masked(text: str) -> None:
    line = line_of("sent %s", text)

    assert "1234567" not in line
    assert "…" in line


@pytest.mark.parametrize("text", ["0b1f5c0a-7d0e-4f43-9a55-123456789012", "1.123456789s", "batch 12345678"])
def test_other_digits_are_not_masked(text: str) -> None:
    assert text in line_of(text)


def test_a_traceback_is_folded_into_one_line() -> None:
    try:
        int("+6281234567890\nx")
    except ValueError:
        error = sys.exc_info()[1]

    assert isinstance(error, ValueError)
    line = line_of("failed", error=error)

    assert "\n" not in line
    assert "ValueError" in line
    assert "test_logs.py" in line
    assert "6281234567890" not in line


JOB = "0b1f5c0a-7d0e-4f43-9a55-123456789012"


def json_of(message: str, *arguments: object, error: BaseException | None = None) -> dict[str, str]:
    info = (type(error), error, error.__traceback__) if error is not None else None
    record = logging.LogRecord("wabroadcast", logging.WARNING, __file__, 1, message, arguments, info)
    return dict(json.loads(JsonFormatter("web").format(record)))


def test_a_json_line_has_its_facts_as_fields() -> None:
    fields = json_of("ready in %d s", 3)

    age = datetime.now(UTC) - datetime.fromisoformat(fields.pop("time"))
    assert 0 <= age.total_seconds() < 60
    assert fields == {"level": "WARNING", "logger": "wabroadcast", "process": "web", "message": "ready in 3 s"}


@pytest.mark.parametrize(
    ("message", "arguments", "fields"),
    [
        pytest.param("connection %s is paused (%s)", ("main", "down"), {"connection": "main"}, id="connection"),
        pytest.param("broadcast %s is paused", (JOB,), {"job": JOB}, id="broadcast"),
        pytest.param("message %s is queued again", (f"{JOB}-17",), {"job": JOB}, id="message"),
        pytest.param(
            "%d of broadcast %s on connection %s", (5, JOB, "b"), {"job": JOB, "connection": "b"}, id="later-arguments"
        ),
        pytest.param("100%% of connection %s", ("main",), {"connection": "main"}, id="percent-sign"),
        pytest.param("connection %s: %.2f s", ("main", 1.5), {"connection": "main"}, id="number-with-precision"),
        pytest.param("connection %s: no slots", ("(not read yet)",), {}, id="no-name"),
        pytest.param("plugin %s failed", ("x",), {}, id="neither"),
    ],
)
def test_the_connection_and_the_job_are_fields(
    message: str, arguments: tuple[object, ...], fields: dict[str, str]
) -> None:
    found = json_of(message, *arguments)

    assert {name: found[name] for name in ("connection", "job") if name in found} == fields
    assert found["message"] == message % arguments


def test_a_json_line_has_no_number_and_no_password() -> None:
    try:
        int("+6281234567890\nredis://:hunter2@host:1/0")
    except ValueError:
        error = sys.exc_info()[1]

    fields = json_of("connection %s sent to %s", "081234567890", "+6281234567890", error=error)

    assert "1234567" not in str(fields)
    assert "hunter2" not in str(fields)
    assert "ValueError" in fields["error"]
    assert "test_logs.py" in fields["error"]


def test_each_line_of_a_server_is_json_on_demand(serve: Callable[..., Served]) -> None:
    served = serve(WABROADCAST_LOG_FORMAT="json")
    wait_for(lambda: "worker started" in served.log.read_text(), what="the worker's log line")

    lines = [json.loads(line) for line in served.log.read_text().splitlines()]

    assert {line["process"] for line in lines} >= {"worker 1"}
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
