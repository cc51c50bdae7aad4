"""The routes of tests and rehearsals; a worker in the same process sends."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.host.installations import draft

MINE = "0812-0000-9999"
PEOPLE = [{"number": "0812-0000-1001", "name": "Budi"}, {"number": "0812-0000-1002", "name": "Siti"}]


def test_a_test_is_sent_rendered_for_the_chosen_recipient_and_its_result_shown(
    api: Any, until: Callable[..., Any]
) -> None:
    test = {"number": MINE, "asNumber": "+6281200001002"}

    answer = api.post("/broadcast/test", json=draft(recipients=PEOPLE, test=test))

    assert answer.status_code == 202, answer.text
    path = answer.headers["Location"]
    result = until(lambda: (found := api.get(path).json())["status"] == "sent" and found)
    assert (result["number"], result["text"]) == ("+6281200009999", "Halo Siti")
    assert api.get("/broadcast/jobs").json()["total"] == 0
    assert api.get(f"/broadcast/{result['jobId']}/status").status_code == 404
    assert api.post(f"{path}/cancel").json()["code"] == "conflict"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({}, "test.number"),
        ({"test": {"number": "x"}}, "test.number"),
        ({"test": {"number": MINE, "as": 1}}, "test.as"),
        ({"test": {"number": MINE, "asRow": 0}}, "test.asRow"),
        ({"test": {"number": MINE, "asRow": 3}}, "test.asRow"),
        ({"test": MINE}, "test"),
        ({"test": {"number": MINE}, "priority": "x"}, "priority"),
    ],
)
def test_a_fault_of_a_test_is_named_by_its_path(idle_api: Any, fields: dict[str, Any], path: str) -> None:
    answer = idle_api.post("/broadcast/test", json=draft(recipients=PEOPLE, **fields))

    assert answer.status_code == 400
    assert [fault["path"] for fault in answer.json()["errors"]] == [path]


def test_a_repeated_key_sends_one_test(idle_api: Any) -> None:
    def sent(**test: Any) -> Any:
        body = draft(recipients=PEOPLE, test={"number": MINE, **test})
        return idle_api.post("/broadcast/test", json=body, headers={"Idempotency-Key": "k"})

    assert sent().json()["jobId"] == sent().json()["jobId"]
    assert sent(asRow=2).status_code == 409


def test_a_test_can_be_cancelled_before_it_leaves(idle_api: Any) -> None:
    body = draft(test={"number": MINE}, message={"type": "text", "text": "Halo"})
    path = idle_api.post("/broadcast/test", json=body).headers["Location"]

    assert idle_api.post(f"{path}/cancel").json()["status"] == "cancelled"
    assert idle_api.get(path).json()["status"] == "cancelled"
    assert idle_api.get("/broadcast/test/none").status_code == 404


def test_a_rehearsal_answers_with_its_mark_its_path_and_the_test_numbers(idle_api: Any) -> None:
    idle_api.put("/connections/real", json={"sender": "fonnte", "settings": {"token": "t" * 32}})

    answer = idle_api.post("/broadcast/rehearsal", json=draft(recipients=PEOPLE, connection="real"))

    assert answer.status_code == 202, answer.text
    rehearsal = answer.json()
    assert (rehearsal["purpose"], rehearsal["connection"]) == ("rehearsal", ["sandbox"])
    assert rehearsal["testNumbers"]["+18675550103"] == "the message is rejected"
    assert idle_api.get(answer.headers["Location"]).json()["purpose"] == "rehearsal"
