"""A turn's messages between claim and start, in the order of their slots: planners fill it, the starter empties it.

It also keeps account of the turn's slots: the limiter is told which of them nobody started at.
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
    """A claimed message, rendered, on its way to its slot."""

    slot: float
    claimed_at: float
    claimed: Claimed
    message: OutgoingMessage
    snapshot: BroadcastSnapshot
    shift: float = 0.0  # of the row, when the slot was given
    dropped: bool = False


class SlotQueue:
    def __init__(self, connection_id: int) -> None:
        self.connection_id = connection_id
        self.live: LiveConnection | None = None  # through which its messages are sent
        self.late: deque[PendingSend] = deque()  # gave up their slots, and wait for others
        self._ended = False  # no more will come
        self._filled = asyncio.Event()
        self._order: deque[PendingSend] = deque()
        self._waiting: dict[int, PendingSend] = {}  # by key, the late ones too
        self._asked = 0  # for so many messages slots or claims are asked for
        self._claims: dict[int, list[Announcement]] = {}  # what was heard since, for each claim under way
        self._bells: list[asyncio.Event] = []
        self._report = SlotReport()
        self._last_slot = 0.0

    @property
    def load(self) -> int:
        """How many requests it will lead to: what waits, and what is asked for."""
        return self._asked + len(self._waiting)

    # --- being filled ------------------------------------------------------------------------------------------

    def bell(self) -> asyncio.Event:
        """An event of the caller's own, set whenever there is reason to look again."""
        bell = asyncio.Event()
        self._bells.append(bell)
        return bell

    def wake(self) -> None:
        """There is reason to look again: new work came, or control wants to be heard."""
        for bell in self._bells:
            bell.set()

    @contextlib.contextmanager
    def asking(self, count: int) -> Iterator[None]:
        """Room for so many is taken while they are asked for."""
        self._asked += count
        try:
            yield
        finally:
            self._asked -= count

    @contextlib.contextmanager
    def listening(self) -> Iterator[list[Announcement]]:
        """What is heard while a claim is under way; what was heard before, the claim sees in the store."""
        heard: list[Announcement] = []
        self._claims[id(heard)] = heard
        try:
            yield heard
        finally:
            del self._claims[id(heard)]

    def enqueue(self, ready: PendingSend, slot: float, *, shift: float) -> None:
        ready.slot, ready.shift = slot, shift
        self._waiting[ready.claimed.key] = ready
        self._order.append(ready)
        self._filled.set()

    def hear(self, news: Announcement) -> None:
        """Drop what must not start any more; what is still being claimed is dropped once it is there."""
        for heard in self._claims.values():
            heard.append(news)
        self.obey([news], self._waiting.values())
        self.wake()

    def obey(self, heard: Iterable[Announcement], among: Iterable[PendingSend]) -> None:
        """Drop what news concern. What was claimed after them is not among: a pause may have been taken back."""
        for news in heard:
            for ready in among:
                ready.dropped = ready.dropped or news.concerns(self.connection_id, ready.claimed)

    def end(self) -> None:
        """No more will come."""
        self._ended = True
        self._filled.set()

    # --- being emptied -----------------------------------------------------------------------------------------

    async def first_slot(self) -> float | None:
        """When the first message may start; waits for one. :returns: None when none will come."""
        while not self._order:
            if self._ended:
                return None
            self._filled.clear()
            await self._filled.wait()
        return self._order[0].slot

    def pop_until(self, slot: float, *, most: int) -> Iterator[PendingSend]:
        """The first messages, up to a slot; they still wait."""
        order = self._order
        while most and order and order[0].slot <= slot:
            most -= 1
            yield order.popleft()

    def remove(self, ready: PendingSend) -> None:
        """It starts now, or goes back."""
        self._waiting.pop(ready.claimed.key, None)

    def be_late(self, ready: PendingSend) -> None:
        """It gives up its slot, and waits for another one."""
        self.free_slot(ready.slot)
        self.late.append(ready)
        self.wake()

    # --- its slots ---------------------------------------------------------------------------------------------

    def took(self, times: Sequence[float]) -> None:
        """Slots were given to this line."""
        self._last_slot = times[-1]

    def free_slot(self, slot: float) -> None:
        """Nobody starts at a slot."""
        self._report.unused.append(slot)
        if slot == self._last_slot and self._report.tail is None:
            self._report.tail = (slot, slot)

    def free_slots(self, slots: Iterable[float]) -> None:
        """Nobody starts at these, which may lie anywhere."""
        self._report.unused += slots

    def free_tail(self, slots: Sequence[float]) -> None:
        """Nobody starts at these, the last of those that were given out together."""
        self._report.unused += slots
        self._report.tail = (slots[0], slots[-1])

    def take_report(self) -> SlotReport:
        """What became of slots since the last report."""
        report, self._report = self._report, SlotReport()
        if self.live is not None:
            report.late, self.live.late = self.live.late, None
        return report
