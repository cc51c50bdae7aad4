"""A provider to try everything out with: it takes time, gives receipts and fails, and sends nothing to anyone.

Hooks: wab_senders. Settings: latencySeconds, receipts, deliveredSeconds, readSeconds, readShare.

How a send ends is decided by the last four digits of the number:

====  ==========================================================================================
0001  Temporary at the first attempt, accepted at the second
0002  Temporary at every attempt
0003  Rejected
0004  Rejected, the person opted out
0005  BadMessage: nobody ever gets this message
0006  Throttled the first time a message is seen, with a Retry-After of 1 s; accepted afterwards
0007  Throttled for this recipient only, the first time a message is seen; accepted afterwards
0008  ConnectionDown at every attempt
0009  OutcomeUnknown, and nothing is ever heard of it
0010  OutcomeUnknown, settled by a receipt for our message id
0011  accepted, and a late receipt says that it failed
0012  a bug of the plugin: a RuntimeError
0013  accepted, and no receipt ever comes
====  ==========================================================================================

Any other number is accepted, delivered and, for a share of them, read. Without receipts, nothing is heard of
0010 and 0011 either. What was seen before is remembered for the last 10,000 throttled messages of a process.
"""

import asyncio
import heapq
import time
import zlib
from collections.abc import Callable, Mapping
from itertools import count
from typing import ClassVar, Final, Literal, NamedTuple

from pydantic import BaseModel, Field

from wabroadcast_core import (
    Accepted,
    BadMessage,
    Capabilities,
    ConnectionDown,
    ConnectionEvent,
    Model,
    OutcomeUnknown,
    OutgoingMessage,
    Receipt,
    Rejected,
    Sender,
    SenderContext,
    SendError,
    Temporary,
    Throttled,
    hookimpl,
)

MOST_SEEN: Final = 10_000
MOST_PENDING: Final = 200_000  # receipts under way; beyond it new ones are lost, as they are with providers
TICK: Final = 0.02  # seconds; receipts due so close together are handed over at once
RETRY_AFTER: Final = 1.0  # seconds
_MEGABYTE: Final = 1024 * 1024

_FAILURES: Final[Mapping[str, Callable[[], Exception]]] = {
    "0001": lambda: Temporary("sandbox_temporary", "the sandbox fails this number once"),
    "0002": lambda: Temporary("sandbox_temporary", "the sandbox fails this number every time"),
    "0003": lambda: Rejected("sandbox_rejected", "the sandbox rejects this number"),
    "0004": lambda: Rejected("sandbox_opt_out", "the person wants no messages", opt_out=True),
    "0005": lambda: BadMessage("sandbox_bad_message", "the sandbox refuses this message for everyone"),
    "0006": lambda: Throttled("sandbox_throttled", "too many messages", retry_after=RETRY_AFTER),
    "0007": lambda: Throttled("sandbox_throttled", "too many messages to this person", scope="recipient"),
    "0008": lambda: ConnectionDown("sandbox_down", "the sandbox's account was logged out"),
    "0009": lambda: OutcomeUnknown("sandbox_no_answer", "the sandbox gave no answer"),
    "0010": lambda: OutcomeUnknown("sandbox_no_answer", "the sandbox gave no answer, a receipt follows"),
    "0012": lambda: RuntimeError("the sandbox plays a bug"),
}
_PASSES_BY_ATTEMPT: Final = "0001"
_PASS_ONCE_SEEN: Final = frozenset({"0006", "0007"})
_SETTLED_LATER: Final = "0010"
_FAILS_LATER: Final = "0011"
_SILENT: Final = "0013"


class SandboxSettings(Model):
    """How the provider behaves; all durations are seconds."""

    latency_seconds: float = Field(0.05, ge=0, le=60, description="How long each send takes.")
    receipts: bool = Field(True, description="Whether anything is heard of a message later.")
    delivered_seconds: float = Field(0.2, ge=0, le=3_600, description="From acceptance to the delivered receipt.")
    read_seconds: float = Field(0.5, ge=0, le=3_600, description="From acceptance to the read receipt.")
    read_share: float = Field(0.6, ge=0, le=1, description="Share of the messages that are read.")


