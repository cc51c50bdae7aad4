"""Requests are read before a route runs: no parameter, field or body that a route does not know is passed over."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

JSON = {"Content-Type": "application/json"}
CALLS_WITH_JSON = [
    ("POST", "/broadcast"),
    ("POST", "/broadcast/preview"),
    ("PATCH", "/broadcast/x"),
    ("POST", "/contacts"),
    ("PUT", "/contacts/081234567890"),
    ("POST", "/contacts/tag"),
    ("PUT", "/contacts/tags/vip"),
    ("POST", "/contacts/tags/vip/merge"),
    ("POST", "/blacklist"),
    ("PUT", "/connections/main"),
]


def faults(answer: Any) -> dict[str, str]:
    assert answer.status_code == 400, answer.text
    return {fault["path"]: fault["message"] for fault in answer.json()["errors"]}


def calls_of(app: Litestar) -> Iterator[tuple[str, str]]:
    """Yield the method and the path of every call of the API; pages are more lenient."""
    for route in app.routes:
        is_page = route.path == "/" or (route.path.startswith("/ui/") and not route.path.startswith("/ui/session"))
        if isinstance(route, HTTPRoute) and not route.path.startswith("/schema") and not is_page:
            path = route.path_format.replace("{", "").replace("}", "")
            yield from ((method, path) for method in route.methods - {"OPTIONS"})


def test_every_route_refuses_an_unknown_query_parameter(idle_api: Any) -> None:
    calls = list(calls_of(idle_api.app))

    passed_over = [
        (method, path)
        for method, path in calls
        if "pagesize" not in idle_api.request(method, path, params={"pagesize": "2"}).text and method != "HEAD"
    ]

    assert len(calls) > 40
    assert passed_over == []


def test_every_route_refuses_a_body_that_it_does_not_know(idle_api: Any) -> None:
    calls = [call for call in calls_of(idle_api.app) if call[0] != "HEAD"]

    headers = {"If-Match": '"1"'}  # without it, a change of a draft is refused before its body is read
    answers = {call: idle_api.request(*call, json={"batch": 0}, headers=headers).status_code for call in calls}

    assert {call for call, status in answers.items() if status != 400} == set()


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/broadcast/cancel/x?batchs=0", "batchs"),
        ("POST", "/broadcast/cancel/x?batch=", "batch"),
        ("POST", "/broadcast/cancel/x?batch", "batch"),
        ("GET", "/contacts/export?tags=vip", "tags"),
        ("GET", "/contacts/export?tag=", "tag"),
        ("GET", "/contacts/export?TAG=vip", "TAG"),
        ("DELETE", "/contacts/081234567890?Erase=true", "Erase"),
        ("GET", "/broadcast/jobs?page=1&page=2", "page"),
        ("GET", "/contacts?page_size=5", "page_size"),
    ],
)
def test_a_parameter_that_would_be_passed_over_is_named(idle_api: Any, method: str, path: str, name: str) -> None:
    assert list(faults(idle_api.request(method, path))) == [name]


def test_an_empty_search_finds_all(idle_api: Any) -> None:
    idle_api.post("/contacts", json={"number": "081234567890"})

    assert idle_api.get("/contacts?q=").json()["total"] == 1


def test_a_query_that_is_not_utf_8_is_400(idle_api: Any) -> None:
    assert "UTF-8" in faults(idle_api.get("/contacts?q=Jos%E9"))[""]


def test_a_body_given_to_a_control_call_names_the_way_out(idle_api: Any) -> None:
    found = faults(idle_api.post("/broadcast/retry/x", json={"status": "unknown", "other": 1}))

    assert "query string" in found["status"]
    assert "leave it out" in found["other"]


@pytest.mark.parametrize("body", [b"", b"{}", b" {} ", b"null"])
def test_an_empty_body_of_a_control_call_is_no_fault(idle_api: Any, body: bytes) -> None:
    assert idle_api.post("/broadcast/pause/x", content=body, headers=JSON).status_code == 404


# --- JSON --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), CALLS_WITH_JSON)
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"name":"Jos\xe9"}', id="latin-1"),
        pytest.param(b"[" * 2_000, id="deep"),
        pytest.param(b'{"priority":' + b"[" * 5_000 + b"]" * 5_000 + b"}", id="deep-field"),
        pytest.param(b'{"variables":{"a":NaN}}', id="nan"),
        pytest.param(b'{"name":', id="cut-off"),
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="array"),
        pytest.param(b'{"a":' + b"9" * 5_000 + b"}", id="endless-number"),
        pytest.param(b'{"a":1e' + b"9" * 30 + b"}", id="endless-exponent"),
    ],
)
def test_a_body_that_is_no_json_object_is_400(idle_api: Any, method: str, path: str, body: bytes) -> None:
    answer = idle_api.request(method, path, content=body, headers=JSON)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")


@pytest.mark.parametrize(("method", "path"), CALLS_WITH_JSON)
@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", None])
def test_json_of_another_media_type_is_415(idle_api: Any, method: str, path: str, media_type: str | None) -> None:
    headers = {} if media_type is None else {"Content-Type": media_type}

    assert idle_api.request(method, path, content=b"{}", headers=headers).status_code == 415


def test_the_place_of_a_fault_is_named(idle_api: Any) -> None:
    answer = idle_api.post("/contacts", content=b'{\n "number": "1",\n "name": "Jos\xe9"}', headers=JSON)

    assert "line 3 column 14" in faults(answer)[""]


@pytest.mark.parametrize("number", [2**63 - 1, 2**63, 2**64, 10**30, -(2**70), 1.5])
def test_numbers_of_any_size_are_taken_and_returned(idle_api: Any, number: float) -> None:
    saved = idle_api.post("/contacts", json={"number": "081234567890", "variables": {"card": number}})
    submitted = idle_api.post(
        "/broadcast/preview",
        json={
            "name": "x",
            "message": {"type": "text", "text": "{{ card }} {{ share }}"},
            "recipients": [
                {"number": "081234567891", "variables": {"card": 1, "share": 0.5}},
                {"number": "081234567890", "variables": {"card": number, "share": 2.5}},
            ],
        },
    )

    assert saved.json()["variables"]["card"] == number
    assert [message["text"] for message in submitted.json()["messages"]] == ["1 0.5", f"{number} 2.5"]


def test_at_most_a_hundred_faults_are_described(idle_api: Any) -> None:
    answer = idle_api.post("/contacts", json={"number": "1", **{f"{key}-{key:0400}": 1 for key in range(2_000)}})

    assert len(faults(answer)) == 100
    assert len(answer.content) < 100_000
    assert answer.json()["detail"].endswith("and 1,900 more")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        pytest.param("/contacts", b'{"variables":{' + b'"a":[],' * 100_000 + b'"a":1}}', 400, id="many-values"),
        pytest.param("/contacts", b'{"name":"' + b"x" * 1_100_000 + b'"}', 413, id="large"),
        pytest.param("/contacts/tag", b'{"numbers":[' + b"[]," * 2_700_000 + b"[]]}", 400, id="large-list"),
        pytest.param("/broadcast", b'{"a":[' + b"[]," * 300_000 + b"[]]}", 400, id="draft"),
        pytest.param("/broadcast", b"{" + b'"a":1,' * 300_000 + b'"a":1}', 400, id="field-again-and-again"),
    ],
)
def test_a_body_with_endless_faults_has_a_short_answer(idle_api: Any, path: str, body: bytes, status: int) -> None:
    answer = idle_api.post(path, content=body, headers=JSON)

    assert answer.status_code == status
    assert len(answer.content) < 50_000


def test_a_hundred_thousand_numbers_can_be_tagged(idle_api: Any) -> None:
    numbers = [f"+62812{place:08}" for place in range(100_000)]

    answer = idle_api.post("/contacts/tag", json={"numbers": numbers, "add": ["vip"]})

    assert answer.json()["unknown"] == 100_000


# --- forms -------------------------------------------------------------------------------------------------------

PEOPLE = b"Nama,No HP\nBudi,081234567890\n"


def post_form(api: Any, path: str, *parts: tuple[bytes, bytes]) -> Any:
    """Post a form of parts, each with its headers after ``form-data;`` and its content."""
    body = b"".join(
        b"--b\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + content + b"\r\n" for head, content in parts
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    return api.post(path, content=body + b"--b--\r\n", headers=headers)


@pytest.mark.parametrize("path", ["/contacts/import", "/blacklist/import", "/uploads"])
def test_an_unknown_form_field_is_named_and_nothing_is_imported(idle_api: Any, path: str) -> None:
    answer = idle_api.post(path, files={"file": ("a.csv", PEOPLE)}, data={"dry_run": "true", "Region": "ID"})

    assert set(faults(answer)) == {"dry_run", "Region"}
    assert idle_api.get("/contacts").json()["total"] == idle_api.get("/blacklist").json()["total"] == 0


@pytest.mark.parametrize("path", ["/contacts/import", "/blacklist/import"])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param(b"region", b"I\xe9", id="not-utf-8"),
        pytest.param(b"mapping", b"[" * 5_000, id="deep-mapping"),
        pytest.param(b"mapping", b'{"a":"\\ud800"}', id="half-a-character"),
        pytest.param(b"mapping", b'{"a":1}', id="mapping-of-numbers"),
        pytest.param(b"sheet", b"x" * 300_000, id="long"),
    ],
)
def test_a_faulty_form_field_is_named(idle_api: Any, path: str, field: bytes, value: bytes) -> None:
    answer = post_form(idle_api, path, (b'name="file"; filename="a.csv"', PEOPLE), (b'name="%s"' % field, value))

    assert list(faults(answer)) == [field.decode()]


def test_a_field_that_is_given_twice_is_named(idle_api: Any) -> None:
    file = (b'name="file"; filename="a.csv"', PEOPLE)

    assert list(faults(post_form(idle_api, "/uploads", file, file))) == ["file"]


@pytest.mark.parametrize(
    ("head", "filename"),
    [
        pytest.param(b"name=\"file\"; filename*=UTF-8''na%C3%AFf.csv", "naïf.csv", id="extended"),
        pytest.param(b'name="file"; filename="x.csv"; filename*=utf-8\'id\'na%C3%AFf.csv', "naïf.csv", id="both"),
        pytest.param(b"name=\"file\"; filename*=iso-8859-1''na%EFf.csv", "naïf.csv", id="latin-1"),
        pytest.param(b'name="file"; filename*=klingon\'\'a%C3.csv; filename="b.csv"', "b.csv", id="unknown-encoding"),
        pytest.param('name="file"; filename="naïf.csv"'.encode(), "naïf.csv", id="plain"),
        pytest.param(b'name="file"', None, id="without-a-name"),
    ],
)
def test_a_file_is_taken_whatever_form_its_name_has(idle_api: Any, head: bytes, filename: str | None) -> None:
    content = b"\xff\xfe" + bytes(range(256))

    answer = post_form(idle_api, "/uploads", (head, content))

    assert answer.status_code == 201, answer.text
    assert (answer.json()["filename"], answer.json()["size"]) == (filename, len(content))


def test_a_text_field_may_come_from_a_file(idle_api: Any) -> None:
    mapping = json.dumps({"No HP": "number"}).encode()

    answer = post_form(
        idle_api,
        "/contacts/import",
        (b'name="file"; filename="a.csv"', PEOPLE),
        (b'name="mapping"; filename="mapping.json"', mapping),
    )

    assert answer.json()["created"] == 1


def test_a_form_has_at_most_a_hundred_tags(idle_api: Any) -> None:
    started = time.monotonic()

    answer = idle_api.post(
        "/contacts/import", files={"file": ("a.csv", PEOPLE)}, data={"tags": ",".join(map(str, range(40_000)))}
    )

    assert list(faults(answer)) == ["tags"]
    assert time.monotonic() - started < 10
