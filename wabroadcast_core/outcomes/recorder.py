"""Outcomes on their way into the store: many turns' in one transaction, kept while the store is away."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Container, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any, TypeAlias

from wabroadcast_core.background import RETRY_SECONDS, BackgroundTasks
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.models.status import SENT, AttemptOutcome, MessageStatus
from wabroadcast_core.outcomes.classify import given_back
from wabroadcast_core.outcomes.receipts import apply_parked
from wabroadcast_core.store import attempts as attempt_store
from wabroadcast_core.store import identities as identity_store
from wabroadcast_core.store import minute_counts as minute_store
from wabroadcast_core.store import outcomes as outcome_store
from wabroadcast_core.store import reason_counts
from wabroadcast_core.store import receipts as receipt_store
from wabroadcast_core.store import starts as start_store
from wabroadcast_core.store import workers as worker_store
from wabroadcast_core.store.attempts import NewAttempt
from wabroadcast_core.store.claims import Claimed
from wabroadcast_core.store.group_commit import GroupCommit, UnitOfWork
from wabroadcast_core.store.minute_counts import Fact, MinuteCounts
from wabroadcast_core.store.outcomes import NotHeldError, Outcome, Sent
from wabroadcast_core.store.starts import START_SPAN, StartCounts

log = logging.getLogger(__name__)

MOST_WAITING = 10_000  # outcomes; beyond that nothing new is claimed
MOST_AT_ONCE = 2_000  # of each kind, plainly sent messages and others
ENOUGH = 4  # outcomes that are worth a transaction; fewer wait for company, as each transaction waits for the disk
LEAST_PATIENCE = 0.08  # seconds that they wait at most, where commits are cheap
MOST_PATIENCE = 0.25
COMMITS_OF_PATIENCE = 10  # where they are not, as long as so many commits take

_ATTEMPT_OUTCOMES = {
    MessageStatus.FAILED: AttemptOutcome.FAILED,
    MessageStatus.RETRY: AttemptOutcome.RETRY,
    MessageStatus.UNKNOWN: AttemptOutcome.UNKNOWN,
}

_COUNTED: dict[MessageStatus, Fact] = {MessageStatus.SENT: "sent", MessageStatus.FAILED: "failed"}


@dataclass(slots=True)
class Result:
    """One outcome with the facts that are stored beside it."""

    claimed: Claimed
    outcome: Outcome
    started_at: float | None = None  # of the attempt; unset if the message was given back or skipped
    left: bool = True  # whether its request left: otherwise a check or a plugin ended the attempt, which is no start


SentMessage: TypeAlias = tuple[Claimed, str | None, float]
"""A message that its provider plainly accepted, as nearly all are: the provider's id, and when it was sent.

