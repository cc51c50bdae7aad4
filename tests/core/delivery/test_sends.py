"""Sends: the outcome of each answer and each error of a sender, and its effect on other messages."""

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.core.fakes import (
    FakeClock,
    FakeLedger,
    FakeNewContacts,
    FakeNumberCheck,
    FakePace,
    FakeRecorder,
    FakeSender,
    live,
)
from tests.core.rows import START, broadcast, connection, number_of, pending
from tests.core.simulated import settle, simulated
from wabroadcast_core.background import BackgroundTasks
from wabroadcast_core.control.announcements import Announcement
from wabroadcast_core.delivery.number_check import NotFoundYet, NotOnWhatsApp
from wabroadcast_core.delivery.ready_messages import PendingSend
from wabroadcast_core.delivery.sends import UNPACED_WAIT, SendTasks
from wabroadcast_core.errors import (
    BadMessage,
    ConnectionDown,
    OutcomeUnknown,
    Rejected,
    SendError,
    Temporary,
    Throttled,
    UnavailableError,
)
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.message import Accepted, OutgoingMessage, short_id
from wabroadcast_core.models.pacing import Rate
from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.outcomes.classify import NEW_CONTACTS_WAIT, RECIPIENT_WAIT
from wabroadcast_core.store.outcomes import Outcome
from wabroadcast_core.transport.live_senders import CURRENT_START, LiveConnection

RESEND_SECONDS = 600.0
PACED = connection(limits=Limits(rate=Rate(messages=50)))


class Sending:
    """The sends of one worker, among fakes."""

    def __init__(
        self, *, check: object = None, before_send: Callable[[OutgoingMessage], Sequence[str]] | None = None
    ) -> None:
        self.clock = FakeClock()
        self.ledger = FakeLedger()
        self.recorder = FakeRecorder()
        self.number_check = FakeNumberCheck(check)
        self.new_contacts = FakeNewContacts()
        self.pace = FakePace(self.clock)
        self.background = BackgroundTasks("background work")
        self.stopping = asyncio.Event()
        parts: dict[str, Any] = dict(vars(self))
        self.sends = SendTasks(**parts, resend_seconds=RESEND_SECONDS, before_send=before_send)

    async def send(self, through: LiveConnection, *messages: PendingSend) -> list[Outcome]:
        """Send messages and wait for the effects of their outcomes."""
        for message in messages:
            self.sends.start(through, message)
        await self.finish()
        return self.recorder.outcomes

    async def finish(self) -> None:
        await settle()
        await self.sends.finish(within=60)
        await self.background.wait(within=1)

    @property
    def effects(self) -> list[tuple[Any, ...]]:
        """The effects on other messages: calls to the store, the limiter and the gate for new contacts."""
        return [*self.ledger.calls, *self.pace.calls, *(("close", *closed) for closed in self.new_contacts.closed)]


# --- what a sender answers ---------------------------------------------------------------------------------------


@simulated
async def test_an_accepted_message_is_sent_at_the_time_of_its_start() -> None:
    sending = Sending()
    sending.clock.move(5)

    [outcome] = await sending.send(live(FakeSender(Accepted("wamid.1"))), pending())

    assert (outcome.status, outcome.used, outcome.connection_id) == (MessageStatus.SENT, True, 1)
    assert (outcome.provider_id, outcome.detail, outcome.sent_at) == ("wamid.1", None, START + 5)
    assert sending.recorder.results[0].started_at == START + 5
    assert sending.recorder.results[0].left
    assert sending.effects == []


@simulated
async def test_a_message_whose_slot_passed_while_the_process_was_frozen_goes_back() -> None:
    sending, sender = Sending(), FakeSender()
    sending.sends.start(live(sender, of=PACED), pending(slot=START))
    sending.clock.move(5)
    await sending.finish()

    [outcome] = sending.recorder.outcomes
    assert (outcome.status, outcome.due_at) == (MessageStatus.QUEUED, None)
    assert sender.messages == []


