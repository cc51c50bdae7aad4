"""The sends under way: a message handed to its sender, its outcome recorded, and what follows from it for others."""

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from wabroadcast_core.background import BackgroundTasks, cancel_all
from wabroadcast_core.clock import RedisClock
from wabroadcast_core.control.announcements import Announcement
from wabroadcast_core.delivery.ledger import Ledger
from wabroadcast_core.delivery.new_contacts import NewContactGate
from wabroadcast_core.delivery.number_check import NotFoundYet, NotOnWhatsApp, NumberCheck
from wabroadcast_core.delivery.primed_pace import PrimedPace
from wabroadcast_core.delivery.ready_messages import PendingSend
from wabroadcast_core.errors import BadMessage, ConnectionDown, OutcomeUnknown, Rejected, SendError, words_of
from wabroadcast_core.metrics.catalogue import SEND_DURATION
from wabroadcast_core.metrics.meters import Meters
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.models.status import REHEARSAL, SENT, MessageStatus, SkipReason, WaitReason
from wabroadcast_core.outcomes import classify
from wabroadcast_core.outcomes.circuit_breaker import CircuitBreakers, LostAnswers
from wabroadcast_core.outcomes.classify import Circumstances, Ending
from wabroadcast_core.outcomes.recorder import Recorder, Result
from wabroadcast_core.plugin_faults import describe_fault
from wabroadcast_core.sentence_texts import say
from wabroadcast_core.store.outcomes import Outcome
from wabroadcast_core.transport.live_senders import CURRENT_START, LiveConnection

log = logging.getLogger(__name__)

UNPACED_WAIT = 1.0  # seconds without sends after a throttling, where there is no rate to lower
LONGEST_END_WAIT = 1.0  # seconds
ACCEPTED = "accepted"  # the state of a message that the provider does not hold back; how its send ended


class Dropped(Exception):  # noqa: N818 - an outcome of one message
    """The message was cancelled, paused or opted out before its request left, or its slot was over."""


