"""The meaning of Meta's error codes in answers and webhooks, at each attempt."""

from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wabroadcast_core import (
    BadMessage,
    ConnectionDown,
    OutcomeUnknown,
    Rejected,
    Reply,
    SendError,
    Temporary,
    Throttled,
)
from wabroadcast_plugins.senders.whatsapp_cloud.errors import MetaError, classify, error_without_send, refusal_of

TOKEN = "EAAGnotARealOne0123456789"

TEMPORARY = [1, 2, 131000, 131016, 131052, 131053, 133004, 135000]
THROTTLED = [4, 613, 80007, 130429, 131048, 131056, 131057, 132069]
REJECTED = [100, 130472, 130497, 131008, 131009, 131021, 131026, 131030, 131043, 131047, 131049, 131050, 131062]
REJECTED += [132005, 132008, 132012, 132018, 137000]
BAD_MESSAGE = [131051, 131063, 132000, 132001, 132007, 132015, 132016, 132068]
DOWN = [0, 3, 10, 33, 104, 190, 200, 230, 299, 368, 131005, 131031, 131037, 131042, 131044, 131045, 131064]
DOWN += [133000, 133005, 133006, 133008, 133009, 133010, 133015, 133016]
CLASSES: dict[type[SendError], list[int]] = {
    Temporary: TEMPORARY,
    Throttled: THROTTLED,
    Rejected: REJECTED,
    BadMessage: BAD_MESSAGE,
    ConnectionDown: DOWN,
}


def reply_with(error: object, *, status: int = 400, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status, httpx.Headers(headers or {}), b"", {"error": error})


def refusal(error: object, *, status: int = 400, attempt: int = 1, headers: dict[str, str] | None = None) -> SendError:
    found = refusal_of(reply_with(error, status=status, headers=headers), attempt=attempt, secret=TOKEN)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param(code, expected, id=f"{code}-{expected.code}")
        for expected, codes in CLASSES.items()
        for code in codes
    ],
)
def test_the_code_decides_and_not_the_status(code: int, expected: type[SendError]) -> None:
    found = [refusal({"code": code}, status=status) for status in (200, 400, 401, 403, 429, 500, 503)]

    assert {(type(error), error.reason) for error in found} == {(expected, str(code))}


@pytest.mark.parametrize(
    ("code", "attempts"),
    [
        pytest.param(1, (Temporary, Temporary, BadMessage, BadMessage), id="request-or-server-fault"),
        pytest.param(2, (Temporary, Temporary, Temporary, Temporary), id="service-down"),
        pytest.param(131052, (Temporary, Rejected, Rejected, Rejected), id="inbound-media"),
        pytest.param(131053, (Temporary, Temporary, Temporary, Rejected), id="media-upload"),
        pytest.param(135000, (Temporary, BadMessage, BadMessage, BadMessage), id="generic"),
    ],
)
def test_some_codes_are_temporary_for_a_number_of_attempts(code: int, attempts: tuple[type[SendError], ...]) -> None:
    found = tuple(type(refusal({"code": code}, attempt=attempt)) for attempt in range(1, 5))

    assert found == attempts


@pytest.mark.parametrize("code", [1, 131052, 131053, 135000])
def test_codes_that_depend_on_the_attempt_are_rejected_in_a_webhook(code: int) -> None:
    assert type(classify(MetaError(code, "", is_transient=False))) is Rejected


@pytest.mark.parametrize("code", [2, 100, 131026, 131049, 131050, 132015, 131042, 130429])
def test_a_webhook_and_an_answer_are_classified_alike(code: int) -> None:
    error = MetaError.read({"code": code, "title": "Something"})
    assert error is not None

    from_answer, from_webhook = refusal({"code": code, "message": "Something"}), classify(error)

    assert type(from_answer) is type(from_webhook)
    assert (from_answer.reason, from_answer.detail) == (from_webhook.reason, from_webhook.detail)


@pytest.mark.parametrize(
    ("code", "attempt", "headers", "wait", "scope"),
    [
        pytest.param(130429, 1, {}, None, "connection", id="throughput"),
        pytest.param(130429, 1, {"retry-after": "7"}, 7, "connection", id="throughput-with-a-wait"),
        pytest.param(131048, 1, {}, 3_600, "connection", id="spam"),
        pytest.param(131048, 1, {"retry-after": "7"}, 3_600, "connection", id="spam-at-least-an-hour"),
        pytest.param(131048, 1, {"retry-after": "7200"}, 7_200, "connection", id="spam-longer-if-requested"),
        pytest.param(131057, 1, {}, 120, "connection", id="maintenance"),
        pytest.param(132069, 1, {}, 360, "connection", id="flow"),
        pytest.param(131056, 1, {}, 1, "recipient", id="pair"),
        pytest.param(131056, 2, {}, 4, "recipient", id="pair-second-attempt"),
        pytest.param(131056, 4, {}, 64, "recipient", id="pair-fourth-attempt"),
        pytest.param(131056, 50, {}, 86_400, "recipient", id="pair-for-a-day-at-most"),
    ],
)
def test_throttling_has_its_wait_and_its_scope(
    code: int, attempt: int, headers: dict[str, str], wait: float | None, scope: str
) -> None:
    found = refusal({"code": code}, attempt=attempt, headers=headers)

    assert isinstance(found, Throttled)
    assert (found.retry_after, found.scope) == (wait, scope)