@simulated
async def test_a_message_that_the_provider_holds_back_is_sent_with_that_detail() -> None:
    [outcome] = await Sending().send(live(FakeSender(Accepted("1", state="held_for_quality"))), pending())

    assert (outcome.status, outcome.detail) == (MessageStatus.SENT, "held_for_quality")


@pytest.mark.parametrize("answer", [None, {}, "ok", 1], ids=lambda answer: type(answer).__name__)
@simulated
async def test_an_answer_of_a_wrong_type_is_unknown(answer: object) -> None:
    sending = Sending()

    [outcome] = await sending.send(live(FakeSender(answer)), pending())

    assert (outcome.status, outcome.reason, outcome.used) == (MessageStatus.UNKNOWN, "bad_answer", True)
    assert type(answer).__name__ in (outcome.detail or "")
    assert sending.effects == []


@pytest.mark.parametrize(
    ("wa_id", "noted"),
    [
        pytest.param("5511987654321", ["5511987654321"], id="another-id"),
        pytest.param("x" * 5_000, [short_id("x" * 5_000)], id="longer-than-any"),
        pytest.param(number_of(0)[1:], [], id="the-number-itself"),
        pytest.param(None, [], id="no-id"),
        pytest.param("", [], id="empty"),
        pytest.param(5511987654321, [], id="a-number"),
        pytest.param(["5511987654321"], [], id="a-list"),
    ],
)
@pytest.mark.parametrize("late", [False, True], ids=["at-once", "changed-afterwards"])
@simulated
async def test_the_id_by_which_whatsapp_knows_a_person_is_stored_if_it_differs_from_the_number(
    wa_id: Any, noted: list[str], *, late: bool
) -> None:
    sending, message, answer = Sending(), pending(), Accepted(wa_id=None if late else wa_id)
    answer.wa_id = wa_id if late else answer.wa_id

    [outcome] = await sending.send(live(FakeSender(answer)), message)

    assert outcome.status is MessageStatus.SENT
    assert sending.recorder.identities == dict.fromkeys(noted, message.claimed)
    assert sending.effects == []


@simulated
async def test_the_id_of_another_number_to_which_a_plugin_sent_is_not_that_of_the_person() -> None:
    def redirect(message: OutgoingMessage) -> list[str]:
        message.number = number_of(7)
        return ["staging"]

    sending = Sending(before_send=redirect)

    await sending.send(live(FakeSender(Accepted(wa_id=number_of(7)[1:]))), pending())

    assert sending.recorder.identities == {}


# --- what a sender raises: the table of DESIGN section 4 ---------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "used", "effects"),
    [
        pytest.param(Temporary("busy"), "retry", True, [], id="temporary"),
        pytest.param(Rejected("131026"), "failed", True, [], id="rejected"),
        pytest.param(
            Rejected("131050", opt_out=True), "failed", True, [("opt_out", number_of(0), "131050", "c1")], id="opt-out"
        ),
        pytest.param(
            BadMessage("132001", "no such template"),
            "retry",
            False,
            [("pause_broadcast", 1, "132001: no such template")],
            id="bad-message",
        ),
        pytest.param(
            Throttled("130429", retry_after=9.0), "retry", False, [("slow_down", 1, START, 9.0)], id="throttled"
        ),
        pytest.param(Throttled("131056", scope="recipient"), "retry", False, [], id="throttled-recipient"),
        pytest.param(
            Throttled("463", scope="new_contacts", retry_after=90.0),
            "retry",
            False,
            [("close", 1, 90.0)],
            id="throttled-new-contacts",
        ),
        pytest.param(
            ConnectionDown("190", "log in again"),
            "retry",
            False,
            [("pause_connection", 1, "190: log in again")],
            id="connection-down",
        ),
        pytest.param(OutcomeUnknown("read_timeout"), "unknown", True, [], id="outcome-unknown"),
        pytest.param(SendError("odd"), "failed", True, [], id="another-send-error"),
    ],
)
@simulated
async def test_each_error_of_a_sender_has_its_outcome_and_its_effect(
    *,
    error: SendError,
    status: str,
    used: bool,
    effects: list[tuple[Any, ...]],
) -> None:
    sending = Sending()

    [outcome] = await sending.send(live(FakeSender(error), of=PACED), pending())

    assert (outcome.status, outcome.used) == (status, used)
    assert (outcome.reason, outcome.detail) == (error.reason, error.detail or None)
    assert sending.effects == effects