class SendTasks:
    """All sends of one worker that are under way.

    A send runs in a task, but a task is made only when no other is free to go on with it: where a sender answers
    at once, one task sends many. Each step of the loop makes one more, so a send that waits for an answer delays no
    other.

    :param before_send: called before each send; returns the plugins that changed the message; may raise a SendError.
        None: there is no such hook.
    :param stopping: set once nothing new may leave.
    :param resend_seconds: after which an unknown message is sent again, where its broadcast is set so.
    """

    def __init__(
        self,
        *,
        clock: RedisClock,
        ledger: Ledger,
        recorder: Recorder,
        number_check: NumberCheck,
        new_contacts: NewContactGate,
        pace: PrimedPace,
        background: BackgroundTasks,
        meters: Meters | None = None,
        stopping: asyncio.Event,
        resend_seconds: float,
        before_send: Callable[[OutgoingMessage], Sequence[str]] | None = None,
    ) -> None:
        self._clock = clock
        self._ledger = ledger
        self._recorder = recorder
        self._number_check = number_check
        self._new_contacts = new_contacts
        self._pace = pace
        self._background = background
        self._meters = meters or Meters()
        self._stopping = stopping
        self._resend_seconds = resend_seconds
        self._before_send = before_send
        self._loop = asyncio.get_running_loop()
        self._begun: deque[tuple[LiveConnection, PendingSend]] = deque()
        self._pumping = False
        self._tasks: dict[asyncio.Task[None], float] = {}  # when each began the send that it is at (steady time)
        self._checking: dict[int, tuple[int, PendingSend]] = {}  # by message key: connection id, message
        self._ended: dict[int, asyncio.Event] = {}  # by connection id: a send has ended
        self._breakers = CircuitBreakers()
        self._lost_answers = LostAnswers()

    @property
    def is_idle(self) -> bool:
        """Whether no send is under way."""
        return not self._begun and not self._tasks

    def start(self, live: LiveConnection, pending: PendingSend) -> None:
        """Send a message now."""
        live.in_flight += 1
        self._begun.append((live, pending))
        if not self._pumping:
            self._pumping = True
            self._pump()

    async def wait_for_end(self, connection_id: int) -> None:
        """Wait until a send of the connection has ended, at most a second."""
        ended = self._ended.setdefault(connection_id, asyncio.Event())
        ended.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_END_WAIT):
                await ended.wait()

    async def finish(self, *, within: float) -> None:
        """Wait for the sends under way; those that take longer than ``within`` seconds become unknown."""
        await self._all_begun()
        tasks = list(self._tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=within)
            await cancel_all(late)

    async def _all_begun(self) -> None:
        """Wait until every send that was started runs in a task."""
        for _ in range(len(self._begun) + 1):  # each step of the loop starts one at least
            await asyncio.sleep(0)

    def give_up_older_than(self, seconds: float) -> None:
        """Cancel sends whose sender does not answer for so long: they become unknown."""
        before = self._clock.steady.now() - seconds
        for task, began_at in list(self._tasks.items()):
            if began_at < before:
                task.cancel()

    def on_announcement(self, announcement: Announcement) -> None:
        """Drop messages that must not start and whose request has not left yet."""
        for connection_id, pending in self._checking.values():
            pending.dropped = pending.dropped or announcement.concerns(connection_id, pending.claimed)

    # --- one send ----------------------------------------------------------------------------------------------

    def _pump(self) -> None:
        if not self._begun:
            self._pumping = False
            return
        task = self._loop.create_task(self._send_on())
        self._tasks[task] = self._clock.steady.now()
        task.add_done_callback(self._tasks.pop)
        self._loop.call_soon(self._pump)

    async def _send_on(self) -> None:
        task = asyncio.current_task()
        now = self._clock.steady.now()
        while self._begun and task is not None:
            self._tasks[task] = now
            now = await self._send(*self._begun.popleft(), now)

    async def _send(self, live: LiveConnection, pending: PendingSend, slot_time: float) -> float:
        """Send a message and record its outcome.

        :param slot_time: the present time.
        :returns: the time at which the send ended, when the next one may begin.
        """
        started_at = self._clock.to_wall(slot_time)
        left, kind = False, ACCEPTED
        changers: Sequence[str] = ()
        ending: Accepted | Outcome
        try:
            _take_slot(live, pending, at=slot_time)
            _check_purpose(live, pending)
            if live.checks_numbers:
                await self._check_number(live, pending)
            if self._before_send is not None:
                changers = self._before_send(pending.message)
            left = True
            ending = _as_accepted(await live.sender.send(pending.message))
        except asyncio.CancelledError:
            kind = "unknown"
            ending = (
                classify.unknown("no_answer", self._circumstances(live, pending)) if left else self._not_left(pending)
            )
        except (NotOnWhatsApp, NotFoundYet) as error:
            ending = self._withhold(error, pending)
        except Dropped:
            ending = self._not_left(pending)
        except BaseException as error:  # whatever a plugin raises is classified, and stops no other send
            if isinstance(error, GeneratorExit) and self._is_closing():
                raise
            kind = classify.kind_of(error)
            ending = self._classify(error, live, pending, changers=changers)
        now = self._clock.steady.now()
        if left:
            self._meters.observe(SEND_DURATION, now - slot_time, live.snapshot.id, kind)
        if isinstance(ending, Accepted):
            self._end_accepted(live, pending, ending, started_at=started_at)
        else:
            self._end(live, pending, ending, started_at=started_at, left=left)
        return now

    def _is_closing(self) -> bool:
        """Return whether a GeneratorExit closes the coroutine of a send, because its loop has ended.

        A coroutine is closed while its task is not running. One that a plugin raised comes up in the running task.
        """
        return asyncio.current_task(self._loop) not in self._tasks

    def _end_accepted(self, live: LiveConnection, pending: PendingSend, answer: Accepted, *, started_at: float) -> None:
        """Record that a message was accepted, and count it for others."""
        if isinstance(answer.wa_id, str):
            self._note_identity(pending, answer.wa_id)
        if answer.state != ACCEPTED:
            outcome = classify.held_back(answer, pending.claimed, connection_id=live.snapshot.id, started_at=started_at)
            self._end(live, pending, outcome, started_at=started_at, left=True)
            return
        self._note_end(live, is_answered=True)
        self._recorder.add_sent(pending.claimed, provider_id=answer.provider_id, sent_at=started_at)
        if not self._stopping.is_set():
            self._lost_answers.end_run(live.snapshot.id)
            self._breakers.count_sent(pending.broadcast.id)

    def _end(
        self, live: LiveConnection, pending: PendingSend, outcome: Outcome, *, started_at: float, left: bool
    ) -> None:
        """Record the outcome of a send, and count it for others."""
        self._note_end(live, is_answered=left and outcome.status in {SENT, MessageStatus.FAILED})
        tried = outcome.connection_id is not None  # otherwise it was given back or skipped
        self._recorder.add(Result(pending.claimed, outcome, started_at if tried else None, left))
        if not self._stopping.is_set():  # a stop ends sends without an answer: that is not the provider's fault
            self._count(outcome, connection_id=live.snapshot.id, broadcast_id=pending.broadcast.id)

    def _note_end(self, live: LiveConnection, *, is_answered: bool) -> None:
        """Note that a send has ended, and wake the planners that wait for one.

        :param is_answered: whether the provider did not throttle it; if it throttled all before, the silence ends.
        """
        live.in_flight -= 1
        if is_answered:
            live.refused_since = None
            if live.is_probing:
                live.is_probing, live.cool_until = False, 0.0
                self._background.spawn(self._pace.end_silence(live.snapshot.id))
        if (ended := self._ended.get(live.snapshot.id)) is not None:
            ended.set()

    def _count(self, outcome: Outcome, *, connection_id: int, broadcast_id: int) -> None:
        """Pause the connection or the broadcast if too many outcomes are alike and not good."""
        if (down := self._lost_answers.count(connection_id, outcome)) is not None:
            self._recorder.precede(self._ledger.pause_connection(connection_id, down))
        elif self._lost_answers.is_down(connection_id):
            return  # what was under way when the connection was paused: that is enough
        elif (reason := self._breakers.count(broadcast_id, outcome)) is not None:
            self._recorder.precede(self._ledger.pause_broadcast(broadcast_id, reason=reason))

    async def _check_number(self, live: LiveConnection, pending: PendingSend) -> None:
        """Check the number with the provider, which takes a while: control may drop the message meanwhile.

        :raises NotOnWhatsApp: it must not be sent.
        :raises NotFoundYet: it must not be sent now.
        :raises Dropped: control dropped it.
        """
        self._checking[pending.claimed.key] = (live.snapshot.id, pending)
        try:
            await self._number_check.check_number(live.sender, pending.message.number)
        finally:
            del self._checking[pending.claimed.key]
        if pending.dropped or self._stopping.is_set():
            raise Dropped

    def _note_identity(self, pending: PendingSend, wa_id: str) -> None:
        """Store the id by which WhatsApp knows a person, where it is not the number itself.

        A message that a plugin sent to another number tells nothing about the person.
        """
        number = pending.claimed.number
        if wa_id != number[1:] and pending.message.number == number:
            self._recorder.note_identity(pending.claimed, wa_id)

    # --- outcomes ----------------------------------------------------------------------------------------------

    def _not_left(self, pending: PendingSend) -> Outcome:
        return classify.given_back(pending.claimed, now=self._clock.now())

    def _withhold(self, error: NotOnWhatsApp | NotFoundYet, pending: PendingSend) -> Outcome:
        """Return the outcome of a message to a number that does not seem to use WhatsApp: nothing was sent."""
        if isinstance(error, NotOnWhatsApp):
            return classify.skipped(pending.claimed, SkipReason.NOT_ON_WHATSAPP)
        return classify.given_back(
            pending.claimed, now=self._clock.now(), wait=error.wait, reason=WaitReason.NUMBER_CHECK
        )

    def _classify(
        self, error: BaseException, live: LiveConnection, pending: PendingSend, *, changers: Sequence[str]
    ) -> Outcome:
        """Return the outcome of a send that raised an exception, and start what follows from it for others.

        :param changers: the plugins that changed the message before the send.
        """
        ending = classify.not_accepted(error, self._circumstances(live, pending))
        if not isinstance(error, SendError):
            ending.outcome.detail = _blame(error, live, changers)
        if ending.consequence == "close_to_new_contacts":
            self._new_contacts.close(live.snapshot.id, seconds=ending.wait or 0)
        elif (follow_up := self._follow_up(ending, error, live, pending)) is not None:
            start = self._background.spawn if ending.consequence == "slow_down" else self._recorder.precede
            start(follow_up)
        return ending.outcome

    def _follow_up(
        self, ending: Ending, error: BaseException, live: LiveConnection, pending: PendingSend
    ) -> Coroutine[Any, Any, None] | None:
        """Return what an outcome means for other messages, as work to be done."""
        match ending.consequence:
            case "slow_down":
                wait = ending.wait or (None if live.snapshot.limits.rate else UNPACED_WAIT)
                now = self._clock.steady.now()
                live.cool_until = max(live.cool_until, now + (wait or 0))
                refused = live.refused_for(now=now)
                return self._pace.slow_down(live.snapshot.id, slot=pending.slot, wait=wait, refused=refused)
            case "pause_broadcast" if isinstance(error, BadMessage):
                return self._ledger.pause_broadcast(pending.broadcast.id, reason=words_of(error))
            case "pause_connection" if isinstance(error, ConnectionDown):
                return self._ledger.pause_connection(live.snapshot.id, error)
            case "opt_out" if pending.broadcast.purpose is not REHEARSAL:
                reason = ending.outcome.reason or "opt_out"
                return self._ledger.opt_out(pending.claimed.number, reason=reason, source=live.snapshot.name)
        return None

    def _circumstances(self, live: LiveConnection, pending: PendingSend) -> Circumstances:
        return Circumstances(
            snapshot=pending.broadcast,
            claimed=pending.claimed,
            connection_id=live.snapshot.id,
            now=self._clock.now(),
            random=random.random(),  # noqa: S311 - spreads retries, no secret
            resend_after=self._resend_seconds,
        )


