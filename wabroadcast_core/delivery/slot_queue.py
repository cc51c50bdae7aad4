"""The messages of one turn between claim and start, in the order of their slots.

Planners fill the queue, the dispatcher empties it. It also accounts for the turn's slots, so that the limiter learns
which of them were not used.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from wabroadcast_core.control.announcements import Announcement
from wabroadcast_core.models.message import OutgoingMessage
from wabroadcast_core.pacing.pace import SlotReport
from wabroadcast_core.snapshots import BroadcastSnapshot
from wabroadcast_core.store.claims import Claimed
from wabroadcast_core.transport.live_senders import LiveConnection


@dataclass(slots=True)
class PendingSend:
    """A claimed and rendered message on its way to its slot."""

    claimed: Claimed
    message: OutgoingMessage
    broadcast: BroadcastSnapshot
    ready_at: float
    slot: float = 0.0  # unset until it has one
    shift: float = 0.0  # of the connection's row of slots when the slot was given
    dropped: bool = False  # cancelled, paused or opted out: it must not start


class SlotQueue:
    """The pending sends of one turn."""

    def __init__(self, connection_id: int) -> None:
        self.connection_id = connection_id
        self.live: LiveConnection | None = None  # through which they are sent
        self.late: deque[PendingSend] = deque()  # gave up their slots, and wait for others
        self._ended = False
        self._filled = asyncio.Event()
        self._order: deque[PendingSend] = deque()
        self._waiting: dict[int, PendingSend] = {}  # by message key, the late ones too
        self._requested = 0  # messages that slots or claims are being requested for
        self._collecting: dict[int, list[Announcement]] = {}  # announcements since, for each claim under way
        self._alarms: list[asyncio.Event] = []
        self._report = SlotReport()
        self._last_slot = 0.0

    @property
    def load(self) -> int:
        """How many requests the queue will lead to: pending sends, and those being requested."""
        return self._requested + len(self._waiting)

    # --- being filled ------------------------------------------------------------------------------------------

    def new_alarm(self) -> asyncio.Event:
        """Return an event that :meth:`wake` sets; the caller clears it."""
        alarm = asyncio.Event()
        self._alarms.append(alarm)
        return alarm

    def wake(self) -> None:
        """Make the planners look again: new work came, or control changed something."""
        for alarm in self._alarms:
            alarm.set()

    @contextlib.contextmanager
    def requesting(self, count: int) -> Iterator[None]:
        """Count ``count`` messages as load while slots and claims are requested for them."""
        self._requested += count
        try:
            yield
        finally:
            self._requested -= count

    @contextlib.contextmanager
    def collecting_announcements(self) -> Iterator[list[Announcement]]:
        """Collect what is announced while a claim is under way; the claim saw earlier changes in the store."""
        announced: list[Announcement] = []
        self._collecting[id(announced)] = announced
        try:
            yield announced
        finally:
            del self._collecting[id(announced)]

    def enqueue(self, pending: PendingSend, slot: float, *, shift: float) -> None:
        """Give a message its slot."""
        pending.slot, pending.shift = slot, shift
        self._waiting[pending.claimed.key] = pending
        self._order.append(pending)
        self._filled.set()

    def on_announcement(self, announcement: Announcement) -> None:
        """Drop what must not start any more; what is still being claimed is dropped once it is claimed."""
        for announced in self._collecting.values():
            announced.append(announcement)
        self.drop_concerned([announcement], self._waiting.values())
        self.wake()

    def drop_concerned(self, announced: Iterable[Announcement], among: Iterable[PendingSend]) -> None:
        """Drop the messages that announcements concern.

        :param among: no messages that were claimed after the announcement: a pause may have been taken back since.
        """
        for announcement in announced:
            for pending in among:
                pending.dropped = pending.dropped or announcement.concerns(self.connection_id, pending.claimed)

    def end(self) -> None:
        """Declare that no more messages will come."""
        self._ended = True
        self._filled.set()

    # --- being emptied -----------------------------------------------------------------------------------------

    async def first_slot(self) -> float | None:
        """Wait for a message and return its slot; None when the queue is empty and no more messages will come."""
        while not self._order:
            if self._ended:
                return None
            self._filled.clear()
            await self._filled.wait()
        return self._order[0].slot

    def pop_until(self, slot: float, *, most: int) -> Iterator[PendingSend]:
        """Yield the first messages, up to a slot. They count as load until :meth:`remove`."""
        order = self._order
        while most and order and order[0].slot <= slot:
            most -= 1
            yield order.popleft()

    def remove(self, pending: PendingSend) -> None:
        """Forget a message: it starts now, or goes back to the store."""
        self._waiting.pop(pending.claimed.key, None)

    def give_up_slot(self, pending: PendingSend) -> None:
        """Let a message that missed its slot wait for another one."""
        self.release_slot(pending.slot)
        self.late.append(pending)
        self.wake()

    # --- its slots ---------------------------------------------------------------------------------------------

    def note_reserved(self, slots: Sequence[float]) -> None:
        """Remember the last slot that was reserved for this queue."""
        self._last_slot = slots[-1]

    def release_slot(self, slot: float) -> None:
        """Report that no message starts at a slot."""
        self._report.unused.append(slot)
        if slot == self._last_slot and self._report.tail is None:
            self._report.tail = (slot, slot)

    def release_scattered(self, slots: Iterable[float]) -> None:
        """Report that no message starts at these slots, which may lie anywhere."""
        self._report.unused += slots

    def release_tail(self, slots: Sequence[float]) -> None:
        """Report that no message starts at these slots, the last of those that were given out together."""
        self._report.unused += slots
        self._report.tail = (slots[0], slots[-1])

    def take_report(self) -> SlotReport:
        """Return what became of the slots since the last report."""
        report, self._report = self._report, SlotReport()
        if self.live is not None:
            report.late, self.live.late = self.live.late, None
        return report
