"""The queue between claim and start, and its accounting of slots."""

from typing import Any

from wabroadcast_core.control.announcements import Announcement
from wabroadcast_core.delivery.slot_queue import PendingSend, SlotQueue
from wabroadcast_core.store.claims import Claimed


def ready(key: int, *, broadcast_id: int = 1) -> PendingSend:
    anything: Any = None  # what the queue does not read
    claimed = Claimed(key, broadcast_id, f"+62812{key:08d}", None, None, 0, 1, 1, 1)
    return PendingSend(claimed, anything, anything, 0.0)


def filled(*slots: float) -> tuple[SlotQueue, list[PendingSend]]:
    queue, messages = SlotQueue(1), [ready(key) for key in range(len(slots))]
    queue.note_reserved(slots)
    for message, slot in zip(messages, slots, strict=True):
        queue.enqueue(message, slot, shift=0.0)
    return queue, messages


def test_a_message_that_is_late_gives_up_its_slot_and_still_counts() -> None:
    queue, messages = filled(1.0, 2.0)

    queue.give_up_slot(next(queue.pop_until(1.0, most=1)))

    assert queue.take_report().unused == [1.0]
    assert list(queue.late) == messages[:1]
    assert queue.load == 2


def test_the_last_slot_is_reported_as_the_tail() -> None:
    queue, _ = filled(1.0, 2.0)

    queue.release_slot(1.0)
    assert queue.take_report().tail is None

    queue.release_slot(2.0)
    assert queue.take_report().tail == (2.0, 2.0)
    assert not queue.take_report()


def test_messages_leave_in_the_order_of_their_slots_and_no_more_than_asked() -> None:
    queue, messages = filled(1.0, 2.0, 3.0)

    assert list(queue.pop_until(2.5, most=1)) == messages[:1]
    assert list(queue.pop_until(2.5, most=9)) == messages[1:2]


def test_an_announcement_drops_what_waits_and_is_being_claimed_but_no_later_claims() -> None:
    queue, [waiting] = filled(1.0)
    with queue.collecting_announcements() as announced:
        queue.on_announcement(Announcement(broadcast=1))
        claimed_later, other, claimed_before = ready(2), ready(3, broadcast_id=2), ready(4)
        queue.enqueue(claimed_later, 2.0, shift=0.0)

        queue.drop_concerned(announced, [other, claimed_before])

    assert (waiting.dropped, claimed_before.dropped) == (True, True)
    assert (claimed_later.dropped, other.dropped) == (False, False)


def test_each_planner_has_its_own_alarm() -> None:
    queue = SlotQueue(1)
    first, second = queue.new_alarm(), queue.new_alarm()

    queue.wake()
    first.clear()

    assert second.is_set()