def _check_purpose(live: LiveConnection, pending: PendingSend) -> None:
    """Check that no message of a rehearsal leaves: its connection may have got another sender since its submit.

    :raises Rejected: the sender of the connection reaches real phones.
    """
    if pending.broadcast.purpose is REHEARSAL and not live.sender.capabilities.simulated:
        sentence = say("rehearsal_not_simulated", connection=live.snapshot.name)
        raise Rejected("rehearsal_not_simulated", sentence)


def _take_slot(live: LiveConnection, pending: PendingSend, *, at: float) -> None:
    """Note the start of a message on its slot.

    :raises Dropped: its slot is past, because the process was stopped since the message was started.
    """
    if not live.has_rate:
        if CURRENT_START.get() is not None:  # of another connection's message, which the task has sent before
            CURRENT_START.set(None)
        return
    if at - pending.slot > live.lateness.most:
        raise Dropped
    live.note_start(pending.slot, pending.shift, at=at)
    CURRENT_START.set((live, pending.slot, pending.shift))


def _blame(error: BaseException, live: LiveConnection, changers: Sequence[str]) -> str:
    """Log a bug of a plugin: of the sender, or of the plugins that changed the message before it.

    :returns: the detail of the outcome.
    """
    name, sender, fault = live.snapshot.name, live.snapshot.sender, describe_fault(error)
    kind = type(error).__name__
    if not changers:
        log.error("connection %s: its sender %s has a bug and raised %s: the message failed", name, sender, fault)
        return kind
    plugins = " and ".join(changers)
    log.error(
        "connection %s: plugin %s changed the message in wab_before_send, and the sender %s cannot send it (%s): the "
        "message failed",
        name,
        plugins,
        sender,
        fault,
    )
    return say("changed_by_plugin", error=kind, plugins=plugins)


def _as_accepted(answer: object) -> Accepted:
    """Return a sender's answer.

    :raises OutcomeUnknown: it is of a wrong type; the request may have left.
    """
    if not isinstance(answer, Accepted):
        raise OutcomeUnknown("bad_answer", say("wrong_answer", type=type(answer).__name__))
    answer.__post_init__()  # a plugin may have changed it since it was made
    return answer
