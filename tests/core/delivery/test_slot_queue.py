"""The line between claim and start, and its account of slots."""

from typing import Any

from wabroadcast_core.control.announcements import Announcement
from wabroadcast_core.delivery.slot_queue import PendingSend, SlotQueue
from wabroadcast_core.store.claims import Claimed


def ready(key: int, *, broadcast_id: int = 1) -> PendingSend:
    anything: Any = None  # what the line does not look at
    claimed = Claimed(key, broadcast_id, f"+62812{key:08d}", None, None, 0, 1, 1, 1)
    return PendingSend(0.0, 0.0, claimed, anything, anything)


def filled(*slots: float) -> tuple[SlotQueue, list[PendingSend]]:
    line, messages = SlotQueue(1), [ready(key) for key in range(len(slots))]
    line.took(slots)
    for message, slot in zip(messages, slots, strict=True):
        line.enqueue(message, slot, shift=0.0)
    return line, messages


def test_a_message_that_is_late_gives_up_its_slot_and_still_counts() -> None:
    line, messages = filled(1.0, 2.0)

    line.be_late(next(line.pop_until(1.0, most=1)))

    assert line.take_report().unused == [1.0]
    assert list(line.late) == messages[:1]
    assert line.load == 2


def test_the_last_slot_is_told_as_the_end_of_the_row() -> None:
    line, _ = filled(1.0, 2.0)

    line.free_slot(1.0)
    assert line.take_report().tail is None

    line.free_slot(2.0)
    assert line.take_report().tail == (2.0, 2.0)
    assert not line.take_report()


def test_messages_leave_in_the_order_of_their_slots_and_no_more_than_asked() -> None:
    line, messages = filled(1.0, 2.0, 3.0)

    assert list(line.pop_until(2.5, most=1)) == messages[:1]
    assert list(line.pop_until(2.5, most=9)) == messages[1:2]


def test_news_drop_what_waits_and_what_was_being_claimed_but_nothing_that_was_claimed_later() -> None:
    line, [waiting] = filled(1.0)
    with line.listening() as heard:
        line.hear(Announcement(broadcast=1))
        claimed_later, other, claimed_before = ready(2), ready(3, broadcast_id=2), ready(4)
        line.enqueue(claimed_later, 2.0, shift=0.0)

        line.obey(heard, [other, claimed_before])

    assert (waiting.dropped, claimed_before.dropped) == (True, True)
    assert (claimed_later.dropped, other.dropped) == (False, False)


def test_whoever_looks_for_work_has_a_bell_of_its_own() -> None:
    line = SlotQueue(1)
    first, second = line.bell(), line.bell()

    line.wake()
    first.clear()

    assert second.is_set()
