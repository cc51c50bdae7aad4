"""The activity over HTTP: acts on all objects, filtered, paged, and as CSV."""

import csv
import io
from typing import Any

import pytest

from tests.host.installations import Api, draft


@pytest.fixture
def busy_api(idle_api: Api) -> Api:
    """An API with acts on every kind of object."""
    body = draft(name="=Promo", recipients=[{"number": "081234567890", "name": "x"}])
    job_id = idle_api.post("/broadcast", json=body).json()["jobId"]
    for method, path, json in [
        ("POST", f"/broadcast/pause/{job_id}", None),
        ("PUT", "/connections/mine", {"sender": "sandbox"}),
        ("POST", "/connections/mine/pause", None),
        ("DELETE", "/connections/mine", None),
        ("POST", "/blacklist", {"number": "081211112222", "reason": "=asked: by phone"}),
        ("PUT", "/contacts/081233334444", {"name": "Siti", "tags": ["vip"]}),
        ("PUT", "/contacts/tags/vip", {"name": "gold"}),
        ("POST", "/contacts/tag", {"numbers": ["081233334444"], "add": ["solo"]}),
        ("DELETE", "/contacts/tags/gold", None),
        ("DELETE", "/contacts/081233334444", None),
    ]:
        answer = idle_api.request(method, path, json=json)
        assert answer.is_success, answer.text
    return idle_api


def listed(api: Api, **parameters: Any) -> list[dict[str, Any]]:
    answer = api.get("/activity", params=parameters)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def names(items: list[dict[str, Any]]) -> list[tuple[str, str, str | None]]:
    return [(item["object"], item["action"], item["objectId"]) for item in items]


def test_the_activity_has_the_acts_on_all_objects_newest_first(busy_api: Api) -> None:
    [job] = busy_api.get("/broadcast/jobs").json()["items"]

    items = listed(busy_api)

    assert names(items) == [
        ("contact", "delete", None),
        ("tag", "delete", "gold"),
        ("tag", "tag", None),
        ("tag", "rename", "vip"),
        ("blacklist", "opt_out", "+6281211112222"),
        ("connection", "delete", "mine"),
        ("connection", "pause", "mine"),
        ("connection", "save", "mine"),
        ("broadcast", "pause", job["jobId"]),
        ("broadcast", "submit", job["jobId"]),
    ]
    assert {item["actor"] for item in items} == {"api"}
    assert items[-1]["objectName"] == "=Promo"
    assert items[4]["detail"] == "=asked: by phone"


def test_a_key_is_an_object_and_an_actor(idle_api: Api) -> None:
    key = idle_api.post("/keys", json={"name": "boss", "scopes": ["admin"]}).json()["key"]
    idle_api.headers["Authorization"] = f"Bearer {key}"
    idle_api.post("/keys", json={"name": "shop", "scopes": ["read", "operate"]})
    idle_api.delete("/keys/shop")

    items = listed(idle_api)

    assert [(item["actor"], item["action"], item["objectId"], item["detail"]) for item in items] == [
        ("boss", "revoke", "shop", None),
        ("boss", "create", "shop", "read, operate"),
        ("api", "create", "boss", "admin"),
    ]
    assert listed(idle_api, actor="boss") == items[:2]
    assert key not in str(items)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        pytest.param({"object": "connection"}, ["delete", "pause", "save"], id="object"),
        pytest.param({"action": "pause"}, ["pause", "pause"], id="action"),
        pytest.param({"object": "broadcast", "action": "pause"}, ["pause"], id="both"),
        pytest.param({"objectId": "mine"}, ["delete", "pause", "save"], id="name-of-a-connection"),
        pytest.param({"objectId": "gold"}, ["delete"], id="name-of-a-tag"),
        pytest.param({"object": "blacklist", "objectId": "0812-1111-2222"}, ["opt_out"], id="number"),
        pytest.param({"object": "tag", "objectId": "mine"}, [], id="other-object"),
        pytest.param({"actor": "nobody"}, [], id="actor"),
        pytest.param({"since": "2999-01-01T00:00:00Z"}, [], id="since"),
        pytest.param({"until": "2020-01-01T00:00:00+07:00"}, [], id="until"),
        pytest.param({"object": "key"}, [], id="nothing-done"),
    ],
)
def test_the_activity_is_filtered(busy_api: Api, parameters: dict[str, str], expected: list[str]) -> None:
    items = listed(busy_api, **parameters)

    assert [item["action"] for item in items] == expected


def test_the_activity_is_filtered_by_time_and_job(busy_api: Api) -> None:
    items = listed(busy_api)
    moment = items[4]["at"]

    assert listed(busy_api, since=moment) + listed(busy_api, until=moment) == items
    assert len(listed(busy_api, objectId=items[-1]["objectId"])) == 2


def test_the_plus_of_an_offset_need_not_be_escaped(busy_api: Api) -> None:
    assert busy_api.get("/activity?since=2020-01-01T00:00:00+07:00").json()["items"] == listed(busy_api)


@pytest.mark.parametrize("size", [1, 3, 10, 100])
def test_the_pages_together_are_the_whole(busy_api: Api, size: int) -> None:
    pages: list[list[dict[str, Any]]] = []
    cursor = None
    while not pages or cursor is not None:
        parameters = {"pageSize": size, **({} if cursor is None else {"cursor": cursor})}
        page = busy_api.get("/activity", params=parameters).json()
        pages.append(page["items"])
        cursor = page["nextCursor"]

    assert [item for page in pages for item in page] == listed(busy_api)
    assert all(len(page) == size for page in pages[:-1])


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ({"object": "moon"}, "object"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-01-01T00:00:00"}, "since"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "nan-1"}, "cursor"),
        ({"pageSize": "0"}, "pageSize"),
        ({"act": "pause"}, "act"),
        ({"object": "blacklist", "objectId": "abc"}, "objectId"),
    ],
)
def test_a_filter_that_is_not_valid_is_named(idle_api: Api, parameters: dict[str, str], path: str) -> None:
    answer = idle_api.get("/activity", params=parameters)

    assert answer.status_code == 400
    assert [fault["path"] for fault in answer.json()["errors"]] == [path]


def test_the_export_has_what_the_list_shows_and_no_formulas(busy_api: Api) -> None:
    answer = busy_api.get("/activity/export", params={"object": "blacklist"})
    whole = busy_api.get("/activity/export")

    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    [row] = csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert (row["action"], row["actor"], row["detail"]) == ("opt_out", "api", "'=asked: by phone")
    rows = list(csv.DictReader(io.StringIO(whole.content.decode("utf-8-sig"))))
    assert [row["action"] for row in rows] == [item["action"] for item in listed(busy_api)]
    assert rows[-1]["objectName"] == "'=Promo"
