"""The routes of broadcasts; a worker in the same process sends."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

Submit = Callable[..., dict[str, Any]]
LATER = "2999-01-01T08:00:00+07:00"


def body(**fields: Any) -> dict[str, Any]:
    return {
        "name": "Promo",
        "message": {"type": "text", "text": "Halo {{ name }}"},
        "recipients": [{"number": "0812-0000-1001", "name": "Budi"}],
        **fields,
    }


def test_a_submitted_broadcast_is_sent_and_its_progress_shown(
    api: Any, submit: Submit, until: Callable[..., Any]
) -> None:
    job = submit("081200001001", "+62 812-0000-1002", "6281200001002", "123")

    def ended() -> Any:
        found = api.get(f"/broadcast/{job['jobId']}/status").json()
        return found if found["status"] == "completed" else None

    progress = until(ended)

    assert progress["total"] == 4
    assert progress["counts"]["sent"] == 2
    assert progress["skippedBy"] == {"duplicate": 1, "invalid_number": 1}
    assert progress["progress"] == 1.0
    messages = api.get(f"/broadcast/{job['jobId']}/messages", params={"status": "sent"}).json()
    assert [message["number"] for message in messages["items"]] == ["+6281200001001", "+6281200001002"]


def test_submit_answers_202_with_the_broadcast_in_camel_case(idle_api: Any) -> None:
    answer = idle_api.post("/broadcast", json=body(priority="high", scheduledAt=LATER))

    assert answer.status_code == 202
    job = answer.json()
    assert (job["status"], job["priority"], job["connection"]) == ("scheduled", "high", ["sandbox"])
    assert job["scheduledAt"] == "2999-01-01T01:00:00Z"


def test_a_submit_answers_with_the_path_of_the_broadcast(idle_api: Any) -> None:
    answer = idle_api.post("/broadcast", json=body())

    shown = idle_api.get(answer.headers["Location"])

    assert shown.json()["jobId"] == answer.json()["jobId"]


def test_the_same_key_and_body_is_the_same_job_and_another_body_409(idle_api: Any) -> None:
    headers = {"Idempotency-Key": "promo-1"}

    first = idle_api.post("/broadcast", json=body(), headers=headers)
    again = idle_api.post("/broadcast", json=body(), headers=headers)
    other = idle_api.post("/broadcast", json=body(name="Other"), headers=headers)

    assert first.json()["jobId"] == again.json()["jobId"]
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_key_used")
    assert "with a new key" in other.json()["remedy"]
    assert "currentStatus" not in other.json()
    assert idle_api.get("/broadcast/jobs").json()["total"] == 1


@pytest.mark.parametrize(
    ("fields", "paths"),
    [
        pytest.param({"name": "", "colour": 1, "priority": "urgent"}, {"name", "colour", "priority"}, id="all-at-once"),
        pytest.param(
            {"recipients": [{"number": "1"}, {"name": "x"}, 5]},
            {"recipients.1.number", "recipients.2"},
            id="recipients",
        ),
        pytest.param({"recipients": "0812"}, {"recipients"}, id="recipients-no-array"),
        pytest.param({"recipients": None}, {"recipients"}, id="no-audience"),
        pytest.param({"source": {"type": "csv", "uploadId": "x"}}, {"recipients"}, id="two-audiences"),
        pytest.param({"connection": "nowhere"}, {"connection"}, id="unknown-connection"),
        pytest.param({"scheduledAt": "2999-01-01T08:00:00"}, {"scheduledAt"}, id="time-without-offset"),
        pytest.param({"rate": {"messages": 0}}, {"rate.messages"}, id="nested"),
    ],
)
def test_every_fault_of_a_body_is_named(idle_api: Any, fields: dict[str, Any], paths: set[str]) -> None:
    answer = idle_api.post("/broadcast", json=body(**fields))

    assert answer.status_code == 400
    assert {error["path"] for error in answer.json()["errors"]} == paths


def test_an_invalid_template_is_refused_with_its_line(idle_api: Any) -> None:
    answer = idle_api.post("/broadcast", json=body(message={"type": "text", "text": "Halo\n{{ name"}))

    assert answer.status_code == 400
    assert (answer.json()["code"], answer.json()["line"]) == ("invalid_template", 2)


def test_a_change_that_the_status_does_not_allow_is_409(idle_api: Any) -> None:
    job_id = idle_api.post("/broadcast", json=body(scheduledAt=LATER)).json()["jobId"]

    answers = [
        idle_api.post(f"/broadcast/{verb}/{job_id}") for verb in ("pause", "pause", "resume", "cancel", "resume")
    ]

    assert [answer.status_code for answer in answers] == [200, 409, 200, 200, 409]
    assert answers[1].json()["currentStatus"] == "paused"
    assert answers[3].json()["status"] == "cancelled"
    acts = idle_api.get(f"/broadcast/{job_id}").json()["acts"]
    assert [act["act"] for act in acts] == ["submit", "pause", "resume", "cancel"]


def test_a_scheduled_broadcast_can_be_rescheduled(idle_api: Any) -> None:
    job_id = idle_api.post("/broadcast", json=body(scheduledAt=LATER)).json()["jobId"]

    moved = idle_api.patch(f"/broadcast/{job_id}", json={"scheduledAt": "2999-02-01T00:00:00Z", "name": "Later"})
    wrong = idle_api.patch(f"/broadcast/{job_id}", json={"scheduledAt": "tomorrow", "nam": "x"})

    assert (moved.json()["scheduledAt"], moved.json()["name"]) == ("2999-02-01T00:00:00Z", "Later")
    assert wrong.status_code == 400
    assert {error["path"] for error in wrong.json()["errors"]} == {"scheduledAt", "nam"}


def test_failed_messages_are_retried_by_code(api: Any, submit: Submit, until: Callable[..., Any]) -> None:
    job_id = submit("+18675550103")["jobId"]
    until(lambda: api.get(f"/broadcast/{job_id}/status").json()["counts"]["failed"] == 1)

    other = api.post(f"/broadcast/retry/{job_id}", params={"code": "nothing"}).json()
    answer = api.post(f"/broadcast/retry/{job_id}", params={"code": "sandbox_rejected"})

    assert other["counts"]["failed"] == 1
    assert (answer.status_code, answer.json()["counts"]["failed"]) == (200, 0)
    until(lambda: api.get(f"/broadcast/{job_id}/status").json()["counts"]["failed"] == 1)


def test_one_message_can_be_cancelled(idle_api: Any, host_settings: Any, until: Callable[..., Any]) -> None:
    from wabroadcast_core.broadcaster import Broadcaster
    from wabroadcast_core.worker import Worker

    job_id = idle_api.post("/broadcast", json=body(batching={"size": 1, "intervalSeconds": 3600}, recipients=[
        {"number": "081200001001", "name": "A"}, {"number": "081200001002", "name": "B"}])).json()["jobId"]  # fmt: skip
    with Broadcaster(host_settings) as broadcaster:
        worker = Worker(broadcaster)
        worker.start()
        until(lambda: idle_api.get(f"/broadcast/{job_id}/status").json()["counts"]["sent"] == 1)
        worker.stop()

    answers = [
        idle_api.post(f"/broadcast/{job_id}/messages/{job_id}-1/{verb}") for verb in ("pause", "resume", "cancel")
    ]
    again = idle_api.post(f"/broadcast/{job_id}/messages/{job_id}-0/pause")

    assert [answer.json()["status"] for answer in answers] == ["paused", "queued", "cancelled"]
    assert (again.status_code, again.json()["currentStatus"]) == (409, "sent")


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/broadcast/jobs?page=0", "page"),
        ("/broadcast/jobs?page=x", "page"),
        ("/broadcast/jobs?pageSize=501", "pageSize"),
        ("/broadcast/jobs?pageSize=0", "pageSize"),
        ("/broadcast/jobs?status=done", "status"),
        ("/broadcast/jobs?priority=urgent", "priority"),
        ("/broadcast/x/messages?limit=0", "limit"),
        ("/broadcast/x/messages?status=nice", "status"),
    ],
)
def test_an_invalid_parameter_is_named(idle_api: Any, path: str, parameter: str) -> None:
    answer = idle_api.get(path)

    assert answer.status_code == 400
    assert [error["path"] for error in answer.json()["errors"]] == [parameter]


def test_jobs_are_paged_and_filtered(idle_api: Any) -> None:
    for name, priority in (("one", "low"), ("two", "high"), ("three", "low")):
        idle_api.post("/broadcast", json=body(name=name, priority=priority))

    page = idle_api.get("/broadcast/jobs", params={"page": 2, "pageSize": 2}).json()
    low = idle_api.get("/broadcast/jobs", params={"priority": "low", "q": "thr", "connection": "sandbox"}).json()

    assert (page["total"], page["page"], page["pageSize"]) == (3, 2, 2)
    assert [job["name"] for job in page["items"]] == ["one"]
    assert [job["name"] for job in low["items"]] == ["three"]


def stream_body(recipients: bytes, times: int) -> Iterator[bytes]:
    yield b'{"recipients": ['
    for _ in range(times):
        yield recipients


def test_a_body_over_the_limit_is_413_with_and_without_a_content_length(host_settings: Any) -> None:
    from litestar.testing import TestClient

    from host_litestar.app import create_app

    small = host_settings.model_copy(update={"max_body_bytes": 10_000})
    headers = {"Content-Type": "application/json"}
    with TestClient(create_app(small), base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        announced = client.post("/broadcast", content=b"[" * 10_001, headers=headers)
        streamed = client.post("/broadcast", content=stream_body(b"1," * 1_000, 6), headers=headers)
        fits = client.post("/broadcast", content=b"[" * 10_000, headers=headers)

    assert [answer.status_code for answer in (announced, streamed, fits)] == [413, 413, 400]
    assert announced.json()["code"] == "too_large"


def test_messages_are_paged_by_number_as_other_lists_are(api: Any, submit: Any, until: Any) -> None:
    job_id = submit(*[f"08127770{place:04}" for place in range(5)])["jobId"]
    until(lambda: api.get(f"/broadcast/{job_id}/status").json()["prepared"], what="the audience")
    messages = f"/broadcast/{job_id}/messages"

    pages = [api.get(messages, params={"page": page, "pageSize": 2}).json() for page in (1, 2, 3, 4)]
    rest = api.get(messages, params={"cursor": pages[1]["nextCursor"]}).json()

    numbers = [[item["number"][-1] for item in page["items"]] for page in pages]
    assert numbers == [["0", "1"], ["2", "3"], ["4"], []]
    assert {(page["total"], page["pageSize"]) for page in pages} == {(5, 2)}
    assert [page["page"] for page in pages] == [1, 2, 3, 4]
    assert ([item["number"][-1] for item in rest["items"]], rest["nextCursor"], rest["total"]) == (["4"], None, None)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("page=0", "page: too small: give at least 1"),
        ("page=two", "page: not a whole number"),
        ("pageSize=501", "pageSize: too large: give at most 500"),
        ("status=sending", "status: unknown value 'sending': /schema lists those that there are"),
    ],
)
def test_the_fault_of_a_parameter_states_the_fact_and_the_way_out(idle_api: Any, query: str, text: str) -> None:
    assert idle_api.get(f"/broadcast/jobs?{query}").json()["detail"] == text


@pytest.mark.parametrize("query", ["page=1&cursor=x", "limit=5&pageSize=5", "page=0", "pageSize=1001"])
def test_two_ways_of_paging_at_once_are_refused(idle_api: Any, query: str) -> None:
    job_id = idle_api.post("/broadcast", json=body()).json()["jobId"]

    assert idle_api.get(f"/broadcast/{job_id}/messages?{query}").status_code == 400


# --- reports ---------------------------------------------------------------------------------------------------


def test_the_messages_of_a_broadcast_are_reported_as_csv_and_as_a_workbook(idle_api: Any) -> None:
    body = {"name": "A", "message": {"type": "text", "text": "Halo"}, "recipients": [{"number": "0812-0000-1001"}]}
    job = idle_api.post("/broadcast", json={**body, "scheduledAt": "2099-01-01T00:00:00Z"}).json()["jobId"]

    text = idle_api.get(f"/broadcast/{job}/report", params={"delimiter": ";", "status": "failed", "batch": 0, "q": "x"})
    book = idle_api.get(f"/broadcast/{job}/report", params={"format": "xlsx", "reason": "x"})
    faulty = [
        idle_api.get(f"/broadcast/{job}/report", params=params).status_code
        for params in ({"format": "pdf"}, {"status": "gone"}, {"delimiter": "x"}, {"format": "xlsx", "delimiter": ";"})
    ]

    assert text.headers["content-type"] == "text/csv; charset=utf-8"
    assert text.headers["content-disposition"] == f'attachment; filename="broadcast-{job}.csv"'
    assert text.content.decode("utf-8-sig").startswith("messageId;number;name;status;")
    assert book.headers["content-disposition"] == f'attachment; filename="broadcast-{job}.xlsx"'
    assert book.content.startswith(b"PK")
    assert faulty == [400] * 4
    assert idle_api.get("/broadcast/gone/report").status_code == 404


def test_the_rates_of_a_broadcast_are_listed(idle_api: Any) -> None:
    body = {"name": "A", "message": {"type": "text", "text": "Halo"}, "recipients": [{"number": "0812-0000-1001"}]}
    job = idle_api.post("/broadcast", json={**body, "scheduledAt": "2099-01-01T00:00:00Z"}).json()["jobId"]

    rates = idle_api.get(f"/broadcast/{job}/rates", params={"since": "2026-01-01T00:00:00Z", "perSeconds": 3600})
    faulty = [
        idle_api.get(f"/broadcast/{job}/rates", params=params).status_code
        for params in ({"perSeconds": 61}, {"since": "yesterday"}, {"until": "2026-01-01T00:00:00"})
    ]

    assert rates.json() == {"jobId": job, "perSeconds": 3600, "items": []}
    assert faulty == [400] * 3
    assert idle_api.get("/broadcast/gone/rates").status_code == 404


@pytest.mark.parametrize(
    ("query", "status"),
    [
        pytest.param("since=2026-01-01T07:00:00+07:00", 200, id="an-offset-whose-plus-is-not-escaped"),
        pytest.param("since=0001-01-01T00:00:00%2B14:00", 400, id="before-all-times"),
        pytest.param("until=9999-12-31T23:59:59-14:00", 400, id="after-all-times"),
    ],
)
def test_the_times_of_rates_are_read_as_those_of_the_activity(idle_api: Any, query: str, status: int) -> None:
    body = {"name": "A", "message": {"type": "text", "text": "Halo"}, "recipients": [{"number": "0812-0000-1001"}]}
    job = idle_api.post("/broadcast", json={**body, "scheduledAt": "2099-01-01T00:00:00Z"}).json()["jobId"]

    answers = [idle_api.get(f"/broadcast/{job}/rates?{query}"), idle_api.get(f"/activity?{query}")]

    assert [answer.status_code for answer in answers] == [status] * 2
    assert answers[0].json().get("errors") == answers[1].json().get("errors")