It is a tuple, because one is made for each message.
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction stores: the messages that were plainly sent, and the other results."""

    sent: Sequence[SentMessage]
    others: Sequence[Result]
    identities: Mapping[str, int] = field(default_factory=dict)  # the key of a message by the id of its recipient

    def __len__(self) -> int:
        return len(self.sent) + len(self.others)

    @property
    def keys(self) -> list[int]:
        """The keys of all its messages."""
        return [claimed.key for claimed, _, _ in self.sent] + [result.claimed.key for result in self.others]

    def without(self, broadcast_ids: Container[int]) -> "Batch":
        """Return the batch without the messages of these broadcasts."""
        return Batch(
            [each for each in self.sent if each[0].broadcast_id not in broadcast_ids],
            [result for result in self.others if result.claimed.broadcast_id not in broadcast_ids],
            self.identities,
        )


class Recorder:
    """Takes results on the event loop and stores them in the order in which they came, the plainly sent ones first.

    :param recorded: called on the event loop with what a transaction has stored, after its commit.
    :param written_intents: returns the number of the latest group of intents that Redis has. It is recorded too, so
        that a Redis which has lost intents is detected.
    :param to_wall: returns a time of the turns as wall time.
    """

    def __init__(
        self,
        group_commit: GroupCommit,
        *,
        recorded: Callable[[Batch], None],
        written_intents: Callable[[], int],
        to_wall: Callable[[float], float],
    ) -> None:
        self._group_commit = group_commit
        self._recorded = recorded
        self._written_intents = written_intents
        self._to_wall = to_wall
        self._sent: list[SentMessage] = []
        self._others: list[Result] = []
        self._identities: dict[str, int] = {}
        self._unstored = 0
        self._task: asyncio.Task[None] | None = None
        self._preceding = BackgroundTasks("a pause")
        self._enough = asyncio.Event()
        self._is_hurried = False
        self._eased = asyncio.Event()
        self._eased.set()

    def add(self, result: Result) -> None:
        """Store a result soon."""
        self._others.append(result)
        self._note_one_more()

    def add_sent(self, claimed: Claimed, *, provider_id: str | None, sent_at: float) -> None:
        """Store soon that a provider accepted a message, and said nothing more."""
        self._sent.append((claimed, provider_id, sent_at))
        self._note_one_more()

    def note_identity(self, claimed: Claimed, wa_id: str) -> None:
        """Store the id by which WhatsApp knows the recipient of a message, in the next transaction."""
        self._identities[wa_id] = claimed.key

    def put_aside(self, claimed: Claimed, outcome: Outcome) -> None:
        """Add the outcome of a message for which no request was made."""
        self.add(Result(claimed, outcome))

    def give_back(self, claimed: Claimed, *, now: float, wait: float = 0, reason: str | None = None) -> None:
        """Return a claimed message that was not started.

        :param now: the present time of the turns, which is steady time.
        :param wait: seconds before it may be claimed again.
        """
        self.put_aside(claimed, given_back(claimed, now=self._to_wall(now), wait=wait, reason=reason))

    @property
    def is_empty(self) -> bool:
        """Whether every result is stored."""
        return self._unstored == 0

    def precede(self, work: Coroutine[Any, Any, None]) -> None:
        """Do ``work`` before the results that wait are stored.

        So a broadcast is paused before it completes with the failures that it is paused for, and what a send causes has
        been done once its message is not under way any more.
        """
        self._preceding.spawn(work)

    async def has_room(self) -> None:
        """Wait until the store has caught up."""
        await self._eased.wait()

    async def flush(self) -> None:
        """Wait until every result is stored; from now on results do not wait for company."""
        self._is_hurried = True
        self._enough.set()
        while self._task is not None:
            await asyncio.shield(self._task)

    @property
    def _waiting(self) -> int:
        """How many results no transaction has taken yet."""
        return len(self._sent) + len(self._others)

    def _note_one_more(self) -> None:
        self._unstored += 1
        if self._unstored >= MOST_WAITING:
            self._eased.clear()
        if not self._enough.is_set() and self._waiting >= ENOUGH:
            self._enough.set()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._store_all())

    async def _store_all(self) -> None:
        while self._waiting:
            await self._wait_for_company()
            await self._preceding.wait_all()
            batch = Batch(self._sent[:MOST_AT_ONCE], self._others[:MOST_AT_ONCE], self._identities)
            del self._sent[:MOST_AT_ONCE], self._others[:MOST_AT_ONCE]
            self._identities = {}
            await self._store(batch)
            self._unstored -= len(batch)
            if self._unstored < MOST_WAITING // 2:
                self._eased.set()
            self._notify(batch)
        self._task = None

    def _notify(self, batch: Batch) -> None:
        """Report what was stored; a failure of what follows must not end the recording."""
        try:
            self._recorded(batch)
        except Exception:
            log.exception("what follows from %d recorded outcomes failed", len(batch))

    async def _wait_for_company(self) -> None:
        """Let few results wait for others, the longer the more a transaction costs just then."""
        if self._waiting >= ENOUGH or self._is_hurried:
            return
        patience = min(max(LEAST_PATIENCE, COMMITS_OF_PATIENCE * self._group_commit.commit_seconds), MOST_PATIENCE)
        self._enough.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._enough.wait()

    async def _store(self, batch: Batch) -> None:
        waited, shares, intents = False, _shares_of(batch), self._written_intents()
        while True:
            try:
                await self._group_commit.run(partial(_record, shares, batch.identities, intents), urgent=False)
            except NotHeldError:
                shares = _shares_of(_spelled_out(batch))
                continue
            except UnavailableError:
                if not waited:
                    log.warning("the store is away: %d outcomes are kept until it is back", self._unstored)
            except Exception:  # whatever it is, outcomes are not thrown away
                if not waited:
                    log.exception("%d outcomes could not be stored; they are tried again", self._unstored)
            else:
                return
            waited = True
            await asyncio.sleep(RETRY_SECONDS)


def _spelled_out(batch: Batch) -> Batch:
    """Return a batch with a result for each message: the store then says which of them are still held."""
    return Batch([], [*(_result_of(message) for message in batch.sent), *batch.others])


def _result_of(message: SentMessage) -> Result:
    claimed, provider_id, sent_at = message
    outcome = Outcome(
        claimed.key, SENT, True, connection_id=claimed.connection_id, provider_id=provider_id, sent_at=sent_at
    )
    return Result(claimed, outcome, sent_at)


@dataclass(frozen=True, slots=True)
class _Share:
    """The results of one worker; the messages that were plainly sent are packed."""

    worker_id: int
    messages: Sequence[SentMessage]
    others: Sequence[Result]
    sent: Sent
    starts: StartCounts  # of what is packed
    minutes: MinuteCounts  # likewise

    @classmethod
    def of(cls, batch: Batch, worker_id: int) -> "_Share":
        """Done on the event loop: what the store's thread does for each message holds up both."""
        messages = [each for each in batch.sent if each[0].worker_id == worker_id]
        others = [result for result in batch.others if result.claimed.worker_id == worker_id]
        starts, minutes = _count_spans(
            Counter([(claimed.broadcast_id, claimed.connection_id, at // START_SPAN) for claimed, _, at in messages])
        )
        sent = Sent.of(
            [claimed.key for claimed, _, _ in messages],
            provider_ids=[provider_id for _, provider_id, _ in messages],
            times=[at for _, _, at in messages],
        )
        return cls(worker_id, messages, others, sent, starts, minutes)


def _count_spans(spans: Mapping[tuple[int, int, float], int]) -> tuple[StartCounts, MinuteCounts]:
    """Count messages that were sent when they were started, by span and by minute, which is several spans.

    :param spans: how many by broadcast id, connection id and number of the span.
    """
    starts: StartCounts = Counter()
    minutes: MinuteCounts = Counter()
    for (broadcast_id, connection_id, span), amount in spans.items():
        began_at = span * START_SPAN
        starts[connection_id, start_store.span_end(began_at)] += amount
        minutes[broadcast_id, connection_id, minute_store.minute_of(began_at), "sent"] += amount
    return starts, minutes


def _shares_of(batch: Batch) -> list[_Share]:
    worker_ids = {claimed.worker_id for claimed, _, _ in batch.sent}  # one, except after it got a new lease
    worker_ids.update(result.claimed.worker_id for result in batch.others)
    return [_Share.of(batch, worker_id) for worker_id in sorted(worker_ids)]


def _starts_of(results: Sequence[Result]) -> StartCounts:
    return start_store.count_by_span(
        [
            (result.claimed.connection_id, result.started_at)
            for result in results
            if result.started_at is not None and result.left
        ]
    )


def _minutes_of(results: Sequence[Result], fact: Fact, *, now: float) -> MinuteCounts:
    """Count results by the minute in which their message was sent, or else in which the attempt began.

    :param now: the time of those without either.
    """
    return minute_store.count_by_minute(
        fact,
        [
            (
                result.claimed.broadcast_id,
                result.claimed.connection_id,
                result.outcome.sent_at or result.started_at or now,
            )
            for result in results
        ],
    )


def _record(shares: Sequence[_Share], identities: Mapping[str, int], intents: int, unit: UnitOfWork) -> None:
    """Store outcomes, and what is kept beside them: starts, failed attempts, reasons of skips, ids, early receipts.

    :param intents: the number of the latest group of intents that Redis has.
    :raises NotHeldError: what was packed is not all held by its worker any more; the transaction is to be given up.
    """
    stored: list[Result] = []
    for share in shares:
        worker_store.record_intents(unit.conn, share.worker_id, latest=intents)
        if share.messages:
            outcome_store.record_sent(unit.conn, share.sent, worker_id=share.worker_id, changes=unit.changes)
        if share.others:
            outcomes = [result.outcome for result in share.others]
            keys = outcome_store.record_outcomes(unit.conn, outcomes, worker_id=share.worker_id, changes=unit.changes)
            stored += [result for result in share.others if result.outcome.key in keys]
    start_store.add_starts(unit.conn, sum((share.starts for share in shares), _starts_of(stored)))
    for share in shares:
        unit.minutes.update(share.minutes)
    for status, fact in _COUNTED.items():
        unit.minutes.update(
            _minutes_of([result for result in stored if result.outcome.status is status], fact, now=unit.now)
        )
    _record_unsent(unit, [result for result in stored if result.outcome.status is not SENT])
    if identities:
        identity_store.note_answered(unit.conn, identities)
    if receipt_store.has_parked(unit.conn):
        _apply_parked(unit, stored, chain.from_iterable(share.messages for share in shares))


def _record_unsent(unit: UnitOfWork, results: Sequence[Result]) -> None:
    attempt_store.add_attempts(
        unit.conn,
        [
            NewAttempt(
                result.outcome.key,
                result.claimed.attempts + 1,
                result.started_at,
                result.outcome.connection_id,
                _ATTEMPT_OUTCOMES[result.outcome.status],
                result.outcome.reason or "",
                result.outcome.detail,
            )
            for result in results
            if result.started_at is not None and result.outcome.status in _ATTEMPT_OUTCOMES
        ],
    )
    skips: dict[int, Counter[str]] = {}
    for result in results:
        if result.outcome.status is MessageStatus.SKIPPED:
            skips.setdefault(result.claimed.broadcast_id, Counter())[result.outcome.reason or ""] += 1
    for broadcast_id, reasons in sorted(skips.items()):
        reason_counts.count_skips(unit.conn, broadcast_id, dict(reasons))


def _apply_parked(unit: UnitOfWork, results: Iterable[Result], sent: Iterable[SentMessage]) -> None:
    """A receipt may have been faster than our own record."""
    stored: dict[int, dict[int, str | None]] = {}
    for result in results:  # those without a connection were not sent this time, but maybe before
        stored.setdefault(result.outcome.connection_id or 0, {})[result.outcome.key] = result.outcome.provider_id
    for claimed, provider_id, _ in sent:
        stored.setdefault(claimed.connection_id, {})[claimed.key] = provider_id
    for connection_id, provider_ids in stored.items():
        apply_parked(unit, provider_ids, connection_id=connection_id)