@pytest.mark.parametrize("bug", [ValueError, SystemExit, GeneratorExit], ids=lambda bug: bug.__name__)
@simulated
async def test_a_bug_of_a_sender_fails_its_message_and_names_its_type_but_not_its_text(
    caplog: pytest.LogCaptureFixture, bug: type[BaseException]
) -> None:
    sending = Sending()
    through = live(FakeSender(bug("token=secret"), Accepted()))

    failed, sent = await sending.send(through, pending(0), pending(1))

    assert (failed.status, failed.used) == (MessageStatus.FAILED, True)
    assert (failed.reason, failed.detail) == ("plugin_error", bug.__name__)
    assert sent.status is MessageStatus.SENT
    assert sending.effects == []
    assert "c1" in caplog.text
    assert bug.__name__ in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("error", "least", "most"),
    [
        pytest.param(Temporary("busy"), 24.0, 36.0, id="temporary-after-the-interval"),
        pytest.param(Temporary("busy", retry_after=100.0), 100.0, 100.0, id="temporary-as-the-provider-says"),
        pytest.param(BadMessage("x"), 0.0, 0.0, id="bad-message-at-once"),
        pytest.param(Throttled("x", retry_after=9.0), 0.0, 0.0, id="throttled-as-the-limiter-says"),
        pytest.param(Throttled("x", scope="recipient"), RECIPIENT_WAIT, 2 * RECIPIENT_WAIT, id="recipient-after-a-gap"),
        pytest.param(
            Throttled("x", scope="recipient", retry_after=50.0), 50.0, 50.0, id="recipient-as-the-provider-says"
        ),
        pytest.param(
            Throttled("x", scope="new_contacts"), NEW_CONTACTS_WAIT, NEW_CONTACTS_WAIT, id="new-contacts-in-an-hour"
        ),
        pytest.param(ConnectionDown("x"), 0.0, 0.0, id="connection-down-once-it-is-up"),
    ],
)
@simulated
async def test_a_message_that_waits_again_is_due_after_its_time(error: SendError, least: float, most: float) -> None:
    [outcome] = await Sending().send(live(FakeSender(error)), pending())

    assert outcome.due_at is not None
    assert least <= outcome.due_at - START <= most


@simulated
async def test_the_last_attempt_fails_for_good() -> None:
    last_of = broadcast(retry={"maxAttempts": 3})

    [second] = await Sending().send(live(FakeSender(Temporary("busy"))), pending(of=last_of, attempts=1))
    [third] = await Sending().send(live(FakeSender(Temporary("busy"))), pending(of=last_of, attempts=2))

    assert second.status is MessageStatus.RETRY
    assert (third.status, third.reason, third.used) == (MessageStatus.FAILED, "busy", True)


@pytest.mark.parametrize(
    ("through", "wait"),
    [
        pytest.param(PACED, None, id="lowers-its-rate"),
        pytest.param(connection(), UNPACED_WAIT, id="rests-where-it-has-no-rate"),
    ],
)
@simulated
async def test_a_throttled_connection_without_a_time_slows_down(through: Any, wait: float | None) -> None:
    sending = Sending()

    await sending.send(live(FakeSender(Throttled("too fast")), of=through), pending(slot=START - 0.25))

    assert sending.effects == [("slow_down", 1, START - 0.25, wait)]


