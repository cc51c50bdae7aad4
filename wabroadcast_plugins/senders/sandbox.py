"""A simulated provider for tests and demonstrations. It takes time, gives receipts and fails, but sends nothing.

Hooks: wab_senders. Settings: latencySeconds, receipts, deliveredSeconds, readSeconds, readShare.

It uses no service and no network. Messages to the numbers +1 867 555 0101 to 0113 end as ``TEST_NUMBERS`` says. They
are in a block that is reserved for fiction, so other test data does not have them.

Messages to all other numbers are accepted, delivered and, for a share of them, read. If ``receipts`` is off, 0110 and
0111 get no receipts either. Each process remembers the last 10,000 throttled messages, so that it throttles them only
once.
"""

import asyncio
import heapq
import time
import zlib
from collections.abc import Callable, Mapping
from itertools import count
from typing import ClassVar, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

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
    Sentence,
    Temporary,
    Throttled,
    hookimpl,
)
from wabroadcast_plugins.senders.reasons import SANDBOX_REASONS
from wabroadcast_plugins.senders.sentences import say
from wabroadcast_plugins.senders.shared.media import MEGABYTE

MOST_THROTTLED: Final = 10_000  # message ids
MOST_PENDING: Final = 200_000  # receipts; beyond this, new ones are lost, as happens with real providers
BATCH_SECONDS: Final = 0.02  # receipts that are due within this time are delivered together
RETRY_AFTER: Final = 1.0  # seconds

TEST_PREFIX: Final = "+1867555"
TEST_NUMBERS: Final[Mapping[str, str]] = {
    "0101": "fails at the first attempt, is accepted at the second",
    "0102": "fails at every attempt, as if the provider were busy",
    "0103": "is rejected",
    "0104": "is rejected, and the person is opted out",
    "0105": "is refused for all recipients: the broadcast is paused",
    "0106": "is throttled at first, then accepted",
    "0107": "is throttled for this recipient only, then accepted",
    "0108": "is not sent, because the account is logged out: the connection is paused",
    "0109": "gets no answer, and no receipt follows: the outcome is unknown",
    "0110": "gets no answer, but a receipt follows",
    "0111": "is accepted, then a receipt says that it failed",
    "0112": "fails by a bug of the plugin",
    "0113": "is accepted, and no receipt follows",
}
"""How a message to a test number ends, by the last four digits."""

_FAILURES: Final[Mapping[str, Callable[[], Exception]]] = {
    "0101": lambda: Temporary("sandbox_temporary", _explain("sandbox_first_fails", "0101")),
    "0102": lambda: Temporary("sandbox_temporary", _explain("sandbox_all_fail", "0102")),
    "0103": lambda: Rejected("sandbox_rejected", _explain("sandbox_rejects", "0103")),
    "0104": lambda: Rejected("sandbox_opt_out", _explain("sandbox_opts_out", "0104"), opt_out=True),
    "0105": lambda: BadMessage("sandbox_bad_message", _explain("sandbox_refuses", "0105")),
    "0106": lambda: Throttled("sandbox_throttled", _explain("sandbox_throttles", "0106"), retry_after=RETRY_AFTER),
    "0107": lambda: Throttled("sandbox_throttled", _explain("sandbox_throttles_recipient", "0107"), scope="recipient"),
    "0108": lambda: ConnectionDown("sandbox_down", _explain("sandbox_logged_out", "0108")),
    "0109": lambda: OutcomeUnknown("sandbox_no_answer", _explain("sandbox_no_answer", "0109")),
    "0110": lambda: OutcomeUnknown("sandbox_no_answer", _explain("sandbox_late_answer", "0110")),
    "0112": lambda: SimulatedBugError(_explain("sandbox_has_bug", "0112")),
}
_FAILS_FIRST_ATTEMPT: Final = "0101"
_THROTTLED_ONCE: Final = frozenset({"0106", "0107"})
_SETTLED_BY_RECEIPT: Final = "0110"
_LATE_FAILURE: Final = "0111"
_NO_RECEIPT: Final = "0113"


class SimulatedBugError(RuntimeError):
    """A bug of the plugin. A message shows the name of the class as its reason."""


def _explain(event: str, ending: str) -> Sentence:
    """Return the reason of a simulated failure, with its cause: the number.

    :param event: the code of what happens.
    """
    return say("simulated", event=say(event), ending=ending)


def describe_test_numbers() -> str:
    """Return the test numbers, one on each line, with what happens to a message."""
    lines = [f"+1 867 555 {ending}: the message {event}" for ending, event in TEST_NUMBERS.items()]
    return "\n".join(["A simulated provider: it sends nothing to real phones. Its test numbers:", *lines])


class SandboxSettings(Model):
    """How the simulated provider behaves; all times are in seconds."""

    model_config = ConfigDict(json_schema_extra=lambda schema: schema.update(description=describe_test_numbers()))

    latency_seconds: float = Field(0.05, ge=0, le=60, description="How long each send takes.")
    receipts: bool = Field(True, description="Whether receipts follow.")
    delivered_seconds: float = Field(0.2, ge=0, le=3_600, description="From acceptance to the delivered receipt.")
    read_seconds: float = Field(0.5, ge=0, le=3_600, description="From acceptance to the read receipt.")
    read_share: float = Field(0.6, ge=0, le=1, description="Share of the messages that are read.")


class SandboxSender:
    """The sender that simulates a provider."""

    kind: ClassVar[str] = "sandbox"
    reasons = SANDBOX_REASONS
    Settings: ClassVar[type[BaseModel]] = SandboxSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        types=frozenset({"text", "image", "document", "audio", "video", "template"}),
        media_bytes={
            "image": 5 * MEGABYTE,
            "document": 100 * MEGABYTE,
            "audio": 16 * MEGABYTE,
            "video": 16 * MEGABYTE,
        },
        simulated=True,
        test_numbers={f"{TEST_PREFIX}{ending}": f"the message {event}" for ending, event in TEST_NUMBERS.items()},
    )

    def __init__(self, settings: SandboxSettings, context: SenderContext) -> None:
        self._settings = settings
        self._pending = _PendingReceipts(context)
        self._throttled: dict[str, None] = {}  # message ids, the oldest first

    async def send(self, message: OutgoingMessage) -> Accepted:
        if self._settings.latency_seconds:
            await asyncio.sleep(self._settings.latency_seconds)
        ending = message.number.removeprefix(TEST_PREFIX)
        failure = self._failure_of(message, ending)
        if failure is None or ending == _SETTLED_BY_RECEIPT:
            self._plan_receipts(message, ending)
        if failure is not None:
            raise failure
        return Accepted(provider_id=_provider_id(message.message_id))

    async def check_connection(self) -> ConnectionEvent:
        return ConnectionEvent("up", say("sandbox_ready"))

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
        error = Rejected("sandbox_undeliverable", _explain("sandbox_not_delivered", _LATE_FAILURE))
    return Receipt(
        due.kind, at=time.time(), message_id=due.message_id, provider_id=_provider_id(due.message_id), error=error
    )


def _provider_id(message_id: str) -> str:
    return f"sandbox.{message_id}"


def _share_of(message_id: str) -> float:
    """Return a number in [0, 1) that is always the same for a message, so that a run can be repeated."""
    return zlib.crc32(message_id.encode()) / 2**32
