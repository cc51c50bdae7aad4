"""The dispatcher starts each message on its slot or gives it back."""

import asyncio

import pytest
import redis

from tests.core.fakes import FakeGaps, FakeLease, Parts, live
from tests.core.rows import START, WORKER, broadcast, connection, number_of, pending
from tests.core.simulated import settle, simulated
from wabroadcast_core.background import RETRY_SECONDS
from wabroadcast_core.control.announcements import Announcement
from wabroadcast_core.delivery.dispatcher import MOST_TOGETHER, STALE, TOGETHER, Dispatcher
from wabroadcast_core.delivery.ready_messages import PendingSend
from wabroadcast_core.delivery.slot_queue import SlotQueue
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.pacing import Rate
from wabroadcast_core.recovery.intents import SealedError
from wabroadcast_core.snapshots import BroadcastSnapshot, ConnectionSnapshot

PACED = connection(limits=Limits(rate=Rate(messages=50)))
GAPPED = connection(limits=Limits(per_recipient=Rate(messages=1, per_seconds=6)))


def filled(*messages: PendingSend, through: ConnectionSnapshot = PACED) -> SlotQueue:
    """A queue of these messages, in which no more get slots."""
    queue = SlotQueue(1)
    queue.live = live(of=through)
    for message in messages:
        queue.schedule([message], [message.slot], shift=0.0)
    queue.end_schedule()
    return queue


async def dispatch(parts: Parts, *messages: PendingSend, through: ConnectionSnapshot = PACED) -> SlotQueue:
    queue = filled(*messages, through=through)
    await Dispatcher(parts.resources(), queue).dispatch()
    return queue


def key(position: int) -> int:
    return pending(position).claimed.key


def started(parts: Parts) -> list[int]:
    """The keys of the messages that were started."""
    return [key for key, _ in parts.sends.started]


def start_times(parts: Parts) -> list[float]:
    """When the messages were started: seconds after START."""
    return [at - START for _, at in parts.sends.started]


def given_back(parts: Parts) -> list[int]:
    return [result.claimed.key for result in parts.recorder.results]


# --- on their slots ----------------------------------------------------------------------------------------------


@simulated
async def test_each_message_starts_on_its_slot() -> None:
    parts = Parts()
    slots = [START + 0.1, START + 0.3, START + 0.5]

    queue = await dispatch(parts, *(pending(place, slot=slot) for place, slot in enumerate(slots)))

    assert started(parts) == [key(0), key(1), key(2)]
    assert start_times(parts) == pytest.approx([slot - START for slot in slots])
    assert not queue.take_report()
    assert parts.recorder.results == []


@simulated
async def test_messages_that_start_nearly_together_share_one_writing_of_intents() -> None:
    parts = Parts()
    slots = [START + 0.1, START + 0.1 + TOGETHER, START + 0.3]

    await dispatch(parts, *(pending(place, slot=slot) for place, slot in enumerate(slots)))

    assert parts.lease.marked == [[key(0), key(1)], [key(2)]]
    assert start_times(parts) == pytest.approx([slot - START for slot in slots])


@simulated
async def test_intents_of_very_many_messages_are_written_in_parts() -> None:
    parts = Parts()

    await dispatch(parts, *(pending(place) for place in range(MOST_TOGETHER + 1)), through=connection())

    assert [len(keys) for keys in parts.lease.marked] == [MOST_TOGETHER, 1]


@simulated
async def test_a_dispatcher_waits_for_messages_until_no_more_get_slots() -> None:
    parts, queue = Parts(), SlotQueue(1)
    queue.live = live(of=PACED)
    dispatching = asyncio.create_task(Dispatcher(parts.resources(), queue).dispatch())
    await settle()

    queue.schedule([pending()], [START], shift=0.0)
    await settle()
    assert (started(parts), dispatching.done()) == ([key(0)], False)

    queue.end_schedule()
    await settle()
    assert dispatching.done()


