"""The send itself: hand a message to its sender, sort how it ended, see to what follows for others."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from wabroadcast_core.background import cancel_all
from wabroadcast_core.control.announcements import Announcement
from wabroadcast_core.delivery.number_check import NotFoundYet, NotOnWhatsApp
from wabroadcast_core.errors import BadMessage, ConnectionDown, OutcomeUnknown, SendError
from wabroadcast_core.models.message import Accepted
from wabroadcast_core.models.status import SENT, MessageStatus, SkipReason
from wabroadcast_core.outcomes import classify
from wabroadcast_core.outcomes.circuit_breaker import OK, CircuitBreaker
from wabroadcast_core.outcomes.classify import Circumstances
from wabroadcast_core.outcomes.recorder import Result
from wabroadcast_core.store.outcomes import Outcome
from wabroadcast_core.transport.live_senders import STARTING, LiveConnection

if TYPE_CHECKING:
    from wabroadcast_core.delivery.slot_queue import PendingSend
    from wabroadcast_core.engine.engine import Engine

log = logging.getLogger(__name__)

MOST_BREAKERS = 1_000  # far more than broadcasts run at once
UNPACED_WAIT = 1.0  # seconds of silence after a throttling, where there is no rate to lower


class Dropped(Exception):  # noqa: N818 - an outcome of one message
    """Control wants it not to be sent, and it has not left."""


class SendTasks:
    """All sends of one engine that are under way.

    A send runs in a task, but a task is made only when no other is free to go on with it: where a sender answers
    at once, one task sends many. Each step of the loop makes one more, so what waits for an answer holds up nobody.

    :param ended: told after each of a connection's sends.
    """

    def __init__(self, engine: "Engine", *, ended: Callable[[int], None]) -> None:
        self._engine = engine
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._begun: deque[tuple[LiveConnection, PendingSend]] = deque()
        self._pumping = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way: dict[int, tuple[float, asyncio.Task[None]]] = {}  # by message key: start, its task
        self._checking: dict[int, tuple[int, PendingSend]] = {}  # by message key: connection, whom it is asked for
        self._breakers: dict[int, CircuitBreaker] = {}
        self._fine: dict[int, int] = {}  # messages sent, of broadcasts without a failure so far
        self._looks_before_send = engine.context.plugins.looks_before_send

    @property
    def is_idle(self) -> bool:
        return not self._begun and not self._tasks

    def start(self, live: LiveConnection, ready: "PendingSend") -> None:
        live.in_flight += 1
        self._begun.append((live, ready))
        if not self._pumping:
            self._pumping = True
            self._pump()

    def _pump(self) -> None:
        if not self._begun:
            self._pumping = False
            return
        task = self._loop.create_task(self._send_on())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._loop.call_soon(self._pump)

    async def _send_on(self) -> None:
        task = asyncio.current_task()
        while self._begun and task is not None:
            await self._send(*self._begun.popleft(), task)

    async def _send(self, live: LiveConnection, ready: "PendingSend", task: asyncio.Task[None]) -> None:
        started_at = self._engine.clock.now()
        if live.has_rate:
            live.note_start(ready.slot, ready.shift, at=started_at)
            STARTING.set((live, ready.slot, ready.shift))
        key = ready.claimed.key
        self._under_way[key] = (started_at, task)
        left = False
        try:
            if live.checks_numbers:
                await self._expect(live, ready)
            if self._looks_before_send:
                self._engine.context.plugins.before_send(ready.message)
            left = True
            answer = _as_accepted(await live.sender.send(ready.message))
            outcome = classify.accepted(answer, ready.claimed, connection_id=live.snapshot.id, started_at=started_at)
            self._note_identity(ready.message.number, answer.wa_id)
        except asyncio.CancelledError:
            outcome = classify.unknown("no_answer", self._circumstances(live, ready)) if left else self._not_left(ready)
        except (NotOnWhatsApp, NotFoundYet) as error:
            outcome = self._withhold(error, ready)
        except Dropped:
            outcome = self._not_left(ready)
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises is sorted, and stops nobody else
            outcome = self._sort(error, live, ready)
        live.in_flight -= 1
        del self._under_way[key]
        asked = outcome.connection_id is not None  # otherwise nothing left, and it counts as no start
        self._engine.recorder.add(Result(ready.claimed, outcome, started_at if asked else None))
        self._ended(live.snapshot.id)
        self._watch(ready, outcome)

    async def finish(self, *, within: float) -> None:
        """Wait for what is under way; what takes longer is given up as unknown."""
        tasks = list(self._tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=within)
            await cancel_all(late)

    def give_up_older_than(self, seconds: float) -> None:
        """End sends whose sender never answers: nothing may hang for ever."""
        before = self._engine.clock.now() - seconds
        for started_at, task in list(self._under_way.values()):
            if started_at < before:
                task.cancel()

    async def _expect(self, live: LiveConnection, ready: "PendingSend") -> None:
        """Ask for the person's presence, which takes a while: control may drop the message meanwhile.

        :raises NotOnWhatsApp: :raises NotFoundYet: :raises Dropped: it is not to be sent (now).
        """
        self._checking[ready.claimed.key] = (live.snapshot.id, ready)
        try:
            await self._engine.presence.expect(live.sender, ready.message.number)
        finally:
            del self._checking[ready.claimed.key]
        if ready.dropped or self._engine.stopping:
            raise Dropped

    def hear(self, news: Announcement) -> None:
        """Drop what has not left yet and must not."""
        for connection_id, ready in self._checking.values():
            ready.dropped = ready.dropped or news.concerns(connection_id, ready.claimed)

    def _not_left(self, ready: "PendingSend") -> Outcome:
        return classify.given_back(ready.claimed, now=self._engine.clock.now())

    def _withhold(self, error: NotOnWhatsApp | NotFoundYet, ready: "PendingSend") -> Outcome:
        """The person does not seem to be on WhatsApp: nothing was sent."""
        if isinstance(error, NotOnWhatsApp):
            return classify.skipped(ready.claimed, SkipReason.NOT_ON_WHATSAPP)
        now = self._engine.clock.now()
        return classify.given_back(ready.claimed, now=now, wait=error.wait, reason="not_found_yet")

    def _note_identity(self, number: str, wa_id: str | None) -> None:
        """Keep the id that WhatsApp knows a person by, where it is not the number itself."""
        if wa_id is not None and wa_id != number[1:]:
            self._engine.spawn(self._engine.ledger.note_identity(wa_id, number))

    def _sort(self, error: Exception, live: LiveConnection, ready: "PendingSend") -> Outcome:
        if not isinstance(error, SendError):
            log.error("sender %s failed: %s", live.snapshot.sender, type(error).__name__)
        ending = classify.not_accepted(error, self._circumstances(live, ready))
        follow: Coroutine[Any, Any, None] | None = None
        match ending.consequence:
            case "slow_down":
                wait = ending.wait or (None if live.snapshot.limits.rate else UNPACED_WAIT)
                follow = self._engine.slow_down(live.snapshot.id, slot=ready.slot, wait=wait)
            case "close_to_strangers":
                self._engine.strangers.close(live.snapshot.id, seconds=ending.wait or 0)
            case "pause_broadcast" if isinstance(error, BadMessage):
                follow = self._engine.ledger.pause_broadcast(ready.snapshot.id, reason=str(error))
            case "pause_connection" if isinstance(error, ConnectionDown):
                follow = self._engine.ledger.pause_connection(live.snapshot.id, error)
            case "opt_out":
                follow = self._engine.ledger.opt_out(
                    ready.claimed.number, reason=ending.outcome.reason or "opt_out", source=live.snapshot.name
                )
        if follow is not None:
            self._engine.spawn(follow)
        return ending.outcome

    def _watch(self, ready: "PendingSend", outcome: Outcome) -> None:
        """Let the broadcast's circuit breaker hear of outcomes that are the recipient's own.

        A breaker is made with the first failure: until then it is enough to count.
        """
        broadcast_id = ready.snapshot.id
        breaker = self._breakers.get(broadcast_id)
        if outcome.status is SENT:
            if breaker is None:
                self._fine[broadcast_id] = self._fine.get(broadcast_id, 0) + 1
            else:
                breaker.tell(OK)
        elif outcome.status is MessageStatus.FAILED:
            if breaker is None:
                breaker = self._make_breaker(broadcast_id)
            self._trip(broadcast_id, breaker.tell(outcome.reason or "failed"))

    def _make_breaker(self, broadcast_id: int) -> CircuitBreaker:
        if len(self._breakers) > MOST_BREAKERS:
            self._breakers.clear()
        if len(self._fine) > MOST_BREAKERS:
            self._fine.clear()
        breaker = self._breakers[broadcast_id] = CircuitBreaker(finished=self._fine.pop(broadcast_id, 0))
        return breaker

    def _trip(self, broadcast_id: int, reason: str | None) -> None:
        if reason is not None:
            del self._breakers[broadcast_id]
            why = f"circuit breaker: too many messages fail alike ({reason})"
            self._engine.spawn(self._engine.ledger.pause_broadcast(broadcast_id, reason=why))

    def _circumstances(self, live: LiveConnection, ready: "PendingSend") -> Circumstances:
        return Circumstances(
            snapshot=ready.snapshot,
            claimed=ready.claimed,
            connection_id=live.snapshot.id,
            now=self._engine.clock.now(),
            random=random.random(),  # noqa: S311 - spreads retries, no secret
            resend_after=self._engine.settings.resend_seconds,
        )


def _as_accepted(answer: object) -> Accepted:
    """:raises OutcomeUnknown: the sender says something that is no answer; the request may have left."""
    if not isinstance(answer, Accepted):
        raise OutcomeUnknown("bad_answer", f"its sender answered with {type(answer).__name__}")
    return answer
