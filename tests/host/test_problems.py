"""Errors as problem documents with stable codes."""

import json
import logging
from typing import Any

import pytest
from litestar import Litestar, get
from litestar.testing import TestClient

from host_litestar.problems import handle_error
from wabroadcast_core import describe_error
from wabroadcast_core.errors import (
    BlacklistAwayError,
    BroadcastError,
    ConflictError,
    Fault,
    FileError,
    InvalidInputError,
    NotFoundError,
    NumberError,
    PluginError,
    SourceError,
    TemplateError,
    UnavailableError,
    UncheckedError,
)
from wabroadcast_core.reasons.catalogue import CORE


def respond_to(error: Exception, *, language: str = "en") -> tuple[int, dict[str, Any], dict[str, str]]:
    @get("/", sync_to_thread=False)
    def fail() -> None:
        raise error

    app = Litestar([fail], exception_handlers={Exception: handle_error}, logging_config=None)
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/", headers={"Accept-Language": language})
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json(), dict(answer.headers)


@pytest.mark.parametrize(
    ("error", "status", "more"),
    [
        pytest.param(
            InvalidInputError([Fault("a.b", "wrong"), Fault("", "odd")]),
            400,
            {
                "code": "invalid_input",
                "errors": [{"path": "a.b", "message": "wrong"}, {"path": "", "message": "odd"}],
            },
            id="every-fault-with-its-path",
        ),
        pytest.param(TemplateError("no end", line=3), 400, {"code": "invalid_template", "line": 3}, id="template-line"),
        pytest.param(
            FileError("empty", row=2, column="HP"),
            400,
            {"code": "invalid_file", "row": 2, "column": "HP"},
            id="file-row-and-column",
        ),
        pytest.param(SourceError("gone"), 400, {"code": "audience_unreadable"}, id="audience"),
        pytest.param(NotFoundError("broadcast", "x"), 404, {"code": "not_found"}, id="not-found"),
        pytest.param(
            ConflictError("no", status="paused"), 409, {"code": "conflict", "currentStatus": "paused"}, id="conflict"
        ),
        pytest.param(UnavailableError("store away"), 503, {"code": "unavailable"}, id="unavailable"),
    ],
)
def test_each_error_has_its_status_and_code(error: Exception, status: int, more: dict[str, Any]) -> None:
    found, problem, _ = respond_to(error)

    assert found == problem["status"] == status
    assert {name: problem[name] for name in more} == more
    assert problem["detail"] == str(error)


def test_a_bad_number_is_named_with_its_place_and_the_way_out() -> None:
    status, problem, _ = respond_to(NumberError("too short"))

    assert (status, problem["code"]) == (400, "invalid_number")
    [fault] = problem["errors"]
    assert fault["path"] == "number"
    assert fault["message"].startswith("the phone number is not valid (too short): write it in full")
    assert problem["detail"] == f"number: {fault['message']}"


@pytest.mark.parametrize(
    ("headers", "query", "language"),
    [
        pytest.param({}, "", "en", id="none"),
        pytest.param({"Accept-Language": "id-ID,en;q=0.5"}, "", "id", id="header"),
        pytest.param({"Accept-Language": "de"}, "", "en", id="language-without-texts"),
        pytest.param({"Accept-Language": "en"}, "?lang=id", "id", id="parameter"),
        pytest.param({"Accept-Language": "id"}, "?lang=%FF&lang", "id", id="parameter-that-is-not-valid"),
    ],
)
def test_a_problem_says_what_it_means_and_what_to_do_in_the_language_of_the_caller(
    headers: dict[str, str], query: str, language: str
) -> None:
    @get("/", sync_to_thread=False)
    def fail() -> None:
        raise ConflictError("no", status="paused")

    with TestClient(Litestar([fail], exception_handlers={Exception: handle_error}, logging_config=None)) as client:
        problem = client.get(f"/{query}", headers=headers).json()

    assert (problem["meaning"], problem["remedy"]) == CORE[language]["conflict"]
    assert problem["detail"] == "no"


