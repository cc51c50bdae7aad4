"""The queue between claim and start, and its accounting of slots."""

from tests.core.rows import broadcast, pending
from wabroadcast_core.control.announcements import Announcement
from wabroadcast_core.delivery.ready_messages import PendingSend
from wabroadcast_core.delivery.slot_queue import SlotQueue

URGENT = broadcast(2, priority="high")


def filled(*slots: float) -> tuple[SlotQueue, list[PendingSend]]:
    """A queue of messages with these slots."""
    queue, messages = SlotQueue(1), [pending(place) for place in range(len(slots))]
    queue.note_reserved(slots)
    for message, slot in zip(messages, slots, strict=True):
        queue.schedule([message], [slot], shift=0.0)
    return queue, messages


# --- load --------------------------------------------------------------------------------------------------------


def test_the_load_counts_messages_being_claimed_ready_and_with_a_slot() -> None:
    queue, _ = filled(1.0)
    queue.begin_claim(10)
    queue.add_ready([pending(1), pending(2)])

    assert queue.load == 13


def test_messages_without_a_slot_are_counted_by_priority() -> None:
    queue, _ = filled(1.0)
    queue.begin_claim(10)
    queue.add_ready([pending(1), pending(2), pending(1, of=URGENT)])

    assert queue.unscheduled_from(URGENT.draft.priority.rank) == 11
    assert queue.unscheduled_from(0) == 13


def test_messages_count_as_load_until_they_are_removed() -> None:
    queue, _ = filled(1.0)

    [message] = queue.pop_until(1.0, most=1)
    assert queue.load == 1

    queue.remove(message)
    assert queue.load == 0


# --- slots -------------------------------------------------------------------------------------------------------


def test_a_message_that_is_late_gives_up_its_slot_and_is_the_next_of_its_broadcast() -> None:
    queue, [message, _] = filled(1.0, 2.0)
    queue.add_ready([pending(5)])

    queue.give_up_slot(next(queue.pop_until(1.0, most=1)))

    assert queue.take_report().unused == [1.0]
    assert queue.load == 3
    assert queue.ready.take(1) == [message]


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


# --- announcements -----------------------------------------------------------------------------------------------


def test_an_announcement_drops_what_waits_and_is_being_claimed_but_no_later_claims() -> None:
    queue, [scheduled] = filled(1.0)
    ready, claimed_later, other, claimed_before = pending(1), pending(2), pending(3, of=URGENT), pending(4)
    queue.add_ready([ready])
    announced = queue.begin_claim(2)
    queue.on_announcement(Announcement(broadcast=1))
    later = queue.begin_claim(1)

    queue.add_ready([other, claimed_before], announced)
    queue.add_ready([claimed_later], later)

    assert [one.dropped for one in (scheduled, ready, claimed_before)] == [True, True, True]
    assert [one.dropped for one in (claimed_later, other)] == [False, False]


def test_a_claim_that_has_ended_collects_nothing_more() -> None:
    queue = SlotQueue(1)
    announced = queue.begin_claim(3)

    queue.end_claim(3, announced)
    queue.on_announcement(Announcement(broadcast=1))

    assert (announced, queue.load) == ([], 0)


# --- waking ------------------------------------------------------------------------------------------------------


def test_each_user_has_its_own_alarm() -> None:
    queue = SlotQueue(1)
    first, second = queue.new_alarm(), queue.new_alarm()

    queue.wake()
    first.clear()
    assert second.is_set()

    second.clear()
    queue.wake(but=first)
    assert (first.is_set(), second.is_set()) == (False, True)


def test_the_scheduler_is_woken_when_the_last_message_has_left() -> None:
    queue, messages = filled(1.0, 2.0)
    queue.end_claims()
    alarm = queue.new_alarm()

    queue.remove(messages[0])
    assert not alarm.is_set()

    queue.remove(messages[1])
    assert alarm.is_set()
