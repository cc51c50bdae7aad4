"""One message, the search by number, and the catalogue of reasons; a worker in the same process sends."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from host_litestar.languages import choose_language
from tests.host.routes.test_broadcast_routes import body
from wabroadcast_core.errors import InvalidInputError

Submit = Callable[..., dict[str, Any]]
ACCEPTED = "+6281200001001"
REJECTED, LOST, LATE = (f"+1867555{ending}" for ending in ("0103", "0110", "0111"))  # of the sandbox


def _finish(api: Any, job: dict[str, Any], until: Callable[..., Any]) -> None:
    until(lambda: api.get(f"/broadcast/{job['jobId']}/status").json()["status"] == "completed")


def _message(api: Any, job: dict[str, Any], place: int = 0, **params: str) -> Any:
    return api.get(f"/broadcast/{job['jobId']}/messages/{job['jobId']}-{place}", params=params)


# --- one message -------------------------------------------------------------------------------------------------


def test_a_message_that_was_sent_at_once_has_its_text_and_one_attempt(
    api: Any, submit: Submit, until: Callable[..., Any]
) -> None:
    job = submit(ACCEPTED)
    _finish(api, job, until)

    found = until(lambda: (one := _message(api, job).json())["deliveredAt"] and one)

    assert found["text"].startswith("Halo")
    assert (found["number"], found["jobId"], found["broadcast"], found["notRendered"]) == (
        ACCEPTED,
        job["jobId"],
        job["name"],
        None,
    )
    [attempt] = found["attemptLog"]
    assert (attempt["outcome"], attempt["connection"], attempt["at"]) == ("accepted", "sandbox", found["sentAt"])
    assert {"kind": "delivered", "at": found["deliveredAt"], "reason": None, "detail": None} in found["receipts"]


def test_a_message_that_failed_shows_each_attempt_and_what_its_reason_means(
    api: Any, submit: Submit, until: Callable[..., Any]
) -> None:
    job = submit(REJECTED)
    _finish(api, job, until)

    found = _message(api, job, lang="id").json()

    [attempt] = found["attemptLog"]
    assert (attempt["outcome"], attempt["reason"]) == ("failed", "sandbox_rejected")
    assert "0103" in attempt["detail"]
    assert (found["explanation"]["language"], found["explanation"]["known"]) == ("id", True)
    assert api.get(f"/broadcast/{job['jobId']}/status").json()["failedBy"] == {"sandbox_rejected": 1}
    assert api.get(f"/broadcast/{job['jobId']}").json()["failedBy"] == {"sandbox_rejected": 1}


def test_a_failure_after_the_acceptance_is_a_receipt(api: Any, submit: Submit, until: Callable[..., Any]) -> None:
    job = submit(LATE)

    found = until(lambda: (one := _message(api, job).json())["status"] == "failed" and one)

    assert [attempt["outcome"] for attempt in found["attemptLog"]] == ["accepted"]
    assert [(each["kind"], each["reason"]) for each in found["receipts"]] == [("failed", "sandbox_undeliverable")]


def test_a_receipt_that_settles_an_unknown_outcome_adds_no_attempt(
    api: Any, submit: Submit, until: Callable[..., Any]
) -> None:
    job = submit(LOST)

    found = until(lambda: (one := _message(api, job).json())["status"] == "sent" and one)

    assert [attempt["outcome"] for attempt in found["attemptLog"]] == ["unknown"]
    assert {each["kind"] for each in found["receipts"]} >= {"sent", "delivered"}


def test_a_retry_by_a_person_keeps_the_acceptance_before_it(
    api: Any, submit: Submit, until: Callable[..., Any]
) -> None:
    job = submit(LATE)
    until(lambda: _message(api, job).json()["status"] == "failed")
    first = _message(api, job).json()

    api.post(f"/broadcast/retry/{job['jobId']}")
    again = until(lambda: len((one := _message(api, job).json())["receipts"]) == 2 and one)

    assert [attempt["outcome"] for attempt in again["attemptLog"]] == ["accepted", "accepted"]
    assert again["attemptLog"][0]["at"] == first["sentAt"]
    assert "retry" in [act["act"] for act in again["acts"]]


def test_the_acts_are_those_on_the_message_and_on_its_broadcast(
    api: Any, submit: Submit, until: Callable[..., Any]
) -> None:
    job = submit("081200001001", "081200001002", sendWindow=_closed_window())
    path = f"/broadcast/{job['jobId']}/messages/{job['jobId']}"
    until(lambda: api.post(f"{path}-1/pause").status_code == 200)
    api.post(f"/broadcast/pause/{job['jobId']}")

    acts = [[act["act"] for act in _message(api, job, place).json()["acts"]] for place in (0, 1)]

    assert acts[1] == [*acts[0][:-1], "pause", "pause"]
    assert _message(api, job).json()["attemptLog"] == []
    assert _message(api, job).json()["text"].startswith("Halo")


def _closed_window() -> dict[str, str]:
    hour = (datetime.now(UTC).hour + 3) % 24
    return {"from": f"{hour:02}:00", "to": f"{(hour + 1) % 24:02}:00", "timezone": "UTC"}


@pytest.mark.parametrize("path", ["nothing/messages/nothing-0", "{job}/messages/nothing-0", "{job}/messages/{job}-9"])
def test_a_message_that_is_not_there_is_404(idle_api: Any, path: str) -> None:
    job = idle_api.post("/broadcast", json=body()).json()

    answer = idle_api.get("/broadcast/" + path.format(job=job["jobId"]))

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


# --- the messages to a number ------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", ["+62 812-0000-1001", "0812 0000 1001", "62 (812) 0000.1001"])
def test_a_number_is_found_in_any_spelling_over_all_broadcasts(
    api: Any, submit: Submit, until: Callable[..., Any], spelling: str
) -> None:
    jobs = [submit("081200001001", "081200001002", "6281200001001") for _ in range(2)]
    for job in jobs:
        _finish(api, job, until)

    found = api.get("/messages", params={"number": spelling}).json()

    assert found["nextCursor"] is None
    assert [(one["jobId"], one["status"], one["number"]) for one in found["items"]] == [
        (jobs[1]["jobId"], "skipped", "+6281200001001"),
        (jobs[1]["jobId"], "sent", "+6281200001001"),
        (jobs[0]["jobId"], "skipped", "+6281200001001"),
        (jobs[0]["jobId"], "sent", "+6281200001001"),
    ]


def test_the_pages_of_a_search_have_each_message_once(api: Any, submit: Submit, until: Callable[..., Any]) -> None:
    jobs = [submit("081200001001", "6281200001001") for _ in range(3)]
    for job in jobs:
        _finish(api, job, until)

    ids: list[str] = []
    cursor = None
    while True:
        params = {"number": "081200001001", "limit": 1} | ({"cursor": cursor} if cursor else {})
        page = api.get("/messages", params=params).json()
        ids += [one["messageId"] for one in page["items"]]
        if (cursor := page["nextCursor"]) is None:
            break

    assert ids == [f"{job['jobId']}-{place}" for job in reversed(jobs) for place in (1, 0)]


def test_a_number_is_found_in_one_broadcast(api: Any, submit: Submit, until: Callable[..., Any]) -> None:
    jobs = [submit("081200001001", "081200001002") for _ in range(2)]
    for job in jobs:
        _finish(api, job, until)

    found = api.get(f"/broadcast/{jobs[0]['jobId']}/messages", params={"number": "0812 0000 1002"}).json()

    assert [one["messageId"] for one in found["items"]] == [f"{jobs[0]['jobId']}-1"]


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        pytest.param({"number": "12"}, 400, "invalid_number", id="no-number"),
        pytest.param({}, 400, "invalid_input", id="missing"),
        pytest.param({"number": "081200001001", "cursor": "nothing-1"}, 404, "not_found", id="wrong-cursor"),
        pytest.param({"number": "081200001001", "limit": "0"}, 400, "invalid_input", id="no-page"),
    ],
)
def test_a_search_that_does_not_fit_is_refused(idle_api: Any, params: dict[str, str], status: int, code: str) -> None:
    answer = idle_api.get("/messages", params=params)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_number_beside_other_filters_is_refused(idle_api: Any) -> None:
    job = idle_api.post("/broadcast", json=body()).json()

    beside = {"q": "Budi", "status": "sent", "reason": "duplicate", "page": 1}
    answer = idle_api.get(f"/broadcast/{job['jobId']}/messages", params={"number": "081200001001", **beside})

    assert (answer.status_code, [fault["path"] for fault in answer.json()["errors"]]) == (400, list(beside))


def test_an_erased_person_is_not_found_and_leaves_no_words(api: Any, submit: Submit, until: Callable[..., Any]) -> None:
    job = submit(REJECTED)
    _finish(api, job, until)

    api.delete(f"/contacts/{REJECTED}", params={"erase": "true"})

    assert api.get("/messages", params={"number": REJECTED}).json()["items"] == []
    found = _message(api, job).json()
    assert (found["text"], found["variables"], found["detail"]) == (None, {}, None)
    assert [attempt["detail"] for attempt in found["attemptLog"]] == [None]
    assert "erased" in found["notRendered"]


# --- reasons -----------------------------------------------------------------------------------------------------


def test_the_reasons_are_in_the_language_of_the_caller(idle_api: Any) -> None:
    answer = idle_api.get("/reasons", headers={"Accept-Language": "de, id-ID;q=0.9, en;q=0.1"}).json()

    assert answer["total"] == len(answer["items"]) > 200
    assert {entry["language"] for entry in answer["items"]} == {"id"}


def test_a_code_is_explained_alone(idle_api: Any) -> None:
    [entry] = idle_api.get("/reasons", params={"code": "131049", "lang": "en"}).json()["items"]

    assert (entry["code"], entry["sender"], entry["known"]) == ("131049", "whatsapp-cloud", True)
    assert "24 hours" in entry["action"]


def test_the_code_of_every_problem_is_explained(idle_api: Any) -> None:
    code = idle_api.get("/broadcast/nothing").json()["code"]

    [entry] = idle_api.get("/reasons", params={"code": code}).json()["items"]

    assert entry["known"] is True


@pytest.mark.parametrize(
    ("lang", "accepted", "language"),
    [
        pytest.param(None, None, "en", id="nothing-asked-for"),
        pytest.param(None, "*", "en", id="any"),
        pytest.param(None, "id", "id", id="plain"),
        pytest.param(None, "in-ID", "id", id="old-code"),
        pytest.param(None, "en;q=0.5, id;q=0.8", "id", id="weights"),
        pytest.param(None, "id;q=0, en", "en", id="refused"),
        pytest.param(None, "id;q=nan, ;;,,q=", "en", id="garbage"),
        pytest.param("ID", "en", "id", id="parameter-first"),
        pytest.param("id_ID", None, "id", id="locale"),
    ],
)
def test_the_language_is_that_of_the_call(lang: str | None, accepted: str | None, language: str) -> None:
    assert choose_language(lang, accepted, available=["en", "id"]) == language


def test_a_language_without_texts_is_refused_by_its_parameter() -> None:
    with pytest.raises(InvalidInputError, match="give one of en, id"):
        choose_language("de", None, available=["en", "id"])
