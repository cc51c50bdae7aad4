"""The routes of connections."""

from typing import Any


def test_a_connection_is_created_listed_paused_resumed_and_deleted(idle_api: Any) -> None:
    draft = {"sender": "sandbox", "settings": {"latencySeconds": 0}, "rate": {"messages": 5, "perSeconds": 1}}

    made = idle_api.put("/connections/second", json=draft)
    paused = idle_api.post("/connections/second/pause")
    again = idle_api.post("/connections/second/pause")
    resumed = idle_api.post("/connections/second/resume")
    listed = idle_api.get("/connections").json()
    deleted = idle_api.delete("/connections/second")

    assert made.status_code == 200
    assert made.json()["rate"] == {"messages": 5, "perSeconds": 1}
    assert (paused.json()["state"], again.status_code, resumed.json()["state"]) == ("paused", 409, "active")
    assert {item["name"] for item in listed["items"]} == {"sandbox", "second"}
    assert deleted.status_code == 204
    assert idle_api.get("/connections/second").status_code == 404


def test_every_fault_of_a_connection_is_named(idle_api: Any) -> None:
    answer = idle_api.put("/connections/x", json={"sender": "sandbox", "rate": {"messages": 0}, "lanes": 99, "y": 1})

    assert answer.status_code == 400
    assert {error["path"] for error in answer.json()["errors"]} == {"rate.messages", "lanes", "y"}


def test_the_kinds_of_sender_have_the_schema_of_their_settings(idle_api: Any) -> None:
    kinds = {kind["kind"]: kind["settingsSchema"] for kind in idle_api.get("/connections/kinds").json()["items"]}

    assert "latencySeconds" in kinds["sandbox"]["properties"]
