import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plugins.senders.garbage import QUICK
from wabroadcast_core import WebhookRequest
from wabroadcast_plugins.senders.shared.lenient_json import (
    EARLIEST,
    LATEST,
    as_text,
    document_in,
    fields_of,
    objects_in,
    seconds_of,
    text_of,
    texts_in,
    time_of,
)

AT = 1_758_000_000


@pytest.mark.parametrize(
    ("body", "form", "document"),
    [
        pytest.param(b'{"a": 1}', {"b": "2"}, {"a": 1}, id="json-before-a-form"),
        pytest.param(b"b=2", {"b": "2"}, {"b": "2"}, id="form"),
        pytest.param(b"\xff", {}, None, id="neither"),
        pytest.param(b"[" * 100_000, {}, None, id="too-deep"),
    ],
)
def test_a_call_carries_json_or_a_form(body: bytes, form: dict[str, str], document: object) -> None:
    assert document_in(WebhookRequest("POST", {}, {}, body, form)) == document


@pytest.mark.parametrize(
    ("value", "objects"),
    [([{"a": 1}, 7, None, {}], [{"a": 1}, {}]), ({"a": 1}, [{"a": 1}]), ("?", []), (None, [])],
)
def test_objects_may_be_single_or_in_a_list(value: object, objects: list[object]) -> None:
    assert objects_in(value) == objects


def test_values_of_another_type_count_as_empty() -> None:
    assert fields_of(["a"]) == {}
    assert texts_in(["a", "", 7, None]) == ["a"]
    assert texts_in("abc") == []
    assert text_of(7, None, "", [], " a", "b") == " a"
    assert text_of(7) == ""


@pytest.mark.parametrize(
    ("value", "text"), [(" a ", "a"), (80367170, "80367170"), (True, ""), (1.5, ""), (["a"], ""), (None, "")]
)
def test_a_text_may_be_an_integer(value: object, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param(AT, AT, id="seconds"),
        pytest.param(str(AT), AT, id="digits"),
        pytest.param(AT * 1_000 + 485, AT + 0.485, id="milliseconds"),
        pytest.param(f"{AT}000", AT, id="digits-of-milliseconds"),
        pytest.param(AT + 0.853, AT + 0.853, id="fraction"),
        pytest.param("2025-09-16T05:20:00Z", AT, id="date"),
        pytest.param("2025-09-16T12:20:00+07:00", AT, id="with-an-offset"),
        pytest.param("2025-09-16T05:20:00.123456789Z", AT + 0.123456, id="nanoseconds"),
        pytest.param("2025-09-16 05:20", AT, id="without-an-offset-it-is-utc"),
    ],
)
def test_a_time_is_seconds_milliseconds_or_a_date(value: object, seconds: float) -> None:
    assert seconds_of(value) == pytest.approx(seconds, abs=1e-5)
    assert time_of(value) == seconds_of(value)


@pytest.mark.parametrize(
    "value",
    [
        *(0, -5, 900_000_000, 10**15, 10**400, -(10**400), float("nan"), float("inf"), True, None, [], {"low": 1}),
        *("", "soon", "nan", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+09:00", "9999-99-99"),
    ],
)
def test_an_invalid_time_is_replaced_by_the_current_time(value: object) -> None:
    assert seconds_of(value) is None
    assert time_of(value) == pytest.approx(time.time(), abs=10)


@QUICK
@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(str))
def test_a_time_is_within_the_bounds_or_none(value: object) -> None:
    seconds = seconds_of(value)

    assert seconds is None or EARLIEST <= seconds <= LATEST


@QUICK
@given(st.binary() | st.text().map(lambda text: json.dumps(text).encode()))
def test_no_body_of_a_call_raises(body: bytes) -> None:
    found = objects_in(document_in(WebhookRequest("POST", {}, {}, body)))

    assert all(isinstance(one, dict) for one in found)
