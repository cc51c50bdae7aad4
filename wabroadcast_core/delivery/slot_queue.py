"""The messages of one turn between claim and start: ready ones without a slot, and those in the order of their slots.

The planner adds ready messages, the scheduler gives them slots, the dispatcher starts them. The queue also accounts for
the turn's slots, so that the limiter learns which of them were not used.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from wabroadcast_core.control.announcements import Announcement
from wabroadcast_core.delivery.ready_messages import PendingSend, ReadyMessages
from wabroadcast_core.pacing.pace import SlotReport
from wabroadcast_core.transport.live_senders import LiveConnection


class SlotQueue:
    """The pending sends of one turn."""

    def __init__(self, connection_id: int) -> None:
        self.connection_id = connection_id
        self.live: LiveConnection | None = None  # through which they are sent
        self.ready = ReadyMessages()
        self.has_news = False  # new work may have come since the planner looked
        self.ends_early = False  # the turn is to end before its time is up
        self.is_claiming = True  # more messages may become ready
        self.fresh: set[int] = set()  # broadcasts of which no message was sent yet, as they were last looked at
        self.next_slot = 0.0  # of the connection: no slot can be had before, as far as is known
        self.next_of: dict[int, float] = {}  # by broadcast id: likewise, where its own rate says more
        self.retry_at = 0.0  # no slot is reserved before, because the last reservation failed
        self._is_scheduling = True  # more messages may get slots
        self._order: deque[PendingSend] = deque()
        self._scheduled = asyncio.Event()
        self._waiting: dict[int, PendingSend] = {}  # with a slot, by message key
        self._requested = 0  # messages that are being claimed
        self._collecting: dict[int, list[Announcement]] = {}  # announcements since, for each claim under way
        self._alarms: list[asyncio.Event] = []
        self._report = SlotReport()
        self._last_slot = 0.0

    @property
    def load(self) -> int:
        """How many requests the queue will lead to: pending sends, and those being claimed."""
        return self._requested + len(self.ready) + len(self._waiting)

    def unscheduled_from(self, rank: int) -> int:
        """Return how many messages of this priority or a higher one have no slot yet, counting those being claimed."""
        return self._requested + self.ready.count_from(rank)

    # --- waking ------------------------------------------------------------------------------------------------

    def new_alarm(self) -> asyncio.Event:
        """Return an event that :meth:`wake` sets; the caller clears it."""
        alarm = asyncio.Event()
        self._alarms.append(alarm)
        return alarm

    def wake(self, *, but: asyncio.Event | None = None) -> None:
        """Make the planner and the scheduler look again.

        :param but: the alarm of the caller.
        """
        for alarm in self._alarms:
            if alarm is not but:
                alarm.set()

    def on_announcement(self, announcement: Announcement) -> None:
        """Drop what must not start any more; what is still being claimed is dropped once it is claimed."""
        for announced in self._collecting.values():
            announced.append(announcement)
        self._drop_concerned([announcement], self._waiting.values())
        self._drop_concerned([announcement], self.ready)
        self.wake()

    # --- becoming ready ----------------------------------------------------------------------------------------

    def begin_claim(self, count: int) -> list[Announcement]:
        """Count ``count`` messages as load while they are claimed.

        :returns: a list that collects what is announced meanwhile: the claim does not see it in the store. Earlier
            changes it sees; a pause may have been taken back since.
        """
        announced: list[Announcement] = []
        self._collecting[id(announced)] = announced
        self._requested += count
        return announced

    def end_claim(self, count: int, announced: list[Announcement]) -> None:
        """End what :meth:`begin_claim` began."""
        self._requested -= count
        del self._collecting[id(announced)]

    def add_ready(self, messages: Sequence[PendingSend], announced: Iterable[Announcement] = ()) -> None:
        """Add claimed messages, those dropped that were announced meanwhile."""
        self._drop_concerned(announced, messages)
        self.ready.add(messages)
        self.wake()

    def end_claims(self) -> None:
        """Declare that no more messages will become ready."""
        self.is_claiming = False
        self.wake()

    def _drop_concerned(self, announced: Iterable[Announcement], among: Iterable[PendingSend]) -> None:
        for announcement in announced:
            for pending in among:
                pending.dropped = pending.dropped or announcement.concerns(self.connection_id, pending.claimed)

    # --- slots -------------------------------------------------------------------------------------------------

    def schedule(self, messages: Iterable[PendingSend], slots: Iterable[float], *, shift: float) -> None:
        """Give messages their slots, one each."""
        for pending, slot in zip(messages, slots, strict=False):
            pending.slot, pending.shift = slot, shift
            self._waiting[pending.claimed.key] = pending
            self._order.append(pending)
        self._scheduled.set()

    def end_schedule(self) -> None:
        """Declare that no more messages will get slots."""
        self._is_scheduling = False
        self._scheduled.set()

    def note_reserved(self, slots: Sequence[float]) -> None:
        """Remember the last slot that was reserved for this queue."""
        self._last_slot = slots[-1]

    def release_slot(self, slot: float) -> None:
        """Report that no message starts at a slot."""
        self._report.unused.append(slot)
        if slot == self._last_slot and self._report.tail is None:
            self._report.tail = (slot, slot)

    def take_report(self) -> SlotReport:
        """Return what became of the slots since the last report."""
        report, self._report = self._report, SlotReport()
        if self.live is not None:
            report.late, self.live.late = self.live.late, None
        return report

    # --- being started -----------------------------------------------------------------------------------------

    async def first_slot(self) -> float | None:
        """Wait for a message with a slot and return the slot; None when no more will come."""
        while not self._order:
            if not self._is_scheduling:
                return None
            self._scheduled.clear()
            await self._scheduled.wait()
        return self._order[0].slot

    def pop_until(self, slot: float, *, most: int) -> Iterator[PendingSend]:
        """Yield the first messages, up to a slot. They count as load until :meth:`remove`."""
        order = self._order
        while most and order and order[0].slot <= slot:
            most -= 1
            yield order.popleft()

    def holds(self, pending: PendingSend) -> bool:
        """Return whether a message has a slot and neither started nor went back."""
        return pending.claimed.key in self._waiting

    def remove(self, pending: PendingSend) -> None:
        """Forget a message: it starts now, or goes back to the store."""
        self._waiting.pop(pending.claimed.key, None)
        if not self.is_claiming and not self.load:
            self.wake()  # the scheduler ends

    def give_up_slot(self, pending: PendingSend) -> None:
        """Make a message that missed its slot ready for another one."""
        self.release_slot(pending.slot)
        self.remove(pending)
        self.ready.add_first(pending)
        self.wake()
