"""Drafts over HTTP: versions, two people, files, submit, copy and undo."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.host.installations import Api, draft
from wabroadcast_core.broadcaster import Broadcaster

PERSON = {"number": "0812-3456-7890", "name": "Budi"}


@pytest.fixture
def api(idle_api: Api) -> Api:
    return idle_api


def create(api: Api, **fields: Any) -> dict[str, Any]:
    answer = api.post("/drafts", json=fields)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def put(api: Api, made: dict[str, Any], if_match: str | None = '"1"', **fields: Any) -> Any:
    headers = {} if if_match is None else {"If-Match": if_match}
    return api.put(f"/drafts/{made['draftId']}", json=fields, headers=headers)


def test_an_unfinished_draft_is_stored_with_its_owner_and_what_it_lacks(api: Api) -> None:
    answer = api.post("/drafts", json={"name": "Promo", "message": {"type": "text", "text": ""}})

    made = answer.json()
    assert (answer.status_code, answer.headers["ETag"]) == (201, '"1"')
    assert answer.headers["Location"] == f"/drafts/{made['draftId']}"
    assert (made["owner"], made["changedBy"], made["version"], made["jobId"]) == ("api", "api", 1, None)
    assert {name: value for name, value in made["broadcast"].items() if value is not None} == {
        "name": "Promo",
        "message": {"type": "text", "text": ""},
    }
    assert [fault["path"] for fault in made["faults"]] == ["message.text", "recipients"]
    shown = api.get(answer.headers["Location"])
    assert (shown.json(), shown.headers["ETag"]) == (made, '"1"')


@pytest.mark.parametrize(
    ("body", "path"),
    [
        pytest.param({"nome": "Promo"}, "nome", id="unknown-field"),
        pytest.param({"message": "Halo"}, "message", id="wrong-type"),
        pytest.param({"recipients": [{"name": "Budi"}]}, "recipients.0.number", id="recipient-without-number"),
        pytest.param({"holdSeconds": 601}, "holdSeconds", id="hold-too-long"),
        pytest.param({"recipients": [PERSON], "source": {"type": "contacts"}}, "recipients", id="two-audiences"),
    ],
)
def test_a_draft_that_cannot_be_understood_is_refused(api: Api, body: dict[str, Any], path: str) -> None:
    answer = api.post("/drafts", json=body)

    assert answer.status_code == 400
    assert [fault["path"] for fault in answer.json()["errors"]] == [path]
    assert api.get("/drafts").json()["total"] == 0


def test_what_is_returned_can_be_sent_back(api: Api) -> None:
    made = create(api, **draft(recipients=[PERSON], holdSeconds=5))

    body = {name: value for name, value in made["broadcast"].items() if value is not None}
    changed = put(api, made, **body)

    assert changed.status_code == 200
    assert changed.json()["broadcast"] == made["broadcast"]
    assert changed.json()["version"] == 2


def test_of_two_people_who_change_one_draft_the_second_gets_both_versions(api: Api) -> None:
    made = create(api, name="Promo")
    first = put(api, made, name="Promo Siti")

    second = put(api, made, name="Promo Budi")

    problem = second.json()
    assert (first.status_code, second.status_code) == (200, 412)
    assert (problem["code"], second.headers["ETag"]) == ("version_conflict", '"2"')
    assert problem["current"] == api.get(f"/drafts/{made['draftId']}").json()
    assert (problem["current"]["broadcast"]["name"], problem["sent"]) == ("Promo Siti", {"name": "Promo Budi"})
    assert put(api, made, second.headers["ETag"], name="Promo Budi").json()["name"] == "Promo Budi"


def test_of_many_changes_at_the_same_moment_one_is_stored(api: Api) -> None:
    made = create(api, name="Promo")

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda place: put(api, made, name=f"Promo {place}"), range(8)))

    stored = [answer.json()["name"] for answer in answers if answer.status_code == 200]
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7
    assert [api.get(f"/drafts/{made['draftId']}").json()[key] for key in ("name", "version")] == [*stored, 2]


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        pytest.param(None, 428, id="missing"),
        pytest.param('"1"', 200, id="present"),
        pytest.param('W/"1"', 200, id="weakened-by-a-proxy"),
        pytest.param('"7", "1"', 200, id="one-of-several"),
        pytest.param("*", 200, id="any"),
        pytest.param('"2"', 412, id="another"),
        pytest.param('"one"', 412, id="no-version-of-ours"),
        pytest.param('"99999999999999999999"', 412, id="beyond-any-number"),
        pytest.param("1", 400, id="without-quotes"),
        pytest.param('"1', 400, id="half-quoted"),
    ],
)
def test_a_change_names_the_version_that_it_replaces(api: Api, if_match: str | None, status: int) -> None:
    made = create(api, name="Promo")

    answer = put(api, made, if_match, name="Promo 2")

    assert answer.status_code == status
    assert api.get(f"/drafts/{made['draftId']}").json()["name"] == ("Promo 2" if status == 200 else "Promo")


def test_drafts_are_listed_by_their_last_change_owner_and_name(api: Api) -> None:
    first, second = create(api, name="Éclair"), create(api, name="Promo")
    put(api, first, name="Éclair 2")
    job = api.post(f"/drafts/{create(api, **draft(recipients=[PERSON]))['draftId']}/submit").json()

    def listed(**query: Any) -> list[str]:
        return [item["draftId"] for item in api.get("/drafts", params=query).json()["items"]]

    assert listed() == listed(owner="api") == [first["draftId"], second["draftId"]]
    assert listed(q="eclair") == [first["draftId"]]
    assert listed(owner="nobody") == []
    assert listed(page=2, pageSize=1) == [second["draftId"]]
    every = api.get("/drafts", params={"submitted": True}).json()["items"]
    assert {item["jobId"] for item in every} == {None, job["jobId"]}


def test_a_repeated_submit_is_one_broadcast(api: Api) -> None:
    made = create(api, **draft(recipients=[PERSON]))
    path = f"/drafts/{made['draftId']}/submit"

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: api.post(path, headers={"If-Match": '"1"'}), range(6)))

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["jobId"] for answer in answers}) == api.get("/broadcast/jobs").json()["total"] == 1
    job_id = answers[0].json()["jobId"]
    assert answers[0].headers["Location"] == f"/broadcast/{job_id}"
    shown = api.get(f"/drafts/{made['draftId']}").json()
    assert (shown["jobId"], shown["version"]) == (job_id, 2)
    assert put(api, made, '"2"', name="Later").status_code == 409
    assert api.post(path, headers={"If-Match": '"7"'}).status_code == 412


def test_only_the_version_that_was_reviewed_is_submitted(api: Api) -> None:
    made = create(api, **draft(recipients=[PERSON]))
    put(api, made, **draft(recipients=[PERSON], name="Other"))

    answer = api.post(f"/drafts/{made['draftId']}/submit", headers={"If-Match": '"1"'})

    assert (answer.status_code, answer.json()["current"]["name"]) == (412, "Other")
    assert api.get("/broadcast/jobs").json()["total"] == 0


def test_an_unfinished_draft_is_not_submitted_and_stays(api: Api) -> None:
    made = create(api, name="Promo", source={"type": "csv", "uploadId": "gone"})

    answer = api.post(f"/drafts/{made['draftId']}/submit")

    assert answer.status_code == 400
    assert "message" in [fault["path"] for fault in answer.json()["errors"]]
    assert [fault["path"] for fault in made["faults"]] == ["message", "source.uploadId"]
    assert api.get(f"/drafts/{made['draftId']}").json()["jobId"] is None


def test_a_submit_with_a_hold_waits_and_is_undone_into_the_same_draft(api: Api) -> None:
    made = create(api, **draft(recipients=[PERSON]))
    job = api.post(f"/drafts/{made['draftId']}/submit", params={"holdSeconds": 60}).json()
    waits = api.get(f"/broadcast/{job['jobId']}/status").json()["waitingFor"]

    undone = api.post(f"/broadcast/undo/{job['jobId']}")

    assert (waits["code"], waits["until"]) == ("hold", job["scheduledAt"])
    result = undone.json()
    assert (undone.status_code, result["undone"], result["left"], result["draftId"]) == (200, True, 0, made["draftId"])
    shown = api.get(f"/drafts/{made['draftId']}").json()
    assert (shown["jobId"], shown["version"], shown["broadcast"]["recipients"][0]["name"]) == (None, 3, "Budi")
    again = api.post(f"/drafts/{made['draftId']}/submit", headers={"If-Match": '"3"'}).json()
    assert again["jobId"] != job["jobId"]
    assert api.post(f"/drafts/{made['draftId']}/submit", headers={"If-Match": '"1"'}).status_code == 412


def test_a_copy_has_all_but_a_start_that_is_over(api: Api) -> None:
    settings: dict[str, Any] = {
        "connection": ["sandbox"],
        "priority": "high",
        "batching": {"size": 10, "intervalSeconds": 60.0},
        "rate": {"messages": 2, "perSeconds": 1.0},
        "retry": {"maxAttempts": 5, "intervalSeconds": 10.0, "backoff": "fixed"},
        "sendWindow": {"from": "08:00", "to": "20:00", "timezone": "Asia/Jakarta"},
        "onUnknown": "resend",
        "callbackUrl": "https://main.example/events",
        "holdSeconds": 30.0,
    }
    job = api.post("/broadcast", json=draft(recipients=[PERSON], **settings)).json()

    answer = api.post(f"/broadcast/{job['jobId']}/copy")

    copied = answer.json()
    assert (answer.status_code, answer.headers["ETag"]) == (201, '"1"')
    assert answer.headers["Location"] == f"/drafts/{copied['draftId']}"
    assert {name: copied["broadcast"][name] for name in settings} == settings
    assert copied["broadcast"]["recipients"] == [{**PERSON, "variables": {}}]
    assert (copied["broadcast"]["scheduledAt"], copied["faults"]) == (None, [])
    assert api.post(f"/drafts/{copied['draftId']}/submit").status_code == 202


def upload(api: Api, *numbers: str) -> str:
    content = "nama,hp\n" + "".join(f"Budi,{number}\n" for number in numbers)
    return str(api.post("/uploads", files={"file": ("people.csv", content)}).json()["uploadId"])


def test_a_file_lives_as_long_as_its_draft(api: Api) -> None:
    first, second = upload(api, "081234567890"), upload(api, "081234567891")
    made = create(api, name="Promo", source={"type": "csv", "uploadId": first})
    refused = api.delete(f"/uploads/{first}")
    put(api, made, name="Promo", source={"type": "csv", "uploadId": second})

    api.delete(f"/drafts/{made['draftId']}")

    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert [api.delete(f"/uploads/{key}").status_code for key in (first, second)] == [404, 404]
    assert api.get(f"/drafts/{made['draftId']}").status_code == 404


def test_a_file_that_a_broadcast_or_another_draft_needs_stays(api: Api) -> None:
    shared = upload(api, "081234567890")
    source = {"type": "csv", "uploadId": shared}
    first, second = create(api, **draft(source=source)), create(api, **draft(source=source))
    job = api.post(f"/drafts/{first['draftId']}/submit").json()

    statuses = [api.delete(f"/drafts/{made['draftId']}").status_code for made in (first, second)]

    assert statuses == [204, 204]
    assert api.get(f"/broadcast/{job['jobId']}/status").json()["status"] == "queued"
    api.post(f"/broadcast/cancel/{job['jobId']}")
    assert api.delete(f"/uploads/{shared}").status_code == 204


def test_a_draft_is_deleted_only_in_the_version_that_is_named(api: Api) -> None:
    made = create(api, name="Promo")

    refused = api.delete(f"/drafts/{made['draftId']}", headers={"If-Match": '"2"'})

    assert (refused.status_code, refused.json()["current"]["draftId"]) == (412, made["draftId"])
    assert api.delete(f"/drafts/{made['draftId']}", headers={"If-Match": '"1"'}).status_code == 204


def test_what_was_done_to_drafts_is_in_the_activity(api: Api, idle_host: tuple[Broadcaster, Any]) -> None:
    made = create(api, name="Promo")
    put(api, made, name="Promo 2")  # part of the act before: the same person within ten minutes
    idle_host[0].drafts.save(made["draftId"], {"name": "Promo 3"}, versions={2}, actor="Siti")
    api.delete(f"/drafts/{made['draftId']}")

    items = api.get("/activity", params={"object": "draft", "objectId": made["draftId"]}).json()["items"]

    assert [(item["action"], item["actor"]) for item in items] == [
        ("delete", "api"),
        ("change", "Siti"),
        ("create", "api"),
    ]