@pytest.mark.parametrize(
    ("policy", "due_at"), [pytest.param("hold", None, id="hold"), pytest.param("resend", START + 600, id="resend")]
)
@simulated
async def test_an_unknown_message_keeps_its_provider_id_and_is_sent_again_only_where_its_broadcast_says_so(
    policy: str, due_at: float | None
) -> None:
    error = OutcomeUnknown("read_timeout", provider_id="wamid.9")

    [outcome] = await Sending().send(live(FakeSender(error)), pending(of=broadcast(onUnknown=policy)))

    assert (outcome.status, outcome.provider_id, outcome.due_at) == (MessageStatus.UNKNOWN, "wamid.9", due_at)


@simulated
async def test_an_effect_that_cannot_be_stored_leaves_the_outcome_as_it_is() -> None:
    sending = Sending()
    sending.ledger.raises["pause_broadcast"].append(UnavailableError("away"))
    through = live(FakeSender(BadMessage("132001"), Accepted()))

    first, second = await sending.send(through, pending(0), pending(1))

    assert (first.status, second.status) == (MessageStatus.RETRY, MessageStatus.SENT)


# --- before the request ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "reason", "due_at"),
    [
        pytest.param(NotOnWhatsApp(), "skipped", "not_on_whatsapp", None, id="not-on-whatsapp"),
        pytest.param(NotFoundYet(60.0), "retry", "not_found_yet", START + 60, id="not-found-yet"),
    ],
)
@simulated
async def test_a_number_that_is_not_found_gets_no_request(
    error: Exception, status: str, reason: str, due_at: float | None
) -> None:
    sending, sender = Sending(check=error), FakeSender()

    [outcome] = await sending.send(live(sender), pending())

    assert (outcome.status, outcome.reason, outcome.due_at) == (status, reason, due_at)
    assert not outcome.used
    assert sending.recorder.results[0].started_at is None
    assert sender.messages == []


@simulated
async def test_an_error_of_the_number_check_ends_the_send_as_an_error_of_the_sender_does() -> None:
    sending, sender = Sending(check=ConnectionDown("190")), FakeSender()

    [outcome] = await sending.send(live(sender), pending())

    assert (outcome.status, outcome.used) == (MessageStatus.RETRY, False)
    assert sending.effects == [("pause_connection", 1, "190")]
    assert sending.recorder.results[0].left is False
    assert sender.messages == []


@simulated
async def test_numbers_are_checked_only_where_the_connection_asks_for_it() -> None:
    sending = Sending(check=NotOnWhatsApp())

    [outcome] = await sending.send(live(of=connection(limits=Limits(check_numbers=False))), pending())

    assert outcome.status is MessageStatus.SENT
    assert sending.number_check.numbers == []


@simulated
async def test_a_message_that_is_stopped_while_its_number_is_checked_does_not_leave() -> None:
    checked, sender = asyncio.Event(), FakeSender()
    sending = Sending(check=checked)
    for place in range(2):
        sending.sends.start(live(sender), pending(place))
    await settle()

    sending.sends.on_announcement(Announcement(message=pending(0).claimed.key))
    checked.set()
    await sending.finish()

    assert [message.number for message in sender.messages] == [number_of(1)]
    assert [outcome.status for outcome in sending.recorder.outcomes] == ["queued", "sent"]
    assert sending.recorder.results[0].started_at is None


@pytest.mark.parametrize(
    "announcement",
    [
        pytest.param(Announcement(connection=2), id="of-another-connection"),
        pytest.param(Announcement(numbers=[number_of(1)]), id="of-another-number"),
        pytest.param(Announcement(wake=1), id="of-new-work"),
    ],
)
@simulated
async def test_an_announcement_that_does_not_concern_a_message_does_not_drop_it(announcement: Announcement) -> None:
    checked = asyncio.Event()
    sending = Sending(check=checked)
    sending.sends.start(live(), pending())
    await settle()

    sending.sends.on_announcement(announcement)
    checked.set()
    await sending.finish()

    assert [outcome.status for outcome in sending.recorder.outcomes] == ["sent"]


