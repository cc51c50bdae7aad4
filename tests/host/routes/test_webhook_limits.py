"""Webhook calls of strangers: what is read of them, and how much, before a sender has verified them."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from tests.host.installations import Api
from tests.host.routes.test_webhook_routes import CALLS, webhook_api, webhook_host
from wabroadcast_core.asgi.protocol import Scope
from wabroadcast_core.asgi.webhook_reader import ClientDisconnectedError, WebhookReader
from wabroadcast_core.errors import InvalidInputError, UnavailableError
from wabroadcast_core.inbound.webhook_answers import TooLargeError
from wabroadcast_core.inbound.webhook_forms import FIELDS, FORM_BYTES, WebhookForm

__all__ = ["webhook_api", "webhook_host"]  # the fixtures

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=xx"


def _scope(content_type: str = "application/json", *, query: bytes = b"", length: int | None = None) -> Scope:
    headers = [(b"content-type", content_type.encode())]
    if length is not None:
        headers.append((b"content-length", b"%d" % length))
    return {"method": "POST", "headers": headers, "query_string": query}


class _Body:
    """The messages of a request body, counted as they are received."""

    def __init__(self, parts: Iterable[bytes], *, ends: bool = True) -> None:
        self._messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": part, "more_body": True} for part in parts
        ]
        last = {"type": "http.request", "body": b"", "more_body": False} if ends else {"type": "http.disconnect"}
        self._messages.append(last)
        self.received = 0

    async def __call__(self) -> Any:
        self.received += 1
        return self._messages[self.received - 1]


def _multipart(fields: int) -> bytes:
    part = b'--xx\r\nContent-Disposition: form-data; name="n%d"\r\n\r\nv\r\n'
    return b"".join(part % number for number in range(fields)) + b"--xx--\r\n"


def _urlencoded(fields: int) -> bytes:
    return b"&".join(b"%%41%d=%%41" % number for number in range(fields))


def test_nothing_of_a_call_to_an_unknown_connection_is_parsed(webhook_api: Api) -> None:
    headers = {"content-type": FORM}

    answers = [
        webhook_api.post("/webhooks/unknown", content=content, headers=headers)
        for content in (b"a=%41", b"a&" * FIELDS, b"a&" * FORM_BYTES)
    ]

    assert [answer.status_code for answer in answers] == [403, 400, 413]
    assert CALLS == []


def test_a_form_is_not_parsed_for_a_sender_that_does_not_read_it(webhook_api: Api) -> None:
    answer = webhook_api.post("/webhooks/main?token=wrong", content=b"a=1&b=2", headers={"content-type": FORM})

    form = CALLS[0].form
    assert answer.status_code == 403
    assert "_fields" not in vars(form)
    assert dict(form) == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [pytest.param(FORM, _urlencoded, id="urlencoded"), pytest.param(MULTIPART, _multipart, id="multipart")],
)
def test_a_form_has_at_most_a_thousand_fields(webhook_api: Api, content_type: str, body: Any) -> None:
    headers = {"content-type": content_type}

    fits = webhook_api.post("/webhooks/main?token=right", content=body(FIELDS), headers=headers)
    more = webhook_api.post("/webhooks/main?token=right", content=body(FIELDS + 1), headers=headers)

    assert fits.status_code == 200
    assert len(CALLS[0].form) == FIELDS
    assert (more.status_code, more.json()["code"]) == (400, "invalid_input")
    assert len(CALLS) == 1


def test_a_query_string_has_at_most_a_thousand_fields(webhook_api: Api) -> None:
    names = "&".join(f"n{number}" for number in range(FIELDS - 1))

    fits = webhook_api.post(f"/webhooks/main?token=right&{names}", content=b"{}")
    more = webhook_api.post(f"/webhooks/main?token=right&{names}&one", content=b"{}")

    assert (fits.status_code, more.status_code) == (200, 400)


@pytest.mark.parametrize(
    ("content_type", "length", "most"),
    [
        pytest.param(FORM, 1_001, 1_000, id="form"),
        pytest.param("multipart/form-data; boundary=x", 1_001, 1_000, id="multipart"),
        pytest.param("application/json", 1_001, 1_000, id="json"),
        pytest.param(FORM, FORM_BYTES + 1, 4 * FORM_BYTES, id="form-below-the-limit-of-other-bodies"),
    ],
)
def test_a_body_that_is_announced_as_too_large_is_not_read(content_type: str, length: int, most: int) -> None:
    body = _Body([b"x"])

    with pytest.raises(TooLargeError):
        asyncio.run(WebhookReader(most_bytes=most).read(_scope(content_type, length=length), body))

    assert body.received == 0


def test_a_body_without_an_announced_length_is_read_up_to_the_limit() -> None:
    body = _Body([b"x" * 100] * 50)

    with pytest.raises(TooLargeError):
        asyncio.run(WebhookReader(most_bytes=1_000).read(_scope(), body))

    assert body.received == 11


def test_bodies_that_are_being_received_share_one_amount_of_memory() -> None:
    reader = WebhookReader(most_bytes=1_000, at_once=1_500)
    second_read = asyncio.Event()

    async def receive_slowly() -> Any:
        if second_read.is_set():
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"", "more_body": True}

    async def first_part_then_slowly(sent: list[bytes] = [b"x" * 1_000]) -> Any:  # noqa: B006 - taken once
        return {"type": "http.request", "body": sent.pop(), "more_body": True} if sent else await receive_slowly()

    async def read_two() -> None:
        first = asyncio.create_task(reader.read(_scope(), first_part_then_slowly))
        await asyncio.sleep(0.01)
        with pytest.raises(UnavailableError):
            await reader.read(_scope(), _Body([b"x" * 1_000]))
        second_read.set()
        assert len((await first).body) == 1_000
        assert len((await reader.read(_scope(), _Body([b"x" * 1_000]))).body) == 1_000

    asyncio.run(read_two())


def test_a_body_that_breaks_off_is_not_taken_for_the_whole() -> None:
    with pytest.raises(ClientDisconnectedError):
        asyncio.run(WebhookReader(most_bytes=1_000).read(_scope(), _Body([b"{}"], ends=False)))


def test_the_fields_of_a_query_string_are_counted_before_they_are_parsed() -> None:
    body = _Body([b"{}"])

    with pytest.raises(InvalidInputError, match="the query string has more than"):
        asyncio.run(WebhookReader(most_bytes=1_000).read(_scope(query=b"a&" * FIELDS), body))

    assert body.received == 0


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        pytest.param("multipart/form-data", b"--x\r\n", id="no-boundary"),
        pytest.param("multipart/form-data; boundary=", b"----", id="empty-boundary"),
        pytest.param('multipart/form-data; boundary="\u00ff\u0100"', b"--\xff", id="odd-boundary"),
        pytest.param(MULTIPART, b"--xx\r\n" * 900, id="parts-without-a-head"),
        pytest.param(MULTIPART, _multipart(2)[:-20], id="cut-off"),
        pytest.param(
            MULTIPART,
            b'--xx\r\nContent-Disposition: form-data; name="n"\r\nContent-Type: text/plain; charset=zip\r\n\r\nv\r\n'
            b"--xx--\r\n",
            id="unknown-character-set",
        ),
        pytest.param(MULTIPART, b"--xx\r\nContent-Disposition: form-data\r\n\r\nv\r\n--xx--\r\n", id="no-name"),
        pytest.param("; ;=", b"a=1", id="no-media-type"),
    ],
)
def test_a_broken_form_has_no_fields(content_type: str, body: bytes) -> None:
    assert dict(WebhookForm(content_type, body)) == {}
