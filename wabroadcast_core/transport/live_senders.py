"""The senders of one worker process: one a connection, made when it is first used, made anew when it changes."""

import logging
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

from wabroadcast_core.errors import ConnectionDown
from wabroadcast_core.hookspecs import Sender
from wabroadcast_core.models.receipt import ProviderEvents
from wabroadcast_core.pacing.learned_delay import LearnedDelay
from wabroadcast_core.pacing.pace import LEAD, Lateness
from wabroadcast_core.plugins import Plugins
from wabroadcast_core.snapshots import ConnectionSnapshot
from wabroadcast_core.transport.sender_contexts import SenderContexts, close_sender, make_sender
from wabroadcast_core.vault import Vault

log = logging.getLogger(__name__)

LONGEST_CLAIM = 2.5  # seconds that a claim with its checks may take without cost to the pace
LONGEST_REDIS = 0.3  # seconds that a call to Redis may take without cost to the pace


def _redis_delay() -> LearnedDelay:
    return LearnedDelay(least=0.002, most=LONGEST_REDIS)


@dataclass(slots=True)
class LiveConnection:
    """A connection in this process: its sender, and how many of its requests are under way."""

    snapshot: ConnectionSnapshot
    sender: Sender
    lateness: Lateness
    in_flight: int = 0
    claiming: LearnedDelay = field(default_factory=lambda: LearnedDelay(least=0.01, most=LONGEST_CLAIM))
    reserving: LearnedDelay = field(default_factory=_redis_delay)
    marking: LearnedDelay = field(default_factory=_redis_delay)
    late: tuple[float, float] | None = None  # what the limiter is told of the latest start: slot, shift asked for

    @property
    def has_rate(self) -> bool:
        return self.snapshot.limits.rate is not None

    @property
    def checks_numbers(self) -> bool:
        """Whether it is asked who is on WhatsApp before a send."""
        return self.snapshot.limits.check_numbers and self.sender.capabilities.number_check

    def lead(self, now: float) -> float:
        """Return how many seconds ahead slots are reserved: until they are known, and the intents written."""
        return LEAD + self.reserving.expect(now) + self.marking.expect(now)

    def note_start(self, slot: float, shift: float, *, at: float) -> None:
        """A message leaves now. What leaves later than the margin bears shifts the connection's row of slots."""
        asked = shift + at - slot - self.lateness.free
        if asked > shift and (self.late is None or asked > self.late[1]):
            self.late = (slot, asked)


STARTING: ContextVar[tuple[LiveConnection, float, float] | None] = ContextVar("STARTING", default=None)
"""The message that is being sent here: its connection, its slot, and the shift of the row when that was given."""


class LiveSenders:
    """:param receive: takes what senders heard from their provider: connection id, news."""

    def __init__(
        self, plugins: Plugins, vault: Vault, lending: SenderContexts, *, receive: Callable[[int, ProviderEvents], None]
    ) -> None:
        self._plugins = plugins
        self._vault = vault
        self._lending = lending
        self._receive = receive
        self._live: dict[int, LiveConnection] = {}

    def of(self, snapshot: ConnectionSnapshot) -> LiveConnection:
        """The live connection, with a sender made from its present settings.

        :raises ConnectionDown: its kind is not installed, its settings do not fit, its secrets cannot be opened.
        """
        live = self._live.get(snapshot.id)
        if live is None:
            live = self._live[snapshot.id] = LiveConnection(
                snapshot, self._make(snapshot), Lateness.of(snapshot.limits)
            )
        elif live.snapshot.revision != snapshot.revision:
            live.sender = self._make(snapshot)
        if live.snapshot.limits is not snapshot.limits:
            live.lateness = Lateness.of(snapshot.limits)
        live.snapshot = snapshot
        return live

    def find_sender(self, snapshot: ConnectionSnapshot) -> Sender | None:
        """Return a connection's sender; None, with a line in the log, if it cannot be made."""
        try:
            return self.of(snapshot).sender
        except ConnectionDown as error:
            log.warning("connection %s: its sender cannot be made: %s", snapshot.name, error)
            return None

    def name_of(self, connection_id: int) -> str | None:
        """Return the name of a connection that sends in this process."""
        live = self._live.get(connection_id)
        return None if live is None else live.snapshot.name

    async def close(self) -> None:
        for live in self._live.values():
            await close_sender(live.sender)
        await self._lending.close()

    def _make(self, snapshot: ConnectionSnapshot) -> Sender:
        context = self._lending.context_for(snapshot, receive=self._receive)
        return make_sender(self._plugins, self._vault, snapshot, context)


def note_departure(now: Callable[[], float]) -> Callable[[], None]:
    """What tells the limiter of a request that leaves now, later than its message was started: limits are kept at the
    provider's door.
    """

    def note() -> None:
        if (start := STARTING.get()) is not None:
            live, slot, shift = start
            live.note_start(slot, shift, at=now())

    return note
