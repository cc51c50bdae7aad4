"""A provider inside the test's process: it does what the test says, and writes down what started and when."""

import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel

from wabroadcast_core.errors import WebhookRefusedError
from wabroadcast_core.hookspecs import ContactSource, Sender, SenderContext, SourceContext, hookimpl
from wabroadcast_core.models.base import Model
from wabroadcast_core.models.capabilities import Capabilities
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.models.receipt import ConnectionEvent, Inbound, Receipt, WebhookRequest
from wabroadcast_core.models.recipient import AudienceRow

Decision = Callable[[str, OutgoingMessage], Exception | Accepted | None]


@dataclass(frozen=True, slots=True)
class Start:
    """One send. ``at`` is the host's clock, ``moment`` its monotonic one; both in seconds."""

    at: float
    moment: float
    connection: str
    number: str
    message_id: str
    attempt: int


class NoSettings(Model):
    """There is nothing to set."""


class ScriptedProvider:
    """A plugin with the senders ``scripted`` and ``asking`` and the contact source ``gated``.

    ``decide`` says how each send ends: what it returns is raised or answered; None accepts. ``asking`` can be asked
    who is on WhatsApp (``is_present``) and what became of a message (``find``). Webhook calls of both carry the header
    ``x-proof: right`` and a JSON list of receipts and messages. The gate, where it is closed, holds up the readers of
    the source after so many rows.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Accept all messages, know all numbers, and forget what has started."""
        self.starts: list[Start] = []
        self.decide: Decision = lambda _connection, _message: None
        self.is_present: Callable[[str], bool] = lambda _number: True
        self.find: Callable[[str], Accepted | None] = lambda _message_id: None
        self.asked: list[str] = []  # numbers and message ids
        self.gate = threading.Event()
        self.gate.set()
        self._contexts: dict[str, SenderContext] = {}

    def counts(self) -> Counter[str]:
        """How often each number was tried."""
        return Counter(start.number for start in list(self.starts))

    def tell(self, connection: str, *receipts: Receipt) -> None:
        """Let a connection's sender hear receipts."""
        self._contexts[connection].receive(receipts)

    @hookimpl
    def wab_senders(self) -> Sequence[type[Sender]]:
        provider = self

        class ScriptedSender:
            kind: ClassVar[str] = "scripted"
            Settings: ClassVar[type[BaseModel]] = NoSettings
            capabilities: ClassVar[Capabilities] = Capabilities(client_message_ids=True)

            def __init__(self, settings: Any, context: SenderContext) -> None:  # noqa: ARG002 - the protocol's
                self._connection = context.connection
                provider._contexts[context.connection] = context

            async def send(self, message: OutgoingMessage) -> Accepted:
                return provider._send(self._connection, message)

            def verify_webhook(self, request: WebhookRequest) -> str | None:
                if request.method == "GET":
                    return request.query["challenge"]
                if request.headers.get("x-proof") != "right":
                    raise WebhookRefusedError("the proof is wrong")
                return None

            def parse_webhook(self, request: WebhookRequest) -> list[Receipt | Inbound | ConnectionEvent]:
                return [_news_of(item) for item in json.loads(request.body)]

        class AskingSender(ScriptedSender):
            kind: ClassVar[str] = "asking"
            capabilities: ClassVar[Capabilities] = Capabilities(client_message_ids=True, number_check=True)

            async def check_numbers(self, numbers: Sequence[str]) -> Mapping[str, bool]:
                provider.asked += numbers
                return {number: provider.is_present(number) for number in numbers}

            async def find_message(self, message_id: str, number: str) -> Accepted | None:
                del number
                provider.asked.append(message_id)
                return provider.find(message_id)

        return [ScriptedSender, AskingSender]

    @hookimpl
    def wab_contact_sources(self) -> Sequence[type[ContactSource]]:
        provider = self

        class GatedSettings(Model):
            people: int
            held_after: int = 0

        class GatedSource:
            kind: ClassVar[str] = "gated"
            Settings: ClassVar[type[BaseModel]] = GatedSettings
            repeatable: ClassVar[bool] = True

            def __init__(self, settings: Any, context: SourceContext) -> None:  # noqa: ARG002 - the protocol's
                self._settings = settings

            def read(self) -> Iterable[AudienceRow]:
                return provider._rows(self._settings.people, self._settings.held_after)

        return [GatedSource]

    def _send(self, connection: str, message: OutgoingMessage) -> Accepted:
        start = Start(time.time(), time.monotonic(), connection, message.number, message.message_id, message.attempt)
        self.starts.append(start)
        ending = self.decide(connection, message)
        if isinstance(ending, Exception):
            raise ending
        return ending or Accepted(provider_id=f"p.{message.message_id}.{message.attempt}")

    def _rows(self, people: int, held_after: int) -> Iterator[AudienceRow]:
        for place in range(people):
            if place == held_after:
                self.gate.wait(30)
            yield AudienceRow(number=number_of(place))


class SleepyBlacklist:
    """A plugin that lists nobody. :param seconds: how long its answers take, in turn."""

    def __init__(self, *seconds: float) -> None:
        self._seconds = itertools.cycle(seconds)

    @hookimpl
    def wab_blacklisted(self, numbers: list[str]) -> dict[str, str]:  # noqa: ARG002 - the hook's
        time.sleep(next(self._seconds))
        return {}


def _news_of(item: dict[str, Any]) -> Receipt | Inbound | ConnectionEvent:
    makers: dict[str, Callable[..., Receipt | Inbound | ConnectionEvent]] = {
        "receipt": Receipt,
        "inbound": Inbound,
        "event": ConnectionEvent,
    }
    return makers[item.pop("of")](**item)


def number_of(place: int) -> str:
    """The number of the person at a place of :func:`people`."""
    return f"+62812{place:08d}"


def people(count: int) -> list[dict[str, Any]]:
    """So many recipients."""
    return [{"number": number_of(place)} for place in range(count)]


def text_to(connection: str | list[str], **fields: Any) -> dict[str, Any]:
    """A broadcast of a short text, as it is submitted."""
    return {"name": "Test", "connection": connection, "message": {"type": "text", "text": "Halo"}, **fields}
