"""The body of a submit, read as a stream."""

import io
import json
from typing import Any

import pytest

from host_litestar.routes.submission import read_draft, read_recipients
from wabroadcast_core.errors import InvalidInputError


@pytest.mark.parametrize(
    ("body", "draft", "recipients"),
    [
        pytest.param(b'{"a": 1, "recipients": [{"x": [1, {}]}, 2]}', {"a": 1}, [{"x": [1, {}]}, 2], id="after"),
        pytest.param(b'{"recipients": [1.5], "a": {"b": [null]}}', {"a": {"b": [None]}}, [1.5], id="before"),
        pytest.param(b'{"recipients": []}', {}, [], id="empty-array"),
        pytest.param(b' {"a": "\\u00e9"}\n', {"a": "é"}, None, id="none"),
        pytest.param(b'{"recipients": null}', {}, None, id="null"),
        pytest.param(b'{"x": {"recipients": [1]}}', {"x": {"recipients": [1]}}, None, id="only-the-outer-one"),
    ],
)
def test_a_body_is_read_as_a_draft_and_recipients(
    body: bytes, draft: dict[str, Any], recipients: list[Any] | None
) -> None:
    file = io.BytesIO(body)

    found, has_recipients = read_draft(file)

    assert found == draft
    assert (list(read_recipients(file)) if has_recipients else None) == recipients


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        pytest.param(b"", [("", "the body is empty")], id="empty"),
        pytest.param(b"[1]", [("", "the body must be a JSON object")], id="array"),
        pytest.param(b'"x"', [("", "the body must be a JSON object")], id="text"),
        pytest.param(b'{"a": 1', [("", "the body is not JSON: it ends too early")], id="cut-off"),
        pytest.param(
            b'{"a":\n 1,\n  b}', [("", "the body is not JSON: fault at line 3, column 3 (byte 13)")], id="place"
        ),
        pytest.param(
            b'{"a": 1} x', [("", "the body is not JSON: fault at line 1, column 10 (byte 10)")], id="more-after-the-end"
        ),
        pytest.param(
            b'{"a": "\xff"}', [("", "the body is not JSON: fault at line 1, column 8 (byte 8)")], id="not-utf-8"
        ),
        pytest.param(b'{"a": NaN}', [("", "the body is not JSON: fault at line 1, column 7 (byte 7)")], id="nan"),
        pytest.param(b'{"a": 1, "a": 2}', [("a", "is given twice")], id="field-twice"),
        pytest.param(
            b'{"recipients": [1], "recipients": {}}',
            [("recipients", "is given twice"), ("recipients", "must be an array")],
            id="recipients-twice-and-no-array",
        ),
        pytest.param(b'{"recipients": "0812"}', [("recipients", "must be an array")], id="recipients-text"),
    ],
)
def test_every_fault_of_an_invalid_body_is_reported(body: bytes, faults: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_draft(io.BytesIO(body))

    assert sorted((fault.path, fault.message) for fault in caught.value.faults) == sorted(faults)


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 200_000])
def test_the_place_of_an_error_is_found_after_many_bytes(size: int) -> None:
    good = b'{"recipients": ["' + b"x" * size + b'",\n\n'

    with pytest.raises(InvalidInputError) as caught:
        read_draft(io.BytesIO(good + b"? ]}"))

    assert caught.value.faults[0].message == f"the body is not JSON: fault at line 3, column 1 (byte {len(good) + 1})"


def test_recipients_are_read_one_at_a_time() -> None:
    body = io.BytesIO(json.dumps({"recipients": [{"n": "x" * 1_000} for _ in range(5_000)]}).encode())
    read_draft(body)

    next(read_recipients(body))

    assert body.tell() < 1_000_000


@pytest.mark.parametrize("kind", ["database", "contacts"])
def test_a_file_for_a_source_that_reads_none_is_named(idle_api: Any, kind: str) -> None:
    body = {
        "name": "x",
        "message": {"type": "text", "text": "Halo"},
        "source": {"type": kind, "uploadId": "u1", "colour": "red"},
    }

    answer = idle_api.post("/broadcast", json=body)

    faults = {fault["path"]: fault["message"] for fault in answer.json()["errors"]}
    assert answer.status_code == 400
    assert faults["source.uploadId"] == f"a source of the type {kind} reads no file: leave the file out"
    assert "there is no such field" in faults["source.colour"]