@simulated
async def test_no_request_leaves_after_a_check_once_the_process_is_stopping() -> None:
    checked, sender = asyncio.Event(), FakeSender()
    sending = Sending(check=checked)
    sending.sends.start(live(sender), pending(attempts=1))
    await settle()

    sending.stopping.set()
    checked.set()
    await sending.finish()

    assert sender.messages == []
    assert [(outcome.status, outcome.due_at) for outcome in sending.recorder.outcomes] == [("retry", START)]


@simulated
async def test_a_plugin_may_change_a_message_before_it_is_sent() -> None:
    def sign(message: OutgoingMessage) -> Sequence[str]:
        message.text = f"{message.text} - Toko"
        return ["signs"]

    sender = FakeSender()
    await Sending(before_send=sign).send(live(sender), pending())

    assert [message.text for message in sender.messages] == ["Halo - Toko"]


@pytest.mark.parametrize(
    ("changers", "blamed", "detail"),
    [
        pytest.param([], "its sender fake has a bug", "SystemExit", id="the-sender"),
        pytest.param(
            ["malus"],
            "plugin malus changed the message in wab_before_send",
            "SystemExit, after plugin malus changed the message",
            id="the-plugin-that-changed-the-message",
        ),
    ],
)
@simulated
async def test_a_bug_is_logged_with_the_plugin_to_blame_its_type_and_place_and_without_its_text(
    caplog: pytest.LogCaptureFixture, changers: Sequence[str], blamed: str, detail: str
) -> None:
    sending = Sending(before_send=lambda _: changers)

    [outcome] = await sending.send(live(FakeSender(SystemExit("S3CRET +6281234567890"))), pending())

    assert (outcome.status, outcome.reason, outcome.detail) == (MessageStatus.FAILED, "plugin_error", detail)
    assert blamed in caplog.text
    assert re.search(r"SystemExit at core/fakes\.py:\d+", caplog.text)
    assert "S3CRET" not in caplog.text


@simulated
async def test_a_plugin_may_end_a_send_as_a_sender_does() -> None:
    def refuse(message: OutgoingMessage) -> Sequence[str]:
        raise Rejected("not_today")

    sending, sender = Sending(before_send=refuse), FakeSender()
    [outcome] = await sending.send(live(sender), pending())

    assert (outcome.status, outcome.reason) == (MessageStatus.FAILED, "not_today")
    assert sending.recorder.results[0].left is False
    assert sender.messages == []


# --- a provider that throttles everything ------------------------------------------------------------------------


@simulated
async def test_the_limiter_learns_for_how_long_every_message_was_throttled() -> None:
    sending, through = Sending(), live(FakeSender(*[Throttled("130429")] * 3, Accepted(), Throttled("130429")))
    for _ in range(5):
        await sending.send(through, pending())
        sending.clock.move(2)

    assert sending.pace.refused == pytest.approx([0, 2, 4, 0], abs=0.1)


@pytest.mark.parametrize(
    ("answer", "ends"),
    [
        pytest.param(Accepted(), True, id="accepted"),
        pytest.param(Rejected("131026"), True, id="rejected-for-another-reason"),
        pytest.param(Throttled("130429"), False, id="throttled"),
        pytest.param(OutcomeUnknown("no_answer"), False, id="no-answer"),
    ],
)
@simulated
async def test_a_probe_that_is_answered_ends_the_silence(answer: object, ends: bool) -> None:  # noqa: FBT001 - a case
    sending, through = Sending(), live(FakeSender(answer))
    through.is_probing = True

    await sending.send(through, pending())

    assert (("end_silence", 1) in sending.effects) is ends
    assert through.is_probing is not ends


@simulated
async def test_a_plugin_that_ends_a_probe_before_it_leaves_does_not_end_the_silence() -> None:
    def refuse(message: OutgoingMessage) -> Sequence[str]:
        raise Rejected("not_today")

    sending, through = Sending(before_send=refuse), live(FakeSender(Accepted()))
    through.is_probing = True

    await sending.send(through, pending())

    assert ("end_silence", 1) not in sending.effects
    assert through.is_probing


