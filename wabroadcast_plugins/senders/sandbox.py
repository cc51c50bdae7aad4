"""A simulated provider for tests and demonstrations. It takes time, gives receipts and fails, but sends nothing.

Hooks: wab_senders. Settings: latencySeconds, receipts, deliveredSeconds, readSeconds, readShare.

It uses no service and no network. The last four digits of the number decide how a send ends:

====  ==========================================================================================
0001  Temporary at the first attempt, accepted at the second
0002  Temporary at every attempt
0003  Rejected
0004  Rejected, and the recipient is opted out
0005  BadMessage: no recipient can receive this message
0006  Throttled at the first send of a message, with a Retry-After of 1 s; accepted afterwards
0007  Throttled for this recipient only, at the first send of a message; accepted afterwards
0008  ConnectionDown at every attempt
0009  OutcomeUnknown, and no receipt follows
0010  OutcomeUnknown, settled by a receipt for our message id
0011  accepted, then a receipt says that it failed
0012  a bug of the plugin: a RuntimeError
0013  accepted, and no receipt follows
====  ==========================================================================================

Messages to other numbers are accepted, delivered and, for a share of them, read. If ``receipts`` is off, 0010 and 0011
get no receipts either. Each process remembers the last 10,000 throttled messages, so that it throttles them only once.
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
from wabroadcast_plugins.senders.shared.media import MEGABYTE

MOST_THROTTLED: Final = 10_000  # message ids
MOST_PENDING: Final = 200_000  # receipts; beyond this, new ones are lost, as happens with real providers
BATCH_SECONDS: Final = 0.02  # receipts that are due within this time are delivered together
RETRY_AFTER: Final = 1.0  # seconds

_FAILURES: Final[Mapping[str, Callable[[], Exception]]] = {
    "0001": lambda: Temporary("sandbox_temporary", "the sandbox fails this number once"),
    "0002": lambda: Temporary("sandbox_temporary", "the sandbox fails this number every time"),
    "0003": lambda: Rejected("sandbox_rejected", "the sandbox rejects this number"),
    "0004": lambda: Rejected("sandbox_opt_out", "the recipient has opted out", opt_out=True),
    "0005": lambda: BadMessage("sandbox_bad_message", "the sandbox refuses this message for all recipients"),
    "0006": lambda: Throttled("sandbox_throttled", "too many messages", retry_after=RETRY_AFTER),
    "0007": lambda: Throttled("sandbox_throttled", "too many messages to this recipient", scope="recipient"),
    "0008": lambda: ConnectionDown("sandbox_down", "the sandbox's account was logged out"),
    "0009": lambda: OutcomeUnknown("sandbox_no_answer", "the sandbox gave no answer"),
    "0010": lambda: OutcomeUnknown("sandbox_no_answer", "the sandbox gave no answer, but a receipt follows"),
    "0012": lambda: RuntimeError("the sandbox simulates a bug"),
}
_FAILS_FIRST_ATTEMPT: Final = "0001"
_THROTTLED_ONCE: Final = frozenset({"0006", "0007"})
_SETTLED_BY_RECEIPT: Final = "0010"
_LATE_FAILURE: Final = "0011"
_NO_RECEIPT: Final = "0013"


class SandboxSettings(Model):
    """How the simulated provider behaves; all times are in seconds."""

    latency_seconds: float = Field(0.05, ge=0, le=60, description="How long each send takes.")
    receipts: bool = Field(True, description="Whether receipts follow.")
    delivered_seconds: float = Field(0.2, ge=0, le=3_600, description="From acceptance to the delivered receipt.")
    read_seconds: float = Field(0.5, ge=0, le=3_600, description="From acceptance to the read receipt.")
    read_share: float = Field(0.6, ge=0, le=1, description="Share of the messages that are read.")


class SandboxSender:
    """The sender that simulates a provider."""

    kind: ClassVar[str] = "sandbox"
    Settings: ClassVar[type[BaseModel]] = SandboxSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        types=frozenset({"text", "image", "document", "audio", "video", "template"}),
        media_bytes={
            "image": 5 * MEGABYTE,
            "document": 100 * MEGABYTE,
            "audio": 16 * MEGABYTE,
            "video": 16 * MEGABYTE,
        },
        client_message_ids=True,
    )

    def __init__(self, settings: SandboxSettings, context: SenderContext) -> None:
        self._settings = settings
        self._pending = _PendingReceipts(context)
        self._throttled: dict[str, None] = {}  # message ids, the oldest first

    async def send(self, message: OutgoingMessage) -> Accepted:
        if self._settings.latency_seconds:
            await asyncio.sleep(self._settings.latency_seconds)
        ending = message.number[-4:]
        failure = self._failure_of(message, ending)
        if failure is None or ending == _SETTLED_BY_RECEIPT:
            self._plan_receipts(message, ending)
        if failure is not None:
            raise failure
        return Accepted(provider_id=_provider_id(message.message_id))

    async def check_connection(self) -> ConnectionEvent:
        return ConnectionEvent("up", "the sandbox is ready; it sends nothing to real numbers")

    async def aclose(self) -> None:
        self._pending.stop()

    def _failure_of(self, message: OutgoingMessage, ending: str) -> Exception | None:
        make = _FAILURES.get(ending)
        succeeds = (ending == _FAILS_FIRST_ATTEMPT and message.attempt > 1) or (
            ending in _THROTTLED_ONCE and self._was_throttled(message.message_id)
        )
        return None if make is None or succeeds else make()

    def _was_throttled(self, message_id: str) -> bool:
        """Check whether a message was throttled before, and record it. Its attempt number stays 1 after throttling."""
        if message_id in self._throttled:
            return True
        self._throttled[message_id] = None
        if len(self._throttled) > MOST_THROTTLED:
            del self._throttled[next(iter(self._throttled))]
        return False

    def _plan_receipts(self, message: OutgoingMessage, ending: str) -> None:
        settings = self._settings
        if not settings.receipts or ending == _NO_RECEIPT:
            return
        if ending == _LATE_FAILURE:
            self._pending.add("failed", message.message_id, after=settings.delivered_seconds)
            return
        self._pending.add("delivered", message.message_id, after=settings.delivered_seconds)
        if _share_of(message.message_id) < settings.read_share:
            self._pending.add("read", message.message_id, after=settings.read_seconds)


@hookimpl
def wab_senders() -> list[type[Sender]]:
    return [SandboxSender]


ReceiptKind = Literal["delivered", "read", "failed"]


class _Due(NamedTuple):
    at: float  # of the loop's clock
    order: int
    kind: ReceiptKind
    message_id: str


class _PendingReceipts:
    """Receipts that are not due yet, with one timer for all of them, and none while there are no receipts."""

    def __init__(self, context: SenderContext) -> None:
        self._context = context
        self._due: list[_Due] = []  # a heap
        self._order = count()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, kind: ReceiptKind, message_id: str, *, after: float) -> None:
        """Deliver a receipt after this many seconds."""
        if len(self._due) == MOST_PENDING:
            return
        loop = asyncio.get_running_loop()
        heapq.heappush(self._due, _Due(loop.time() + after, next(self._order), kind, message_id))
        self._set_timer(loop)

    def stop(self) -> None:
        """Drop all receipts that are not due yet."""
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        first = self._due[0].at
        if self._timer is not None and self._loop is loop:
            if self._timer.when() <= first + BATCH_SECONDS:
                return
            self._timer.cancel()
        self._loop, self._timer = loop, loop.call_at(first, self._deliver, loop)

    def _deliver(self, loop: asyncio.AbstractEventLoop) -> None:
        horizon = loop.time() + BATCH_SECONDS
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
        error = Rejected("sandbox_undeliverable", "the sandbox could not deliver the message")
    return Receipt(
        due.kind, at=time.time(), message_id=due.message_id, provider_id=_provider_id(due.message_id), error=error
    )


def _provider_id(message_id: str) -> str:
    return f"sandbox.{message_id}"


def _share_of(message_id: str) -> float:
    """Return a number in [0, 1) that is always the same for a message, so that a run can be repeated."""
    return zlib.crc32(message_id.encode()) / 2**32
