"""The senders of one worker process: one for each connection, made when first used and again after a change."""

import logging
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from wabroadcast_core.errors import ConnectionDown
from wabroadcast_core.hookspecs import Sender
from wabroadcast_core.models.receipt import ProviderEvents
from wabroadcast_core.pacing.pace import LEAD, LONGEST_LEAD, Lateness, longest_lead
from wabroadcast_core.plugins import Plugins
from wabroadcast_core.snapshots import ConnectionSnapshot
from wabroadcast_core.transport.sender_contexts import SenderContexts, close_sender, make_sender
from wabroadcast_core.vault import Vault

log = logging.getLogger(__name__)

SPARE = 1.25  # the lead is set to this multiple of the time that was needed
REMEMBERED = 0.9  # the lead falls at most to this share of the lead before


@dataclass(slots=True)
class LiveConnection:
    """A connection in this process: its sender, its requests in flight, and the timing of its starts."""

    snapshot: ConnectionSnapshot
    sender: Sender
    lateness: Lateness
    in_flight: int = 0
    measured_lead: float = LEAD  # seconds from reserving slots to having messages ready for them, with a reserve
    late: tuple[float, float] | None = None  # the latest start, for the report to the limiter: slot, shift needed

    @property
    def has_rate(self) -> bool:
        """Whether the connection has a rate limit."""
        return self.snapshot.limits.rate is not None

    @property
    def checks_numbers(self) -> bool:
        """Whether each number is checked to be on WhatsApp before a send."""
        return self.snapshot.limits.check_numbers and self.sender.capabilities.number_check

    @property
    def lead(self) -> float:
        """How far ahead slots are reserved, in seconds."""
        return min(self.measured_lead, longest_lead(self.snapshot.limits))

    def update_lead(self, seconds: float) -> None:
        """Set the lead from the time that it took now: a little longer, and never much shorter than before.

        :param seconds: from reserving slots to having messages ready for them.
        """
        self.measured_lead = min(max(LEAD, SPARE * seconds, REMEMBERED * self.measured_lead), LONGEST_LEAD)

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
    ) -> None:
        self._plugins = plugins
        self._vault = vault
        self._contexts = contexts
        self._receive = receive
        self._live: dict[int, LiveConnection] = {}
        self._logged: dict[int, tuple[float, str]] = {}  # by connection id: revision and error that were logged

    def of(self, snapshot: ConnectionSnapshot) -> LiveConnection:
        """Return the live connection of a snapshot, with a sender made from the present settings.

        :raises ConnectionDown: its kind is not installed, its settings are not valid, or its secrets cannot be
            decrypted.
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

    def name_of(self, connection_id: int) -> str | None:
        """Return the name of a connection that sends in this process."""
        live = self._live.get(connection_id)
        return None if live is None else live.snapshot.name

    async def close(self) -> None:
        """Close all senders and their contexts."""
        for live in self._live.values():
            await close_sender(live.sender)
        await self._contexts.close()

    def _make(self, snapshot: ConnectionSnapshot) -> Sender:
        context = self._contexts.context_for(snapshot, receive=self._receive)
        return make_sender(self._plugins, self._vault, snapshot, context)


def departure_recorder(now: Callable[[], float]) -> Callable[[], None]:
    """Return a function that notes the departure of the current task's request as the start of its message.

    The request may leave later than the message was started. The limits must hold for the time at which the provider
    receives it.

    :param now: the clock (UNIX seconds, Redis' time).
    """

    def record_departure() -> None:
        if (start := CURRENT_START.get()) is not None:
            live, slot, shift = start
            live.note_start(slot, shift, at=now())

    return record_departure
