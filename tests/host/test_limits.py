"""The table of limits in the README of the host: each row states the real default, and is answered as it says."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import uvicorn
from litestar.exceptions import TooManyRequestsException
from litestar.testing import RequestFactory
from pydantic import SecretStr
from uvicorn.server import ServerState

from host_litestar import http_protocol, limits
from host_litestar.auth import KeyGuard
from host_litestar.callers import Callers
from host_litestar.event_streams import MOST_STREAMS, EventStreams
from host_litestar.form_reading import LONGEST_TEXT, MOST_PARTS
from host_litestar.http_protocol import ConnectionLimits, LimitedProtocol, OpenConnections
from host_litestar.key_guesses import BURST, GuessLimiter
from host_litestar.problems import describe
from host_litestar.request_reading import LARGE_JSON, LARGEST_JSON, MOST_PARAMETERS, MOST_VALUES
from host_litestar.routes import submission
from host_litestar.routes.sessions import FAILURES, check_sign_in, sign_in_limit
from host_litestar.threads import FILES, PREVIEWS, RECEIVER_TESTS, SUBMITS, TESTS, ThreadGroup
from tests.host.programs import Served
from tests.host.raw_clients import RawClient
from tests.host.routes.test_webhook_limits import _Body, _scope
from tests.host.test_auth import call_guard
from tests.host.test_event_streams import end_of_unread_stream
from tests.host.test_http_protocol import LINE, MOST, strict
from wabroadcast_core import BusyError, Settings
from wabroadcast_core.asgi.webhook_reader import WEBHOOK_BYTES_AT_ONCE, WebhookReader
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import InvalidInputError, UnavailableError
from wabroadcast_core.inbound.webhook_forms import FIELDS, FORM_BYTES
from wabroadcast_core.live.listeners import OVERVIEW, Listener, Topic

__all__ = ["strict"]  # the fixture

pytestmark = pytest.mark.slow

QUICK = 1.0  # seconds in which a client reads on, in these tests
UNITS = {"KiB": limits.KIB, "MiB": limits.MIB, "s": 1}
POST = "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {type}\r\nContent-Length: {length}\r\n\r\n"
FORM = "application/x-www-form-urlencoded"


class Row(NamedTuple):
    limit: str
    default: str
    setting: str
    answer: str

    @property
    def value(self) -> float:
        number, _, unit = self.default.partition(" ")
        return int(number.replace(",", "")) * UNITS.get(unit, 1)


def _rows() -> list[Row]:
    text = (Path(http_protocol.__file__).with_name("README.md")).read_text(encoding="utf-8")
    _, _, table = text.partition("| limit |")
    table = table.partition("\n\n")[0].partition("\n")[2]
    rows = [Row(*(cell.strip(" `") for cell in line.strip("|").split("|"))) for line in table.splitlines()]
    return [row for row in rows if row.limit != "---"]


def _ask(server: Served, sent: str, *parts: bytes) -> str:
    with RawClient(server.url) as client:
        for part in (sent.encode(), *parts):
            client.send(part)
        return str(client.status() or "closed")


def _post(server: Served, path: str, *, length: int, body: bytes = b"", media_type: str = "application/json") -> str:
    return _ask(server, POST.format(path=path, type=media_type, length=length), body)


def _queue(server: Served) -> str:
    with RawClient(server.url) as client:
        client.send((LINE + b"\r\n") * 20 * limits.PIPELINED_REQUESTS)
        received = b"".join(client.rest())
    is_whole = received.count(b"HTTP/1.1 200") > 10 * limits.PIPELINED_REQUESTS
    return "429" if b" 429 " in received else "answered" if is_whole else "closed"


def _crowd(server: Served) -> str:
    with contextlib.ExitStack() as held:
        first = held.enter_context(RawClient(server.url))
        for _ in range(MOST):
            held.enter_context(RawClient(server.url))
        return str(first.status() or "closed")


def _unread(_: Served) -> str:
    """Return how a connection ends whose client does not read an answer without an end."""

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
            await asyncio.sleep(0)  # a send to a client that has gone returns at once, and would hold the loop

    async def serve() -> str:
        loop, state = asyncio.get_running_loop(), ServerState()
        config = uvicorn.Config(endless, lifespan="off", log_config=None)
        many = OpenConnections(ConnectionLimits(connections=10, head_seconds=60, body_seconds=60))
        server = await loop.create_server(lambda: LimitedProtocol(config, state, {}, connections=many), "127.0.0.1", 0)
        with socket.create_connection(server.sockets[0].getsockname()) as client:
            client.sendall(LINE + b"\r\n")
            while not state.connections:  # noqa: ASYNC110 - uvicorn's state has no event
                await asyncio.sleep(0.01)
            while state.connections:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.1)
        server.close()
        for task in state.tasks:
            task.cancel()
        return "closed"

    return asyncio.run(asyncio.wait_for(serve(), 30))


def _bodies_together(_: Served) -> str:
    reader = WebhookReader(most_bytes=WEBHOOK_BYTES_AT_ONCE * 2)
    with pytest.raises(UnavailableError) as raised:
        asyncio.run(reader.read(_scope(), _Body([bytes(WEBHOOK_BYTES_AT_ONCE), b"x"])))
    return str(describe(raised.value).status)


def _full(group: ThreadGroup) -> Callable[[Served], str]:
    def fill(_: Served) -> str:
        return asyncio.run(_fill(group))

    return fill


async def _fill(group: ThreadGroup) -> str:
    ends = threading.Event()
    running = [asyncio.create_task(group.run(ends.wait)) for _ in range(group.threads + (group.waiting or 0))]
    await asyncio.sleep(0.1)
    try:
        await group.run(bool)
    except BusyError as error:
        return str(describe(error).status)
    finally:
        ends.set()
        await asyncio.gather(*running)
    return "200"


def _unread_stream(_: Served) -> str:
    seconds = asyncio.run(end_of_unread_stream())
    return "closed" if seconds >= 0.9 * QUICK else f"closed after {seconds:.1f} s"


async def _crowd_of_streams() -> str:
    class Feed:
        def listen(self, _job_id: str | None, **_: Any) -> Listener:
            return Listener(Topic(OVERVIEW), last_version=None, wake=bool, remove=lambda _listener: None)

    feed: Any = Feed()
    streams, request = EventStreams(feed), RequestFactory().get("/")
    for _ in range(MOST_STREAMS):
        await streams.open(request, last_event_id=None)
    try:
        await streams.open(request, last_event_id=None)
    except BusyError as error:
        return str(describe(error).status)
    return "200"


def _refused(words: str, path: str, **request: Any) -> Callable[[Served], str]:
    """Return a check that posts a request beyond a limit, which the problem of the answer must name."""

    def post(server: Served) -> str:
        answer = httpx.post(f"{server.url}{path}", timeout=30, **request)
        assert words in answer.json()["detail"], answer.text
        return str(answer.status_code)

    return post


def _json(text: str) -> dict[str, Any]:
    return {"content": text, "headers": {"Content-Type": "application/json"}}


def _nested(levels: int) -> str:
    return '{"message": ' + "[" * (levels - 1) + "]" * (levels - 1) + "}"


def _form(parts: int, text: str = "x") -> dict[str, Any]:
    return {"files": [("tags", (None, text))] * parts}


def _described_faults(server: Served) -> str:
    answer = httpx.post(f"{server.url}/contacts", json={f"f{number}": 1 for number in range(150)}, timeout=30)
    assert len(answer.json()["errors"]) == InvalidInputError.MOST_FAULTS
    return str(answer.status_code)


def _guesses(_: Served) -> str:
    settings = Settings(api_keys=[SecretStr("a-key-for-tests")])
    guard = KeyGuard(Broadcaster(settings), guesses=(guesses := GuessLimiter(clock=lambda: 0.0)))
    for place in range(BURST):
        assert guesses.wait_of("203.0.113.1") == 0, place
        guesses.count("203.0.113.1")
    with pytest.raises(TooManyRequestsException) as raised:
        call_guard(guard, "203.0.113.1", key="a-key-for-tests")
    return str(describe(raised.value).status)


def _sign_ins(_: Served) -> str:
    request = RequestFactory().post("/ui/session")
    request.scope["client"] = ("203.0.113.1", 50_000)
    limit, callers = sign_in_limit(), Callers(Broadcaster(Settings()))
    for place in range(FAILURES):
        assert limit.wait_of("203.0.113.1") == 0, place
        limit.count("203.0.113.1")
    with pytest.raises(TooManyRequestsException) as raised:
        asyncio.run(check_sign_in(request, callers, limit, "a-digest"))
    assert limit.wait_of("203.0.113.1") > 11
    return str(describe(raised.value).status)


class Check(NamedTuple):
    default: float
    ask: Callable[[Served], str]


DEFAULTS = Settings()
CHECKS = {
    "head of a request, trailers of a body": Check(
        limits.HEAD_BYTES, lambda server: _ask(server, "GET / HTTP/1.1\r\nX: " + "v" * limits.HEAD_BYTES)
    ),
    "time in which a head comes": Check(DEFAULTS.head_seconds, lambda server: _ask(server, "GET / HTTP/1.1\r\n")),
    "time in which the next 4 KiB of a body come": Check(
        DEFAULTS.body_seconds,
        lambda server: _post(server, "/broadcast", length=99_999, body=b" " * (limits.BODY_BYTES - 1)),
    ),
    "time in which a client reads on": Check(limits.ANSWER_SECONDS, _unread),
    "time in which the client of an event stream reads on": Check(limits.UNREAD_SECONDS, _unread_stream),
    "requests that wait on one connection": Check(limits.PIPELINED_REQUESTS, _queue),
    "open connections": Check(DEFAULTS.max_connections, _crowd),
    "body of a request": Check(
        DEFAULTS.max_body_bytes,
        lambda server: _post(server, "/broadcast", length=DEFAULTS.max_body_bytes + 1, body=b"{"),
    ),
    "JSON body, except of a submit, a preview and a tagging": Check(
        LARGEST_JSON, _refused("1,048,576 bytes", "/contacts", **_json(" " * (LARGEST_JSON + 1)))
    ),
    "JSON body of a tagging": Check(
        LARGE_JSON["largest_json"], _refused("8,388,608 bytes", "/contacts/tag", **_json(" " * (8 * limits.MIB + 1)))
    ),
    "values in a JSON body, with the same exceptions": Check(
        MOST_VALUES, _refused("5,000 values", "/contacts", **_json(f"[{'1,' * MOST_VALUES}1]"))
    ),
    "values in the JSON body of a tagging": Check(
        LARGE_JSON["most_values"], _refused("101,000 values", "/contacts/tag", **_json(f"[{'1,' * 101_000}1]"))
    ),
    "values in one field of a submit, except the recipients": Check(
        submission.MOST_VALUES,
        _refused("20,000 values", "/broadcast", **_json(f'{{"name": [{"1," * submission.MOST_VALUES}1]}}')),
    ),
    "fields of a submit": Check(
        submission.MOST_FIELDS,
        _refused("100 fields", "/broadcast", json={f"f{number}": 1 for number in range(submission.MOST_FIELDS + 1)}),
    ),
    "levels of nesting in a submit": Check(
        submission.DEEPEST, _refused("100 levels", "/broadcast", **_json(_nested(submission.DEEPEST + 2)))
    ),
    "levels of nesting in another JSON body": Check(
        200, _refused("recursion limit", "/contacts", **_json(_nested(202)))
    ),
    "query parameters": Check(
        MOST_PARAMETERS, _refused("100 query parameters", "/contacts?" + "a=1&" * (MOST_PARAMETERS + 1), json={})
    ),
    "parts of a form": Check(MOST_PARTS, _refused("segment count", "/contacts/import", **_form(MOST_PARTS + 1))),
    "texts of a form, together": Check(
        LONGEST_TEXT, _refused("262,144 bytes", "/contacts/import", **_form(2, "x" * (LONGEST_TEXT // 2 + 1)))
    ),
    "faults that an answer describes": Check(InvalidInputError.MOST_FAULTS, _described_faults),
    "wrong API keys of one address, then one a second": Check(BURST, _guesses),
    "failed sign-ins of one address, then one in 12 s": Check(FAILURES, _sign_ins),
    "body of a webhook call": Check(
        DEFAULTS.max_webhook_bytes,
        lambda server: _post(server, "/webhooks/sandbox", length=DEFAULTS.max_webhook_bytes + 1),
    ),
    "body of a webhook call that is a form": Check(
        FORM_BYTES,
        lambda server: _post(server, "/webhooks/sandbox", length=FORM_BYTES + 1, media_type=FORM),
    ),
    "fields of a webhook call's form": Check(
        FIELDS,
        lambda server: _post(server, "/webhooks/sandbox", length=2 * FIELDS, body=b"a&" * FIELDS, media_type=FORM),
    ),
    "fields of a webhook call's query string": Check(
        FIELDS, lambda server: _post(server, "/webhooks/sandbox?" + "a&" * FIELDS, length=0)
    ),
    "bodies of webhook calls on their way, together": Check(WEBHOOK_BYTES_AT_ONCE, _bodies_together),
    "submits that are stored at once": Check(SUBMITS.threads, _full(SUBMITS)),
    "event streams that are open": Check(MOST_STREAMS, lambda _: asyncio.run(_crowd_of_streams())),
    "connection tests at once": Check(TESTS.threads, _full(TESTS)),
    "tests of receivers at once": Check(RECEIVER_TESTS.threads, _full(RECEIVER_TESTS)),
    "previews at once": Check(PREVIEWS.threads, _full(PREVIEWS)),
    "imports, dry runs, uploads and exports of contacts at once": Check(FILES.threads, _full(FILES)),
}


@pytest.mark.parametrize("row", _rows(), ids=lambda row: row.limit)
def test_a_limit_is_what_the_readme_says(strict: Served, row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "ANSWER_SECONDS", QUICK)
    monkeypatch.setattr(http_protocol, "UNREAD_SECONDS", QUICK)
    check = CHECKS[row.limit]

    assert row.value == check.default
    assert not row.setting or row.setting.removeprefix("WABROADCAST_").lower() in Settings.model_fields
    assert check.ask(strict) == row.answer


def test_each_check_has_its_row() -> None:
    assert {row.limit for row in _rows()} == set(CHECKS)


def test_the_files_that_are_kept_free_are_named_in_the_readme() -> None:
    text = " ".join(Path(http_protocol.__file__).with_name("README.md").read_text(encoding="utf-8").split())

    assert f"keep {limits.RESERVED_FILES} files" in text
    assert f"Up to {SUBMITS.waiting} submits wait" in text
