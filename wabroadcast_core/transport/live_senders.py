"""The senders of one worker process: one for each connection, made when first used and again after a change."""

import logging
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

from wabroadcast_core.errors import ConnectionDown
from wabroadcast_core.hookspecs import Sender
from wabroadcast_core.models.receipt import ProviderEvents
from wabroadcast_core.pacing.learned_delay import LearnedDelay, TypicalDelay
from wabroadcast_core.pacing.pace import LEAD, Lateness
from wabroadcast_core.plugins import Plugins
from wabroadcast_core.snapshots import ConnectionSnapshot
from wabroadcast_core.transport.sender_contexts import SenderContexts, close_senders, make_sender
from wabroadcast_core.vault import Vault

log = logging.getLogger(__name__)

LONGEST_CLAIM = 2.5  # seconds that a claim with its checks may take without cost to the pace
LONGEST_REDIS = 0.3  # seconds that a call to Redis may take without cost to the pace


@dataclass(slots=True)
class LiveConnection:
    """A connection in this process: its sender, its requests in flight, and the timing of its starts.

    What each send asks of the connection is computed once, by :meth:`follow`.
    """

    snapshot: ConnectionSnapshot
    sender: Sender
    lateness: Lateness = field(init=False)
    has_rate: bool = field(init=False)
    checks_numbers: bool = field(init=False)  # whether each number is checked to be on WhatsApp before a send
    in_flight: int = 0
    claiming: LearnedDelay = field(default_factory=lambda: LearnedDelay(least=0.01, most=LONGEST_CLAIM))
    reserving: LearnedDelay = field(default_factory=lambda: LearnedDelay(least=0.002, most=LONGEST_REDIS))
    marking: TypicalDelay = field(default_factory=lambda: TypicalDelay(least=0.002, most=LONGEST_REDIS))
    cool_until: float = 0.0  # no message starts before, because the provider throttled (UNIX seconds)
    refused_since: float | None = None  # when the provider throttled the first message, and accepted none since
    is_probing: bool = False  # a probe is under way, which ends the silence if the provider accepts it
    late: tuple[float, float] | None = None  # the latest start, for the report to the limiter: slot, shift needed

    def __post_init__(self) -> None:
        self.follow(self.snapshot)

    def follow(self, snapshot: ConnectionSnapshot) -> None:
        """Take over the present snapshot of the connection."""
        limits = snapshot.limits
        self.snapshot = snapshot
        self.lateness = Lateness.of(limits)
        self.has_rate = limits.rate is not None
        self.checks_numbers = limits.check_numbers and self.sender.capabilities.number_check

    def lead(self, now: float) -> float:
        """Return how many seconds ahead slots are reserved: until they are known and the intents written."""
        return LEAD + self.reserving.expect(now) + self.marking.expected

    def refused_for(self, *, now: float) -> float:
        """Note that the provider throttled a message. Return for how long it has throttled every message (seconds)."""
        if self.refused_since is None:
            self.refused_since = now
        return now - self.refused_since

    def note_start(self, slot: float, shift: float, *, at: float) -> None:
        """Note the start of a message. If it is later than the margin allows, the connection's slots must be shifted.

        :param slot: of the message (UNIX seconds).
        :param shift: of the connection's slots, in seconds, when the slot was given.
        :param at: the time of the start (UNIX seconds).
        """
        needed = shift + at - slot - self.lateness.free
        if needed > shift and (self.late is None or needed > self.late[1]):
            self.late = (slot, needed)


CURRENT_START: ContextVar[tuple[LiveConnection, float, float] | None] = ContextVar("CURRENT_START", default=None)
"""The message that this task sends: its connection, its slot, and the shift of the slots when this one was given."""


class LiveSenders:
    """The senders of one worker process, by connection.

    :param contexts: makes the contexts of the senders.
    :param receive: called with a connection's id and the events that its sender passes on.
    """

    def __init__(
        self,
        plugins: Plugins,
        vault: Vault,
        contexts: SenderContexts,
        *,
        receive: Callable[[int, ProviderEvents], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plugins = plugins
        self._vault = vault
        self._contexts = contexts
        self._receive = receive
        self._now = now
        self._live: dict[int, LiveConnection] = {}
        self._replaced: list[tuple[float, Sender]] = []  # since when each is not used for new sends
        self._logged: dict[int, tuple[float, str]] = {}  # by connection id: revision and error that were logged

    def of(self, snapshot: ConnectionSnapshot) -> LiveConnection:
        """Return the live connection of a snapshot, with a sender made from the present settings.

        :raises ConnectionDown: its kind is not installed, its settings are not valid, or its secrets cannot be
            decrypted.
        """
        live = self._live.get(snapshot.id)
        if live is None:
            live = self._live[snapshot.id] = LiveConnection(snapshot, self._make(snapshot))
        elif live.snapshot.revision != snapshot.revision:
            replaced, live.sender = live.sender, self._make(snapshot)
            self._replaced.append((self._now(), replaced))
        live.follow(snapshot)
        return live

    def find_sender(self, snapshot: ConnectionSnapshot) -> Sender | None:
        """Return a connection's sender. If it cannot be made, return None and log the reason once for its settings."""
        try:
            sender = self.of(snapshot).sender
        except ConnectionDown as error:
            cause = (snapshot.revision, str(error))
            if self._logged.get(snapshot.id) != cause:
                self._logged[snapshot.id] = cause
                log.warning(
                    "connection %s: its sender cannot be made; webhook calls and unknown messages wait: %s",
                    snapshot.name,
                    error,
                )
            return None
        self._logged.pop(snapshot.id, None)
        return sender

    def end_wait(self, connection_id: int) -> None:
        """End the wait that a connection's provider asked for."""
        if (live := self._live.get(connection_id)) is not None:
            live.cool_until, live.refused_since = 0.0, None

    def name_of(self, connection_id: int) -> str | None:
        """Return the name of a connection that sends in this process."""
        live = self._live.get(connection_id)
        return None if live is None else live.snapshot.name

    async def close_replaced(self, *, after: float) -> None:
        """Close the senders whose settings were changed.

        :param after: seconds since then in which their last sends may still be under way.
        """
        before = self._now() - after
        unused = [sender for at, sender in self._replaced if at <= before]
        self._replaced = [(at, sender) for at, sender in self._replaced if at > before]
        await close_senders(unused)

    async def close(self) -> None:
        """Close all senders and their contexts."""
        replaced = [sender for _, sender in self._replaced]
        await close_senders([*replaced, *(live.sender for live in self._live.values())])
        await self._contexts.close()

    def _make(self, snapshot: ConnectionSnapshot) -> Sender:
        context = self._contexts.context_for(snapshot, receive=self._receive)
        return make_sender(self._plugins, self._vault, snapshot, context)


def departure_recorder(now: Callable[[], float]) -> Callable[[], None]:
    """Return a function that notes the departure of the current task's request as the start of its message.

    The request may leave later than the message was started. The limits must hold for the time at which the provider
    receives it.

    :param now: the clock (seconds of Redis' steady time).
    """

    def record_departure() -> None:
        if (start := CURRENT_START.get()) is not None:
            live, slot, shift = start
            live.note_start(slot, shift, at=now())

    return record_departure
