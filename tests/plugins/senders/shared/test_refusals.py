import httpx
import pytest

from wabroadcast_core import ConnectionDown, Rejected, Reply, SendError, Temporary, Throttled
from wabroadcast_plugins.senders.shared.refusals import find_refusal, late_failure, safe_detail, status_error


@pytest.mark.parametrize(
    ("text", "error", "reason", "scope"),
    [
        pytest.param("server returned error 463", Throttled, "gw_463", "new_contacts", id="timelock"),
        pytest.param("2 UNKNOWN: server returned error 475", Throttled, "gw_475", "new_contacts", id="capping"),
        pytest.param("Error: server returned error 429", Throttled, "gw_429", "connection", id="too-fast"),
        pytest.param("server returned error 479", Temporary, "gw_479", None, id="any-other"),
    ],
)
def test_a_refusal_of_whatsapp_is_found_in_the_text(
    text: str, error: type[SendError], reason: str, scope: str | None
) -> None:
    found = find_refusal(text, kind="gw")

    assert isinstance(found, error)
    assert found.reason == reason
    assert getattr(found, "scope", None) == scope


@pytest.mark.parametrize(
    "text", ["", "message send timed out", "server returned error 4631", "error 463", "nobody at 62812463463"]
)
def test_other_texts_are_no_refusal(text: str) -> None:
    assert find_refusal(text, kind="gw") is None


@pytest.mark.parametrize(
    ("code", "error", "reason"),
    [
        pytest.param("463", Throttled, "gw_463", id="timelock"),
        pytest.param("475", Throttled, "gw_475", id="capping"),
        pytest.param("479", Rejected, "gw_undelivered", id="another-code"),
        pytest.param(["463"], Rejected, "gw_undelivered", id="no-text"),
        pytest.param(None, Rejected, "gw_undelivered", id="none"),
    ],
)
def test_a_late_failure_is_a_refusal_only_by_its_code(code: object, error: type[SendError], reason: str) -> None:
    found = late_failure(code, kind="gw")

    assert (type(found), found.reason) == (error, reason)


def test_the_detail_of_an_error_is_short_and_without_numbers() -> None:
    detail = safe_detail("nobody at\n628123456789  " + "x" * 500)

    assert detail.startswith("nobody at … x")
    assert len(detail) == 200


def test_refused_credentials_are_an_error_with_advice() -> None:
    found = status_error(Reply(401, httpx.Headers(), b"Unauthorized", None))

    assert isinstance(found, ConnectionDown)
    assert found.reason == "http_401"
    expected = "the credentials are refused (HTTP 401: Unauthorized): correct them in the connection's settings"
    assert found.detail == expected


def test_another_status_has_the_answer_as_its_detail() -> None:
    found = status_error(Reply(400, httpx.Headers(), b"no", None))

    assert (type(found), found.detail) == (Rejected, "HTTP 400: no")