# --- a send that is cancelled ------------------------------------------------------------------------------------


@simulated
async def test_a_send_without_an_answer_is_given_up_and_unknown() -> None:
    sending = Sending()
    sending.sends.start(live(FakeSender(asyncio.Event())), pending())
    await settle()

    sending.sends.give_up_older_than(120)
    await settle()
    assert sending.recorder.outcomes == []

    sending.clock.move(121)
    sending.sends.give_up_older_than(120)
    await settle()

    [outcome] = sending.recorder.outcomes
    assert (outcome.status, outcome.reason, outcome.used) == (MessageStatus.UNKNOWN, "no_answer", True)
    assert sending.recorder.results[0].started_at == START


@simulated
async def test_a_send_that_is_cancelled_before_its_request_left_is_given_back() -> None:
    sending, sender = Sending(check=asyncio.Event()), FakeSender()
    sending.sends.start(live(sender), pending())
    await settle()

    await sending.sends.finish(within=0)

    [outcome] = sending.recorder.outcomes
    assert (outcome.status, outcome.used) == (MessageStatus.QUEUED, False)
    assert sending.recorder.results[0].started_at is None
    assert sender.messages == []


@simulated
async def test_a_stop_waits_for_answers_and_gives_up_those_that_are_late() -> None:
    answer = asyncio.Event()
    sending = Sending()
    sending.sends.start(live(FakeSender(answer)), pending(0))
    sending.sends.start(live(FakeSender(asyncio.Event())), pending(1))
    await settle()
    asyncio.get_running_loop().call_later(4, answer.set)

    await sending.sends.finish(within=5)

    assert sending.clock.now() == START + 5
    assert [outcome.status for outcome in sending.recorder.outcomes] == ["sent", "unknown"]
    assert sending.sends.is_idle


@simulated
async def test_a_sender_that_cancels_itself_leaves_its_message_unknown_and_stops_no_other() -> None:
    through = live(FakeSender(asyncio.CancelledError(), Accepted()))

    outcomes = await Sending().send(through, pending(0), pending(1))

    assert [outcome.status for outcome in outcomes] == ["unknown", "sent"]


@simulated
async def test_a_send_whose_coroutine_is_closed_with_its_loop_has_no_outcome(caplog: pytest.LogCaptureFixture) -> None:
    sending, before = Sending(), asyncio.all_tasks()
    sending.sends.start(live(FakeSender(asyncio.Event())), pending())
    await settle()
    [task] = asyncio.all_tasks() - before

    task.get_coro().close()  # as the end of the process does

    assert sending.recorder.outcomes == []
    assert caplog.text == ""
    task.cancel()
    await asyncio.wait([task])
    assert isinstance(task.exception(), RuntimeError)  # a closed coroutine cannot go on


# --- many sends --------------------------------------------------------------------------------------------------


@simulated
async def test_a_send_that_waits_delays_no_other() -> None:
    sending, answer = Sending(), asyncio.Event()
    through = live(FakeSender(answer, Accepted()))
    for place in range(5):
        sending.sends.start(through, pending(place))
    await settle()

    assert [result.claimed.number for result in sending.recorder.results] == [number_of(place) for place in range(1, 5)]
    assert (through.in_flight, sending.sends.is_idle) == (1, False)

    answer.set()
    await settle()

    assert (through.in_flight, sending.sends.is_idle) == (0, True)
    assert len(sending.recorder.results) == 5


@simulated
async def test_one_task_sends_all_messages_that_are_answered_at_once() -> None:
    sending, through = Sending(), live()
    tasks = len(asyncio.all_tasks())

    for place in range(20):
        sending.sends.start(through, pending(place))
    assert len(asyncio.all_tasks()) == tasks + 1

    await asyncio.sleep(0)
    assert len(sending.recorder.results) == 20