def test_a_code_without_an_entry_has_no_texts() -> None:
    class OddError(ConflictError):
        code = "odd_code_of_a_test"

    _, problem, _ = respond_to(OddError("no"))

    assert problem["code"] == "odd_code_of_a_test"
    assert problem.keys().isdisjoint({"meaning", "remedy"})


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(BlacklistAwayError("plugin crm failed"), "blacklist_away", id="blacklist"),
        pytest.param(UncheckedError("plugin crm failed"), "plugin", id="validator"),
    ],
)
def test_a_failed_plugin_without_which_nothing_is_sent_is_named(error: Exception, code: str) -> None:
    status, problem, headers = respond_to(error)

    assert (status, problem["code"], problem["detail"]) == (503, code, "plugin crm failed")
    assert (problem["meaning"], problem["remedy"]) == CORE["en"][code]
    assert int(headers["retry-after"]) > 0


def test_an_unavailable_store_is_answered_with_retry_after() -> None:
    _, _, headers = respond_to(UnavailableError("store away"))

    assert int(headers["retry-after"]) > 0


@pytest.mark.parametrize(
    "error",
    [PluginError("plugin x at /srv/secret"), BroadcastError("/srv/secret"), ValueError("/srv/secret +628123456789")],
    ids=["plugin", "engine", "bug"],
)
def test_an_internal_error_is_logged_and_its_details_are_not_in_the_response(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        status, problem, _ = respond_to(error)

    assert status == 500
    assert problem["code"] == "internal"
    assert "secret" not in str(problem)
    assert [record.exc_info[1] for record in caplog.records if record.exc_info] == [error]


@pytest.mark.parametrize("language", ["en", "id"])
def test_a_host_with_another_framework_has_the_same_problems(language: str) -> None:
    error = UnavailableError("the store cannot be reached")

    problem = describe_error(error, language=language)

    status, document, headers = respond_to(error, language=language)
    assert (problem.status, problem.document) == (status, document)
    assert problem.headers.items() <= {name.title(): value for name, value in headers.items()}.items()
    assert json.loads(problem.body) == document
    assert problem.remedy


def test_an_exception_of_the_host_is_described_without_its_text() -> None:
    problem = describe_error(ValueError("s3cret"))

    assert (problem.status, problem.code) == (500, "internal")
    assert b"s3cret" not in problem.body


def test_errors_of_litestar_are_problems_too(idle_api: Any) -> None:
    answers = {
        "not_found": idle_api.get("/nowhere"),
        "method_not_allowed": idle_api.put("/broadcast"),
        "unsupported_media_type": idle_api.post("/broadcast", content=b"name=x"),
        "invalid_input": idle_api.patch("/broadcast/x", content=b"{", headers={"Content-Type": "application/json"}),
    }

    assert {code: answer.json()["code"] for code, answer in answers.items()} == {code: code for code in answers}
    assert {answer.headers["content-type"] for answer in answers.values()} == {"application/problem+json"}


def test_an_unknown_job_is_404(idle_api: Any) -> None:
    calls = [
        idle_api.get("/broadcast/none"),
        idle_api.get("/broadcast/none/status"),
        idle_api.get("/broadcast/none/messages"),
        idle_api.post("/broadcast/pause/none"),
        idle_api.post("/broadcast/retry/none"),
        idle_api.post("/broadcast/none/messages/none-1/cancel"),
        idle_api.patch("/broadcast/none", json={"name": "x"}),
    ]

    assert [answer.status_code for answer in calls] == [404] * len(calls)


def test_the_log_names_the_route_without_the_number(
    idle_api: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wabroadcast_core.broadcaster.Broadcaster.get", lambda *_: 1 / 0)

    answer = idle_api.get("/broadcast/081234567890")

    assert answer.status_code == 500
    lines = [record.getMessage() for record in caplog.records if record.name == "host_litestar.problems"]
    assert lines == ["GET /broadcast/{jobId} failed"]
