"""The send itself: hand a message to its sender, sort how it ended, see to what follows for others."""

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from wabroadcast_core.delivery import outcomes
from wabroadcast_core.delivery.outcomes import Circumstances, Ending
from wabroadcast_core.delivery.recorder import Result
from wabroadcast_core.delivery.retry import OK, CircuitBreaker
from wabroadcast_core.delivery.senders import LiveConnection
from wabroadcast_core.errors import BadMessage, ConnectionDown, SendError
from wabroadcast_core.models.status import MessageStatus

if TYPE_CHECKING:
    from wabroadcast_core.delivery.engine import Engine
    from wabroadcast_core.delivery.turn import Ready

log = logging.getLogger(__name__)


class Sending:
    """All sends of one engine that are under way.

    :param ended: told after each of a connection's sends.
    """

    def __init__(self, engine: "Engine", *, ended: Callable[[int], None]) -> None:
        self._engine = engine
        self._ended = ended
        self._tasks: dict[int, tuple[float, asyncio.Task[None]]] = {}  # by message key: start, task
        self._breakers: dict[int, CircuitBreaker] = {}
        self._looks_before_send = engine.context.plugins.looks_before_send

    @property
    def keys(self) -> list[int]:
        """The messages whose request is under way."""
        return list(self._tasks)

    def start(self, live: LiveConnection, ready: "Ready") -> None:
        live.in_flight += 1
        task = asyncio.get_running_loop().create_task(self._send(live, ready))
        self._tasks[ready.claimed.key] = (self._engine.clock.now(), task)

    async def finish(self, *, within: float) -> None:
        """Wait for what is under way; what takes longer is given up as unknown."""
        tasks = [task for _, task in self._tasks.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=within)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def give_up_older_than(self, seconds: float) -> None:
        """End sends whose sender never answers: nothing may hang for ever."""
        before = self._engine.clock.now() - seconds
        for started_at, task in list(self._tasks.values()):
            if started_at < before:
                task.cancel()

    async def _send(self, live: LiveConnection, ready: "Ready") -> None:
        started_at = self._engine.clock.now()
        try:
            if self._looks_before_send:
                self._engine.context.plugins.before_send(ready.message)
            answer = await live.sender.send(ready.message)
            ending = Ending(outcomes.accepted(answer, self._circumstances(live, ready), started_at=started_at))
        except asyncio.CancelledError:
            ending = Ending(outcomes.unknown("no_answer", self._circumstances(live, ready)))
        except Exception as error:  # noqa: BLE001 - whatever a plugin raises is sorted, and stops nobody else
            ending = self._sort(error, live, ready)
        finally:
            live.in_flight -= 1
            self._tasks.pop(ready.claimed.key, None)
        self._engine.recorder.add(Result(ready.claimed, ending.outcome, self._engine.worker_id, started_at))
        self._ended(live.brief.id)
        self._watch(ready, ending)

    def _sort(self, error: Exception, live: LiveConnection, ready: "Ready") -> Ending:
        if not isinstance(error, SendError):
            log.error("sender %s failed: %s", live.brief.sender, type(error).__name__)
        ending = outcomes.not_accepted(error, self._circumstances(live, ready))
        follow: Coroutine[Any, Any, None] | None = None
        match ending.consequence:
            case "slow_down":
                follow = self._engine.slow_down(live.brief.id, slot=ready.slot, wait=ending.wait)
            case "pause_broadcast" if isinstance(error, BadMessage):
                follow = self._engine.ledger.pause_broadcast(ready.brief.id, reason=str(error))
            case "pause_connection" if isinstance(error, ConnectionDown):
                follow = self._engine.ledger.pause_connection(live.brief.id, error)
            case "opt_out":
                follow = self._engine.ledger.opt_out(
                    ready.claimed.number, reason=ending.outcome.reason or "opt_out", source=live.brief.name
                )
        if follow is not None:
            self._engine.spawn(follow)
        return ending

    def _watch(self, ready: "Ready", ending: Ending) -> None:
        """Let the broadcast's circuit breaker hear of outcomes that are the recipient's own."""
        outcome = ending.outcome
        if outcome.status not in {MessageStatus.SENT, MessageStatus.FAILED}:
            return
        breaker = self._breakers.get(ready.brief.id)
        if breaker is None:
            if len(self._breakers) > 1_000:  # noqa: PLR2004 - far more than broadcasts run at once
                self._breakers.clear()
            breaker = self._breakers[ready.brief.id] = CircuitBreaker()
        failed = outcome.status is MessageStatus.FAILED
        tripped = breaker.tell(outcome.reason or "failed" if failed else OK)
        if tripped is not None:
            del self._breakers[ready.brief.id]
            reason = f"circuit breaker: too many messages fail alike ({tripped})"
            self._engine.spawn(self._engine.ledger.pause_broadcast(ready.brief.id, reason=reason))

    def _circumstances(self, live: LiveConnection, ready: "Ready") -> Circumstances:
        return Circumstances(
            brief=ready.brief,
            claimed=ready.claimed,
            connection_id=live.brief.id,
            now=self._engine.clock.now(),
            random=random.random(),  # noqa: S311 - spreads retries, no secret
            resend_after=self._engine.settings.resend_seconds,
        )