class SandboxSender:
    kind: ClassVar[str] = "sandbox"
    Settings: ClassVar[type[BaseModel]] = SandboxSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        types=frozenset({"text", "image", "document", "audio", "video", "template"}),
        media_bytes={
            "image": 5 * _MEGABYTE,
            "document": 100 * _MEGABYTE,
            "audio": 16 * _MEGABYTE,
            "video": 16 * _MEGABYTE,
        },
        client_message_ids=True,
    )

    def __init__(self, settings: SandboxSettings, context: SenderContext) -> None:
        self._settings = settings
        self._post = _Post(context)
        self._seen: dict[str, None] = {}  # message ids, the oldest first

    async def send(self, message: OutgoingMessage) -> Accepted:
        if self._settings.latency_seconds:
            await asyncio.sleep(self._settings.latency_seconds)
        ending = message.number[-4:]
        failure = self._failure_of(message, ending)
        if failure is None or ending == _SETTLED_LATER:
            self._plan_receipts(message, ending)
        if failure is not None:
            raise failure
        return Accepted(provider_id=_provider_id(message.message_id))

    async def check_connection(self) -> ConnectionEvent:
        return ConnectionEvent("up", "it plays a provider, and reaches nobody")

    async def aclose(self) -> None:
        self._post.stop()

    def _failure_of(self, message: OutgoingMessage, ending: str) -> Exception | None:
        make = _FAILURES.get(ending)
        passed = (ending == _PASSES_BY_ATTEMPT and message.attempt > 1) or (
            ending in _PASS_ONCE_SEEN and self._was_seen(message.message_id)
        )
        return None if make is None or passed else make()

    def _was_seen(self, message_id: str) -> bool:
        """Throttling uses up no attempt, so the attempt's number does not tell."""
        if message_id in self._seen:
            return True
        self._seen[message_id] = None
        if len(self._seen) > MOST_SEEN:
            del self._seen[next(iter(self._seen))]
        return False

    def _plan_receipts(self, message: OutgoingMessage, ending: str) -> None:
        settings = self._settings
        if not settings.receipts or ending == _SILENT:
            return
        if ending == _FAILS_LATER:
            self._post.add("failed", message.message_id, after=settings.delivered_seconds)
            return
        self._post.add("delivered", message.message_id, after=settings.delivered_seconds)
        if _share_of(message.message_id) < settings.read_share:
            self._post.add("read", message.message_id, after=settings.read_seconds)


@hookimpl
def wab_senders() -> list[type[Sender]]:
    return [SandboxSender]


ReceiptKind = Literal["delivered", "read", "failed"]


class _Due(NamedTuple):
    at: float  # of the loop's clock
    order: int
    kind: ReceiptKind
    message_id: str


class _Post:
    """Receipts on their way: one timer for all of them, none while there are none."""

    def __init__(self, context: SenderContext) -> None:
        self._context = context
        self._due: list[_Due] = []  # a heap
        self._order = count()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, kind: ReceiptKind, message_id: str, *, after: float) -> None:
        if len(self._due) == MOST_PENDING:
            return
        loop = asyncio.get_running_loop()
        heapq.heappush(self._due, _Due(loop.time() + after, next(self._order), kind, message_id))
        self._set_timer(loop)

    def stop(self) -> None:
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        first = self._due[0].at
        if self._timer is not None and self._loop is loop:
            if self._timer.when() <= first + TICK:
                return
            self._timer.cancel()
        self._loop, self._timer = loop, loop.call_at(first, self._deliver, loop)

    def _deliver(self, loop: asyncio.AbstractEventLoop) -> None:
        horizon = loop.time() + TICK
        receipts: list[Receipt] = []
        while self._due and self._due[0].at <= horizon:
            receipts.append(_receipt_of(heapq.heappop(self._due)))
        self._timer = None
        if self._due:
            self._set_timer(loop)
        self._context.receive(receipts)


def _receipt_of(due: _Due) -> Receipt:
    error: SendError | None = None
    if due.kind == "failed":
        error = Rejected("sandbox_undeliverable", "the sandbox could not deliver it after all")
    return Receipt(
        due.kind, at=time.time(), message_id=due.message_id, provider_id=_provider_id(due.message_id), error=error
    )


def _provider_id(message_id: str) -> str:
    return f"sandbox.{message_id}"


def _share_of(message_id: str) -> float:
    """A number of [0, 1) that stays with the message, so that a run can be repeated."""
    return zlib.crc32(message_id.encode()) / 2**32