@simulated
async def test_a_send_is_not_given_up_for_the_age_of_the_one_before_it_in_its_task() -> None:
    sending, answer = Sending(), asyncio.Event()
    through = live(FakeSender(answer, asyncio.Event()))
    sending.sends.start(through, pending(0))
    await asyncio.sleep(100)

    answer.set()
    sending.sends.start(through, pending(1))
    await settle()
    sending.sends.give_up_older_than(60)
    await settle()

    assert [outcome.status for outcome in sending.recorder.outcomes] == ["sent"]


@simulated
async def test_the_end_of_a_send_wakes_the_waiters_of_its_connection() -> None:
    sending, answer = Sending(), asyncio.Event()
    sending.sends.start(live(FakeSender(answer), of=connection(1)), pending(0))
    waits = [asyncio.create_task(sending.sends.wait_for_end(key)) for key in (1, 2)]
    await settle()
    answer.set()
    await settle()

    assert [wait.done() for wait in waits] == [True, False]

    await waits[1]
    assert sending.clock.now() == START + 1


@simulated
async def test_a_late_start_is_reported_to_the_limiter() -> None:
    sending, through = Sending(), live(of=PACED)

    await sending.send(through, pending(slot=START))
    assert through.late is None

    await sending.send(through, pending(slot=START - 0.25))
    assert through.late == (START - 0.25, pytest.approx(0.25 - through.lateness.free))


# --- the circuit breaker -----------------------------------------------------------------------------------------


@simulated
async def test_a_run_of_failures_that_are_alike_pauses_their_broadcast_once() -> None:
    sending = Sending()
    through = live(FakeSender(Rejected("131026")))

    await sending.send(through, *(pending(place) for place in range(4)))
    assert sending.effects == []

    await sending.send(through, *(pending(place) for place in range(4, 8)))
    assert sending.effects == [("pause_broadcast", 1, "circuit breaker: too many messages fail alike (131026)")]


@simulated
async def test_failures_of_one_broadcast_do_not_count_for_another() -> None:
    sending = Sending()
    through = live(FakeSender(Rejected("131026")))

    await sending.send(through, *(pending(place, of=broadcast(1 + place % 2)) for place in range(8)))

    assert sending.effects == []


@simulated
async def test_a_run_of_lost_answers_pauses_the_connection_and_not_the_broadcast() -> None:
    sending = Sending()
    through = live(FakeSender(OutcomeUnknown("http_502")))

    await sending.send(through, *(pending(place, of=broadcast(1 + place % 2)) for place in range(4)))
    assert sending.effects == []

    await sending.send(through, *(pending(place) for place in range(4, 8)))
    [(effect, connection_id, reason)] = sending.effects
    assert (effect, connection_id) == ("pause_connection", 1)
    assert reason.startswith("no_certain_answer: 5 sends in a row")


@simulated
async def test_sends_that_a_stop_ends_pause_no_connection() -> None:
    sending = Sending()
    through = live(FakeSender(asyncio.Event()))
    for place in range(8):
        sending.sends.start(through, pending(place))
    await settle()
    sending.stopping.set()

    await sending.sends.finish(within=5)
    await sending.background.wait(within=1)

    assert [outcome.status for outcome in sending.recorder.outcomes] == ["unknown"] * 8
    assert sending.effects == []


@simulated
async def test_a_stop_waits_for_sends_that_have_only_just_begun() -> None:
    sending = Sending()
    through = live(FakeSender(asyncio.Event()))
    for place in range(3):
        sending.sends.start(through, pending(place))

    await sending.sends.finish(within=5)

    assert [outcome.status for outcome in sending.recorder.outcomes] == ["unknown"] * 3


@simulated
async def test_a_send_without_a_rate_is_no_start_of_the_connection_before() -> None:
    sending, seen = Sending(), []

    class LookingSender(FakeSender):
        async def send(self, message: OutgoingMessage) -> Accepted:
            del message
            seen.append(CURRENT_START.get())
            return Accepted()

    sending.sends.start(live(of=PACED), pending(0))
    sending.sends.start(live(LookingSender(), of=connection(2)), pending(1))
    await sending.finish()

    assert seen == [None]