@simulated
async def test_intents_are_written_earlier_where_redis_takes_its_time() -> None:
    parts = Parts(lease=FakeLease(*[0.1] * 6))
    queue = filled(
        *(pending(place, slot=START + 0.5 * (place + 1), ready_at=START + 0.5 * place) for place in range(6))
    )

    await Dispatcher(parts.resources(), queue).dispatch()

    late = [at - 0.5 * (place + 1) for place, at in enumerate(start_times(parts))]
    assert late[0] > 0.05  # nothing is known yet
    assert late[3:] == pytest.approx([0.0] * 3)


@simulated
async def test_an_intent_that_takes_long_to_write_does_not_hold_up_the_next_messages() -> None:
    parts = Parts(lease=FakeLease(0.2))
    queue = filled(pending(0, slot=START + 0.05), pending(1, slot=START + 0.1))

    await Dispatcher(parts.resources(), queue).dispatch()

    assert started(parts)[0] == key(1)
    assert start_times(parts)[0] == pytest.approx(0.1)


# --- what does not start -----------------------------------------------------------------------------------------


@simulated
async def test_a_dropped_message_is_given_back_without_an_intent_and_its_slot_is_released() -> None:
    parts, dropped = Parts(), pending(0)
    dropped.dropped = True

    queue = await dispatch(parts, dropped, pending(1, slot=START + 0.05))

    assert started(parts) == [key(1)]
    assert parts.lease.marked == [[key(1)]]
    assert given_back(parts) == [key(0)]
    assert (parts.recorder.outcomes[0].status, parts.recorder.outcomes[0].used) == ("queued", False)
    assert queue.take_report().unused == [START]
    assert queue.load == 0


@simulated
async def test_a_message_that_is_dropped_while_its_intent_is_written_does_not_start() -> None:
    written = asyncio.Event()
    parts = Parts(lease=FakeLease(written))
    queue = filled(pending(0), pending(1))
    dispatching = asyncio.create_task(Dispatcher(parts.resources(), queue).dispatch())
    await settle()

    queue.on_announcement(Announcement(message=key(0)))
    written.set()
    await dispatching

    assert started(parts) == [key(1)]
    assert given_back(parts) == [key(0)]
    assert parts.intents.forgotten == [key(0)]
    assert queue.take_report().unused == [START]


@pytest.mark.parametrize(
    "stale",
    [
        pytest.param(pending(0, ready_at=START - STALE - 0.1), id="ready-for-too-long"),
        pytest.param(pending(0, worker_id=WORKER - 1), id="of-a-worker-id-that-was-settled"),
    ],
)
@simulated
async def test_a_stale_message_is_given_back(stale: PendingSend) -> None:
    parts = Parts()

    queue = await dispatch(parts, stale, pending(1))

    assert started(parts) == [key(1)]
    assert given_back(parts) == [key(0)]
    assert queue.take_report().unused == [START]


@simulated
async def test_a_message_that_was_tried_before_waits_again_as_a_retry() -> None:
    parts, tried = Parts(), pending(0, attempts=1)
    tried.dropped = True

    await dispatch(parts, tried)

    assert [(outcome.status, outcome.due_at) for outcome in parts.recorder.outcomes] == [("retry", START)]


@simulated
async def test_a_stopping_process_starts_no_more_messages() -> None:
    parts = Parts()
    parts.stopping.set()

    await dispatch(parts, pending(0), pending(1, slot=START + 0.5))

    assert parts.sends.started == []
    assert given_back(parts) == [key(0), key(1)]


@pytest.mark.parametrize(
    "error", [pytest.param(SealedError(), id="taken-for-dead"), pytest.param(redis.ConnectionError(), id="no-redis")]
)
@simulated
async def test_no_message_starts_without_its_intent(error: Exception) -> None:
    parts = Parts(lease=FakeLease(error))

    queue = await dispatch(parts, pending(0), pending(1), pending(2, slot=START + 0.5))

    assert started(parts) == [key(2)]
    assert given_back(parts) == [key(0), key(1)]
    assert parts.intents.forgotten == [key(0), key(1)]
    assert queue.take_report().unused == [START, START]


