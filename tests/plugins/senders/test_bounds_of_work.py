"""What a provider sends, whatever it is, costs every built-in sender work and memory in proportion to its size.

Work is counted in calls of Python functions, and memory in allocated bytes, so that no busy machine changes them. The
documents have the provider's own names and values, which stand in the source of its sender, at random places.
"""

import asyncio
import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.plugins.senders.garbage import QUICK, json_like
from tests.work import Work
from wabroadcast_core import (
    Accepted,
    ConnectionEvent,
    Inbound,
    Receipt,
    SendError,
    Temporary,
    Throttled,
    WebhookRefusedError,
    WebhookRequest,
)
from wabroadcast_core.hookspecs import ParsesWebhooks
from wabroadcast_core.testing import fake_sender_context, message_to
from wabroadcast_core.transport.sender_contexts import close_senders
from wabroadcast_plugins import PLUGINS

SETTINGS: dict[str, dict[str, Any]] = {
    "whatsapp-cloud": {"phoneNumberId": "1055", "accessToken": "t", "appSecret": "s", "verifyToken": "v"},
    "evolution": {"baseUrl": "https://wa.example", "instance": "main", "apiKey": "k", "webhookToken": "t"},
    "waha": {"baseUrl": "https://wa.example", "apiKey": "k", "webhookSecret": "s"},
    "gowa": {"baseUrl": "https://wa.example", "webhookSecret": "s"},
    "wuzapi": {"baseUrl": "https://wa.example", "token": "t"},
    "fonnte": {"token": "t"},
    "wablas": {"baseUrl": "https://sby.wablas.com", "token": "t", "secretKey": "s"},
    "http": {
        "baseUrl": "https://wa.example",
        "send": {"body": {"to": "{{ digits }}", "text": "{{ text }}"}},
        "secrets": {"hook": "s"},
        "webhook": {
            "proof": {"kind": "header", "header": "x-hook", "secret": "hook"},
            "receipts": {"providerId": "id", "status": "status", "time": "at"},
        },
    },
}
SENDERS = {kind.kind: kind for plugin in PLUGINS if hasattr(plugin, "wab_senders") for kind in plugin.wab_senders()}
BY_HTTP = sorted(SENDERS.keys() - {"sandbox"})

FEW = settings(QUICK, max_examples=20)
FIXED_CALLS, CALLS_A_BYTE = 4_000, 4
FIXED_BYTES, BYTES_A_BYTE = 1_000_000, 80  # an empty JSON object takes 64 bytes for 3
LONGEST_ERROR = 2_000  # characters
DAY = 86_400.0
STATUSES = [200, 201, 202, 204, 301, 400, 401, 403, 404, 408, 409, 413, 422, 429, 463, 500, 502, 503, 504, 599]
WAITS = [
    "0",
    "7",
    "1e300",
    "1764288000000",
    "-1",
    "nan",
    "inf",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "\u0665",
    "soon",
    "1" * 400,
]


def test_each_built_in_sender_is_tried() -> None:
    assert set(BY_HTTP) == SETTINGS.keys()


def make_sender(kind: str, answer: Callable[[httpx.Request], httpx.Response] | None = None) -> Any:
    sender = SENDERS[kind]
    context = fake_sender_context() if answer is None else fake_sender_context(answer=answer)
    return sender(sender.Settings.model_validate(SETTINGS[kind]), context)


def documents_of(kind: str) -> st.SearchStrategy[Any]:
    """Return documents with the names and values of a provider, short ones and long ones of equal parts."""
    words = sorted(set(re.findall(r'"([^"\n{}\\]{1,30})"', _source_of(SENDERS[kind]))))
    part = json_like(words, words)
    many = st.builds(lambda item, times: [item] * times, part, st.sampled_from([1, 50, 1_000]))
    return part | many | st.dictionaries(st.sampled_from(words), many | part, min_size=1, max_size=4)


def _source_of(sender: type[Any]) -> str:
    """Return the source of a sender: that of its module, or of all modules of its package."""
    file = Path(inspect.getfile(sender))
    files = [file] if file.parent.name == "senders" else sorted(file.parent.glob("*.py"))
    return "".join(file.read_text(encoding="utf-8") for file in files)


def bodies_of(kind: str) -> st.SearchStrategy[bytes]:
    text = documents_of(kind).map(lambda document: json.dumps(document).encode())
    deep = st.sampled_from(["[", '{"data":', '{"entry":[']).map(lambda start: (start * 20_000).encode())
    return text | st.binary(max_size=200) | deep | st.text(max_size=50).map(lambda one: one.encode() * 1_000)


def assert_bounded(work: Work, size: int) -> None:
    assert work.calls <= FIXED_CALLS + CALLS_A_BYTE * size
    assert work.peak <= FIXED_BYTES + BYTES_A_BYTE * size


@pytest.mark.parametrize("kind", BY_HTTP)
def test_a_webhook_call_costs_work_by_its_size(kind: str) -> None:
    sender = make_sender(kind)
    assert isinstance(sender, ParsesWebhooks)

    @FEW
    @given(body=bodies_of(kind), as_form=st.booleans(), header=st.text(max_size=20))
    def check(body: bytes, header: str, *, as_form: bool) -> None:
        form = {"jsonData": body.decode(errors="replace")} if as_form else {}
        request = WebhookRequest(
            "POST", {"token": header}, {"x-hub-signature-256": header, "x-hook": header}, body, form
        )
        with Work() as work:
            refused = _is_refused(sender, request)
            found = sender.parse_webhook(request)

        assert refused
        assert all(isinstance(event, Receipt | Inbound | ConnectionEvent) for event in found)
        assert_bounded(work, len(body) * (1 + as_form))

    check()


def _is_refused(sender: Any, request: WebhookRequest) -> bool:
    try:
        sender.verify_webhook(request)
    except WebhookRefusedError:
        return True
    return False


@pytest.mark.parametrize("kind", BY_HTTP)
def test_the_answer_to_a_send_costs_work_by_its_size(kind: str) -> None:
    answers: list[httpx.Response] = []
    sender = make_sender(kind, lambda _: answers[-1])

    with asyncio.Runner() as runner:

        @FEW
        @given(
            body=bodies_of(kind),
            status=st.sampled_from(STATUSES),
            wait=st.none() | st.sampled_from(WAITS),
            media_type=st.sampled_from(["application/json", "text/html", "application/json; charset=utf-7", "x"]),
        )
        def check(body: bytes, status: int, wait: str | None, media_type: str) -> None:
            headers = {"Content-Type": media_type} | ({} if wait is None else {"Retry-After": wait})
            encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
            answers.append(httpx.Response(status, headers=encoded, content=body))
            with Work() as work:
                outcome = runner.run(_outcome_of(sender))

            assert _is_bounded(outcome)
            assert_bounded(work, len(body))

        check()
        runner.run(close_senders([sender]))


async def _outcome_of(sender: Any) -> Accepted | SendError:
    try:
        accepted: Accepted = await sender.send(message_to("+628123456789"))
    except SendError as error:
        return error
    return accepted


def _is_bounded(outcome: Accepted | SendError) -> bool:
    if isinstance(outcome, Temporary | Throttled) and outcome.retry_after is not None:
        assert 0 <= outcome.retry_after <= DAY
    return isinstance(outcome, Accepted) or len(str(outcome)) <= LONGEST_ERROR
