"""Replies of providers: the error for a status, ``Retry-After``, the summary."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from wabroadcast_core.errors import ConnectionDown, OutcomeUnknown, Rejected, SendError, Temporary, Throttled
from wabroadcast_core.transport.http_requests import Reply, blank_numbers, error_of, read_json, read_retry_after


def _reply(status: int, content: bytes = b"", **headers: str) -> Reply:
    return Reply(status, httpx.Headers(headers), content, read_json(content))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        pytest.param(400, Rejected, id="bad-request"),
        pytest.param(401, ConnectionDown, id="no-access"),
        pytest.param(403, ConnectionDown, id="forbidden"),
        pytest.param(402, ConnectionDown, id="payment"),
        pytest.param(404, ConnectionDown, id="not-found"),
        pytest.param(405, ConnectionDown, id="another-method"),
        pytest.param(301, ConnectionDown, id="moved"),
        pytest.param(302, ConnectionDown, id="log-in-page"),
        pytest.param(303, OutcomeUnknown, id="processed-and-redirected"),
        pytest.param(308, ConnectionDown, id="moved-for-good"),
        pytest.param(422, Rejected, id="unfit"),
        pytest.param(408, OutcomeUnknown, id="time-out"),
        pytest.param(429, Throttled, id="too-many"),
        pytest.param(500, OutcomeUnknown, id="broken"),
        pytest.param(502, OutcomeUnknown, id="bad-gateway"),
        pytest.param(503, Temporary, id="busy"),
        pytest.param(504, OutcomeUnknown, id="gateway-time-out"),
    ],
)
def test_a_status_alone_decides_the_error(status: int, kind: type[SendError]) -> None:
    assert type(error_of(_reply(status))) is kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param(b'{"error": "unknown number"}', Rejected, id="json"),
        pytest.param(b"<html>Not Found</html>", ConnectionDown, id="page"),
        pytest.param(b"404", ConnectionDown, id="a-number"),
    ],
)
def test_a_404_is_about_the_recipient_only_if_an_api_answers(body: bytes, kind: type[SendError]) -> None:
    assert type(error_of(_reply(404, body))) is kind


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param("7", 7, id="seconds"),
        pytest.param("1.5", 1.5, id="fraction"),
        pytest.param("-3", 0, id="negative"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT", 0, id="past-date"),
        pytest.param("soon", None, id="words"),
        pytest.param("nan", None, id="no-number"),
        pytest.param("inf", None, id="endless"),
        pytest.param("172800", 86_400, id="two-days"),
        pytest.param("1764288000000", None, id="milliseconds-since-1970"),
        pytest.param("99999999999999", None, id="fourteen-nines"),
        pytest.param("1e300", None, id="exponent"),
        pytest.param("9" * 5_000, None, id="thousands-of-digits"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 GMT", None, id="last-date-of-all"),
        pytest.param("Fri, 31 Dec 99999999999999999999 23:59:59 GMT", None, id="year-of-many-digits"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="absent"),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, seconds: float | None) -> None:
    found = read_retry_after(header)

    assert found == seconds


def test_a_future_date_gives_the_seconds_until_then() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90))

    assert read_retry_after(date) == pytest.approx(90, abs=10)


def test_a_date_in_some_days_is_a_wait_of_one_day() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(days=3))

    assert read_retry_after(date) == 86_400


def test_a_summary_blanks_everything_like_a_phone_number() -> None:
    reply = _reply(400, b'{"error": "6281234567890 and +62 812-3456-7890 are not on WhatsApp"}')

    assert "812" not in reply.summary
    assert "are not on WhatsApp" in reply.summary


def test_short_figures_are_not_blanked() -> None:
    assert blank_numbers("code 131026, HTTP 400") == "code 131026, HTTP 400"


@pytest.mark.parametrize(
    ("content", "document"),
    [
        pytest.param(b'{"id": "a"}', {"id": "a"}, id="object"),
        pytest.param(b'{"text": "halo \\ud83d"}', {"text": "halo \ud83d"}, id="half-an-emoji"),
        pytest.param('{"id": 1}'.encode("utf-16"), {"id": 1}, id="utf-16"),
        pytest.param(b'{"id": 12345678901234567890123}', {"id": 12345678901234567890123}, id="long-number"),
        pytest.param(b"<html>", None, id="a-page"),
        pytest.param(b"[" * 300 + b"]" * 300, None, id="deeper-than-any-answer"),
        pytest.param(b"[" * 100_000, None, id="endless"),
    ],
)
def test_a_document_is_read_unless_it_is_none_or_too_deep(content: bytes, document: object) -> None:
    assert read_json(content) == document