@simulated
async def test_no_message_starts_without_a_sender() -> None:
    parts, queue = Parts(), filled(pending(0))
    queue.live = None

    await Dispatcher(parts.resources(), queue).dispatch()

    assert parts.sends.started == []
    assert given_back(parts) == [key(0)]
    assert parts.intents.forgotten == [key(0)]


# --- late for its slot -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "of", [pytest.param(broadcast(), id="plain"), pytest.param(broadcast(rate={"messages": 5}), id="with-its-own-rate")]
)
@simulated
async def test_a_message_that_missed_its_slot_gives_it_up_and_is_ready_for_another(of: BroadcastSnapshot) -> None:
    parts, queue = Parts(lease=FakeLease(0.3)), SlotQueue(1)
    queue.live, alarm = live(of=PACED), queue.new_alarm()
    queue.schedule([pending(of=of)], [START], shift=0.0)
    dispatching = asyncio.create_task(Dispatcher(parts.resources(), queue).dispatch())
    await asyncio.sleep(0.35)

    assert (parts.sends.started, given_back(parts)) == ([], [])
    assert parts.intents.forgotten == [key(0)]
    assert queue.take_report().unused == [START]
    assert alarm.is_set()

    [late] = queue.ready.take(9)
    queue.schedule([late], [START + 0.5], shift=0.0)
    queue.end_schedule()
    await dispatching

    assert started(parts) == [key(0)]
    assert start_times(parts) == pytest.approx([0.5])


@simulated
async def test_a_message_that_is_a_little_late_starts_all_the_same() -> None:
    parts = Parts(lease=FakeLease(0.1))

    await dispatch(parts, pending(0))

    assert started(parts) == [key(0)]
    assert start_times(parts) == pytest.approx([0.1])


@simulated
async def test_late_messages_do_not_start_in_a_bunch() -> None:
    parts = Parts(lease=FakeLease(0.1, 0.08, 0.06))  # all are written at nearly the same time

    queue = await dispatch(parts, *(pending(place, slot=START + place / 50) for place in range(3)))

    assert started(parts) == [key(1)]
    assert [one.claimed.key for one in queue.ready] == [key(0), key(2)]


@simulated
async def test_without_a_rate_no_message_is_late() -> None:
    parts = Parts(lease=FakeLease(0.9))

    await dispatch(parts, pending(0), pending(1), through=connection())

    assert started(parts) == [key(0), key(1)]


# --- the gap per recipient ---------------------------------------------------------------------------------------


@simulated
async def test_a_recipient_who_was_messaged_a_moment_ago_waits_and_the_others_start() -> None:
    parts = Parts(gaps=FakeGaps({number_of(0): 4.0}))

    queue = await dispatch(parts, pending(0), pending(1), through=GAPPED)

    assert started(parts) == [key(1)]
    [outcome] = parts.recorder.outcomes
    assert (outcome.status, outcome.reason, outcome.due_at) == ("retry", "recipient_pace", START + 4)
    assert parts.intents.forgotten == [key(0)]
    assert queue.take_report().unused == [START]


@simulated
async def test_no_message_starts_while_the_gaps_cannot_be_checked() -> None:
    parts = Parts(gaps=FakeGaps(redis.ConnectionError()))

    await dispatch(parts, pending(0), pending(1), through=GAPPED)

    assert parts.sends.started == []
    assert [outcome.due_at for outcome in parts.recorder.outcomes] == [START + RETRY_SECONDS] * 2
    assert parts.intents.forgotten == [key(0), key(1)]


@simulated
async def test_recipients_are_not_checked_without_a_gap() -> None:
    parts = Parts(gaps=FakeGaps(redis.ConnectionError()))

    await dispatch(parts, pending(0), through=connection())

    assert started(parts) == [key(0)]


@simulated
async def test_messages_go_back_while_lost_intents_cannot_be_written_again() -> None:
    parts = Parts(lease=FakeLease(UnavailableError("away")))

    await dispatch(parts, pending(0), pending(1), pending(2, slot=START + 0.5))

    assert given_back(parts) == [key(0), key(1)]