def test_a_temporary_fault_keeps_the_requested_wait() -> None:
    found = refusal({"code": 131016}, status=503, headers={"retry-after": "11"})

    assert isinstance(found, Temporary)
    assert found.retry_after == 11


def test_only_stopping_marketing_is_an_opt_out() -> None:
    opted_out = [code for code in REJECTED if getattr(refusal({"code": code}), "opt_out", False)]

    assert opted_out == [131050]


@pytest.mark.parametrize(
    ("error", "status", "expected"),
    [
        pytest.param({"code": 99999}, 400, Rejected, id="unknown"),
        pytest.param({"code": 99999}, 500, Rejected, id="unknown-with-500"),
        pytest.param({"code": 99999, "is_transient": True}, 500, Temporary, id="unknown-and-transient"),
        pytest.param({"code": 99999, "is_transient": "true"}, 400, Rejected, id="unknown-and-transient-as-a-text"),
        pytest.param({"code": 99999}, 429, Throttled, id="unknown-and-too-many"),
        pytest.param({"code": 131026, "is_transient": True}, 400, Rejected, id="a-known-code-outweighs-transient"),
        pytest.param({"code": "131026"}, 400, Rejected, id="code-as-text"),
        pytest.param({"code": "190"}, 400, ConnectionDown, id="down-as-text"),
    ],
)
def test_an_unknown_code_is_rejected_unless_it_is_transient_or_throttling(
    error: Any, status: int, expected: type[SendError]
) -> None:
    assert type(refusal(error, status=status)) is expected


@pytest.mark.parametrize(
    "error",
    [None, "boom", [], {}, {"code": None}, {"code": True}, {"code": 1.5}, {"code": "1e3"}, {"code": "9" * 5_000}],
    ids=str,
)
@pytest.mark.parametrize(
    ("status", "expected"),
    [(400, Rejected), (401, ConnectionDown), (429, Throttled), (500, OutcomeUnknown), (503, Temporary)],
)
def test_without_a_code_the_status_decides(error: object, status: int, expected: type[SendError]) -> None:
    found = refusal(error, status=status)

    assert type(found) is expected
    assert found.reason == f"http_{status}"


@pytest.mark.parametrize("document", [None, [], {}, {"messages": []}, "text", {"error": None}], ids=str)
def test_a_success_without_an_error_is_no_refusal(document: object) -> None:
    assert refusal_of(Reply(200, httpx.Headers(), b"", document), attempt=1, secret=TOKEN) is None


@pytest.mark.parametrize(
    ("error", "text"),
    [
        pytest.param({"error_data": {"details": "the details"}, "message": "m"}, "the details", id="details"),
        pytest.param({"error_data": "as a text", "message": "m"}, "as a text", id="error-data-is-a-text"),
        pytest.param({"error_data": {"details": ""}, "error_user_msg": "for users"}, "for users", id="for-users"),
        pytest.param({"error_data": {"details": 7}, "message": "the message"}, "the message", id="message"),
        pytest.param({"title": "the title"}, "the title", id="title"),
        pytest.param({}, "", id="nothing"),
    ],
)
def test_the_detail_is_the_most_specific_text(error: dict[str, Any], text: str) -> None:
    assert refusal({**error, "code": 131026}).detail == text


@pytest.mark.parametrize("number", ["+628123456789", "628123456789", "62 812-3456-789"])
def test_the_detail_holds_no_number(number: str) -> None:
    found = refusal({"code": 131026, "error_data": {"details": f"{number} is not on WhatsApp"}})

    assert found.detail == "… is not on WhatsApp"


@pytest.mark.parametrize("status", [400, 200])
def test_the_detail_holds_no_token(status: int) -> None:
    """The Graph API repeats a malformed token."""
    found = refusal({"code": 190, "message": f"Malformed access token {TOKEN}"}, status=status)

    assert (found.reason, found.detail) == ("190", "Malformed access token …")


def test_the_detail_of_an_answer_of_another_shape_holds_no_token() -> None:
    reply = Reply(400, httpx.Headers(), f"bad header: Bearer {TOKEN}".encode(), None)

    found = refusal_of(reply, attempt=1, secret=TOKEN)

    assert found is not None
    assert found.detail == "HTTP 400: bad header: Bearer"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(OutcomeUnknown("no_answer"), Temporary, id="nothing-was-sent"),
        pytest.param(Rejected("100"), BadMessage, id="no-recipient-is-at-fault"),
        pytest.param(Temporary("2"), Temporary, id="temporary"),
        pytest.param(Throttled("4"), Throttled, id="throttled"),
        pytest.param(ConnectionDown("190"), ConnectionDown, id="down"),
    ],
)
def test_an_error_before_the_send_is_never_unknown_and_rejects_no_recipient(
    error: SendError, expected: type[SendError]
) -> None:
    found = error_without_send(error, rejected=BadMessage)

    assert type(found) is expected
    assert found.reason == error.reason


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the first text that is drawn takes long
@given(
    st.dictionaries(
        st.sampled_from(["code", "message", "title", "error_data", "error_user_msg", "is_transient", "x"]),
        st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=4),
    ),
    st.integers(200, 599),
    st.integers(1, 60),
)
def test_any_error_is_classified(error: dict[str, Any], status: int, attempt: int) -> None:
    found = refusal_of(reply_with(error, status=status), attempt=attempt, secret=TOKEN)

    assert isinstance(found, SendError) or 200 <= status < 300
