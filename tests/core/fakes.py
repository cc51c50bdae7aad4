"""Fakes for unit tests of the parts that carry a message: without an engine, Redis, threads or real waiting.

Each fake has the methods that its users call, records the calls, and returns or raises what the test sets.
"""

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ClassVar

from pydantic import BaseModel

from tests.core.rows import START, WORKER, broadcast, connection
from tests.core.store.harness import StoreHarness
from wabroadcast_core.background import BackgroundTasks
from wabroadcast_core.control.announcements import Announcement
from wabroadcast_core.delivery.claims import NEVER, DueWork
from wabroadcast_core.delivery.ready_messages import PendingSend
from wabroadcast_core.delivery.resources import TurnResources
from wabroadcast_core.errors import PluginError
from wabroadcast_core.models.base import Model
from wabroadcast_core.models.capabilities import Capabilities
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.models.receipt import WebhookRequest
from wabroadcast_core.models.status import SENT
from wabroadcast_core.outcomes.classify import given_back
from wabroadcast_core.outcomes.recorder import Result
from wabroadcast_core.pacing.pace import ColdPaceError, RecentStarts, SlotReport, Slots
from wabroadcast_core.settings import Settings
from wabroadcast_core.snapshots import BroadcastSnapshot, ConnectionSnapshot
from wabroadcast_core.store.claims import Claimed
from wabroadcast_core.store.group_commit import UnitOfWork
from wabroadcast_core.store.outcomes import Outcome
from wabroadcast_core.transport.live_senders import LiveConnection

# --- time --------------------------------------------------------------------------------------------------------


class FakeClock:
    """A clock that begins at START, moves with the simulated loop's time, and can be set forward."""

    def __init__(self) -> None:
        self._moved = 0.0
        self.followed: list[float] = []  # the readings of Redis' time
        self.jump = 0.0

    def now(self) -> float:
        with contextlib.suppress(RuntimeError):  # no loop is running
            return START + self._moved + asyncio.get_running_loop().time()
        return START + self._moved

    def move(self, seconds: float) -> None:
        self._moved += seconds

    @property
    def steady(self) -> "FakeClock":
        """The clock itself: it does not jump."""
        return self

    def least(self) -> float:
        return 0.0

    def to_wall(self, steady: float) -> float:
        return steady + self.jump

    def to_steady(self, wall: float) -> float:
        return wall - self.jump

    def follow(self, steady: float, jump: float, *, asked_at: float, answered_at: float) -> None:
        assert asked_at <= answered_at
        self.jump = jump
        self.followed.append(steady)


# --- the store ---------------------------------------------------------------------------------------------------


class _Transactions:
    """Runs pieces of work at once: each in a transaction of the store, or with the next of the answers instead."""

    def __init__(self, store: StoreHarness | None = None, *, answers: Iterable[object] = ()) -> None:
        self.store = store
        self.answers = deque(answers)
        self.opted_out: list[str] = []

    def do(self, work: Callable[[UnitOfWork], Any]) -> Any:
        answer = self.answers.popleft() if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        if answer is not None or self.store is None:
            return answer
        with self.store.unit() as unit:
            result = work(unit)
        self.opted_out += unit.opted_out
        return result


class FakeGroupCommit:
    """A group commit of one piece of work each.

    :param store: where the work is done; without it, nothing is.
    :param answers: exceptions to raise or values to return instead of doing the next pieces of work; None does it.
    """

    def __init__(self, store: StoreHarness | None = None, *, answers: Iterable[object] = ()) -> None:
        self.transactions = _Transactions(store, answers=answers)
        self.works: list[Callable[[UnitOfWork], Any]] = []
        self.commit_seconds = 0.0

    async def run(self, work: Callable[[UnitOfWork], Any], *, urgent: bool = True) -> Any:
        del urgent
        await asyncio.sleep(0)
        self.works.append(work)
        return self.transactions.do(work)


class FakeLedger:
    """A ledger that records its calls.

    :param store: where :meth:`transact` works.
    """

    def __init__(self, store: StoreHarness | None = None) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.raises: dict[str, deque[Exception]] = defaultdict(deque)  # by method: raised by its next calls
        self.transactions = _Transactions(store)
        self.connections: dict[int, ConnectionSnapshot] = {1: connection(1), 2: connection(2)}
        self.broadcasts: dict[int, BroadcastSnapshot] = {1: broadcast(1), 2: broadcast(2)}
        self.reached_before: set[str] = set()
        self.starts = RecentStarts(None)
        self.claims: list[Claimed] = []
        self.due_work = DueWork(self.connections[1])
        self.looking: asyncio.Event | None = None  # awaited by each look
        self.waiting: asyncio.Event | None = None  # awaited by each transaction
        self.transactions_begun = 0
        self.commit_seconds = 0.0

    async def pause_broadcast(self, broadcast_id: int, *, reason: str) -> None:
        self._called("pause_broadcast", broadcast_id, reason)

    async def pause_connection(self, connection_id: int, error: Exception) -> None:
        self._called("pause_connection", connection_id, str(error))

    async def resume_connection(self, connection_id: int) -> None:
        self._called("resume_connection", connection_id)

    async def opt_out(self, number: str, *, reason: str, source: str) -> None:
        self._called("opt_out", number, reason, source)

    async def reached(self, connection_id: int, numbers: Sequence[str]) -> Collection[str]:
        self._called("reached", connection_id, list(numbers))
        return self.reached_before & set(numbers)

    async def recent_starts(self, connection: ConnectionSnapshot, *, now: float) -> RecentStarts:
        self._called("recent_starts", connection.id, now)
        return self.starts

    async def claim(
        self, connection: ConnectionSnapshot, *, worker_id: int, amount: int, caps: Mapping[int, int] | None
    ) -> tuple[list[Claimed], DueWork]:
        self._called("claim", connection.id, worker_id, amount, caps)
        return self.claims, self.due_work

    def snapshot(self, broadcast_id: int) -> BroadcastSnapshot:
        return self.broadcasts[broadcast_id]

    async def pool_of(self, broadcast_id: int) -> list[int]:
        self._called("pool_of", broadcast_id)
        return list(self.connections)

    async def look(self, connection_id: int) -> DueWork:
        self._called("look", connection_id)
        await _act(self.looking)
        return self.due_work

    async def connection(self, connection_id: int) -> ConnectionSnapshot | None:
        self._raise("connection")
        return self.connections.get(connection_id)

    async def transact(self, work: Callable[[UnitOfWork], Any]) -> Any:
        self.transactions_begun += 1
        await asyncio.sleep(0)
        await _act(self.waiting)
        self._raise("transact")
        return self.transactions.do(work)

    def _called(self, method: str, *arguments: Any) -> None:
        self._raise(method)
        self.calls.append((method, *arguments))

    def _raise(self, method: str) -> None:
        if self.raises[method]:
            raise self.raises[method].popleft()


class FakeRecorder:
    """Collects the results that are added."""

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.identities: dict[str, Claimed] = {}
        self._preceding = BackgroundTasks("a pause")

    def precede(self, work: Coroutine[Any, Any, None]) -> None:
        self._preceding.spawn(work)

    @property
    def outcomes(self) -> list[Outcome]:
        return [result.outcome for result in self.results]

    def add(self, result: Result) -> None:
        self.results.append(result)

    def add_sent(self, message: Claimed, *, provider_id: str | None, sent_at: float) -> None:
        outcome = Outcome(message.key, SENT, True, None, None, message.connection_id, provider_id, sent_at)
        self.add(Result(message, outcome, sent_at))

    def note_identity(self, message: Claimed, wa_id: str) -> None:
        self.identities[wa_id] = message

    def put_aside(self, message: Claimed, outcome: Outcome) -> None:
        self.add(Result(message, outcome))

    def give_back(self, message: Claimed, *, now: float, wait: float = 0, reason: str | None = None) -> None:
        self.put_aside(message, given_back(message, now=now, wait=wait, reason=reason))

    async def has_room(self) -> None:
        """There always is."""


# --- providers and plugins ---------------------------------------------------------------------------------------


class NoSettings(Model):
    """There is nothing to set."""


async def _act(answer: Any) -> Any:
    """Raise an exception, wait for an event, return anything else."""
    if isinstance(answer, asyncio.Event):
        await answer.wait()
        return None
    if isinstance(answer, BaseException):
        raise answer
    return answer


class FakeSender:
    """A sender without optional abilities.

    :param answers: one for each message in order, the last one for all that follow: an exception is raised, an event
        is waited for before the message is accepted, anything else is returned.
    """

    kind: ClassVar[str] = "fake"
    Settings: ClassVar[type[BaseModel]] = NoSettings
    capabilities: ClassVar[Capabilities] = Capabilities(number_check=True, client_message_ids=True)

    def __init__(self, *answers: object) -> None:
        self._answers = deque(answers or [Accepted()])
        self.messages: list[OutgoingMessage] = []

    async def send(self, message: OutgoingMessage) -> Any:
        self.messages.append(message)
        answer = self._answers.popleft() if len(self._answers) > 1 else self._answers[0]
        given = await _act(answer)
        return Accepted() if isinstance(answer, asyncio.Event) else given


class AskedSender(FakeSender):
    """A sender that can check numbers and look up messages.

    :param check: the answer to each question about a number; an exception is raised.
    :param found: the answer to each lookup; an exception is raised, an event waited for.
    """

    def __init__(self, *answers: object, check: object = True, found: object = None) -> None:
        super().__init__(*answers)
        self.check = check
        self.found = found
        self.asked: list[str] = []  # numbers and message ids

    async def check_numbers(self, numbers: Sequence[str]) -> Mapping[str, Any]:
        self.asked += numbers
        check = await _act(self.check)
        return {} if check is None else dict.fromkeys(numbers, check)

    async def find_message(self, message_id: str, number: str) -> Any:
        del number
        self.asked.append(message_id)
        return await _act(self.found)


class WebhookSender(FakeSender):
    """A sender with webhooks: the body of a call is the name of prepared events; other bodies cannot be parsed."""

    def __init__(self, *answers: object, events: Mapping[str, Sequence[Any]] | None = None) -> None:
        super().__init__(*answers)
        self.events = dict(events or {})
        self.parsed: list[str] = []

    def verify_webhook(self, request: WebhookRequest) -> str | None:
        raise NotImplementedError

    def parse_webhook(self, request: WebhookRequest) -> list[Any]:
        name = request.body.decode()
        self.parsed.append(name)
        return list(self.events[name])


def live(sender: Any = None, *, of: ConnectionSnapshot | None = None) -> LiveConnection:
    snapshot = of or connection()
    return LiveConnection(snapshot, sender or FakeSender())


class FakeLiveSenders:
    """One sender for all connections.

    :param error: raised instead, as where a sender cannot be made.
    """

    def __init__(self, sender: Any = None, *, error: Exception | None = None) -> None:
        self.sender: Any = sender or FakeSender()
        self.error = error
        self._live: dict[int, LiveConnection] = {}

    def of(self, snapshot: ConnectionSnapshot) -> LiveConnection:
        if self.error is not None:
            raise self.error
        made = self._live.setdefault(snapshot.id, live(self.sender, of=snapshot))
        made.snapshot = snapshot
        return made

    def find_sender(self, snapshot: ConnectionSnapshot) -> Any:
        return None if self.error is not None else self.of(snapshot).sender


class FakeNumberCheck:
    """:param answer: raised or waited for; None passes every number."""

    def __init__(self, answer: object = None) -> None:
        self.answer = answer
        self.numbers: list[str] = []

    async def check_number(self, sender: Any, number: str) -> None:
        del sender
        self.numbers.append(number)
        await _act(self.answer)


class FakeNewContacts:
    """An open gate that holds back chosen messages and records the calls that close it."""

    def __init__(self) -> None:
        self.closed: list[tuple[int, float]] = []  # connection id, seconds
        self.held_back: set[int] = set()  # message keys
        self.error: Exception | None = None

    def close(self, connection_id: int, *, seconds: float) -> None:
        self.closed.append((connection_id, seconds))

    async def hold_back(self, connection_id: int, messages: Sequence[Claimed]) -> Sequence[Claimed]:
        del connection_id
        if self.error is not None:
            raise self.error
        return [message for message in messages if message.key not in self.held_back]


class FakeBlacklists:
    """The blacklists of the plugins.

    :param blocked: reasons by number; None: no plugin has a blacklist.
    """

    def __init__(self, blocked: Mapping[str, str] | None = None, *, error: PluginError | None = None) -> None:
        self.has_blacklists = blocked is not None or error is not None
        self._blocked = blocked or {}
        self._error = error
        self.asked: list[list[str]] = []

    def blacklisted(self, numbers: Sequence[str]) -> Mapping[str, str]:
        self.asked.append(list(numbers))
        if self._error is not None:
            raise self._error
        return {number: reason for number, reason in self._blocked.items() if number in numbers}


class FakeCache:
    """A cache whose entries expire by the clock."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self._entries: dict[str, tuple[float, str]] = {}

    async def get(self, key: str) -> str | None:
        ends_at, value = self._entries.get(key, (0.0, None))
        return value if self._clock.now() < ends_at else None

    async def put(self, key: str, value: str, *, seconds: float) -> None:
        self._entries[key] = (self._clock.now() + seconds, value)


# --- Redis -------------------------------------------------------------------------------------------------------


class FakePace:
    """The primed limiter.

    :param answers: slots to return, or exceptions to raise, for each request in order; afterwards it returns as many
        slots as were requested, all of them now.
    """

    def __init__(self, clock: FakeClock, *answers: Slots | Exception) -> None:
        self._clock = clock
        self._answers = deque(answers)
        self.calls: list[tuple[Any, ...]] = []
        self.reports: list[SlotReport] = []
        self.refused: list[float] = []  # for how long every message was throttled, at each throttling

    async def reserve(self, connection: ConnectionSnapshot, *, count: int, **asked: Any) -> Slots:
        del asked
        await asyncio.sleep(0)
        self.calls.append(("reserve", connection.id, self._clock.now()))
        if not self._answers:
            return slots(*[self._clock.now()] * count)
        answer = self._answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def report(self, connection: ConnectionSnapshot, report: SlotReport) -> None:
        del connection
        self.reports.append(report)

    async def slow_down(self, connection_id: int, *, slot: float, wait: float | None, refused: float = 0.0) -> None:
        self.refused.append(refused)
        self.calls.append(("slow_down", connection_id, slot, wait))

    async def end_silence(self, connection_id: int) -> None:
        self.calls.append(("end_silence", connection_id))


def slots(*times: float, next_at: float = START) -> Slots:
    return Slots(times, [None] * len(times), next_at, 1.0)


class FakeLimiter:
    """The limiter in Redis. It gives slots once it is primed.

    :param cold: Redis lost its keys.
    """

    def __init__(self, *, cold: bool = False, error: Exception | None = None) -> None:
        self.cold = cold
        self.error = error
        self.reports: list[SlotReport | None] = []
        self.primed: list[tuple[int, RecentStarts, float]] = []
        self.slowed: list[tuple[int, float, float | None]] = []

    async def reserve(
        self, connection_id: int, limits: Limits, *, count: int, report: SlotReport | None = None, **asked: Any
    ) -> Slots:
        del connection_id, limits, asked
        self._answer()
        self.reports.append(report)
        return slots(*[START] * count)

    async def report(self, connection_id: int, limits: Limits, report: SlotReport) -> None:
        del connection_id, limits
        self._answer()
        self.reports.append(report)

    async def prime(self, connection_id: int, limits: Limits, recent: RecentStarts, *, now: float) -> None:
        del limits
        self.cold = False
        self.primed.append((connection_id, recent, now))

    async def slow_down(self, connection_id: int, *, slot: float, wait: float | None, refused: float = 0.0) -> None:
        del refused
        if self.error is not None:
            raise self.error
        self.slowed.append((connection_id, slot, wait))

    def _answer(self) -> None:
        if self.error is not None:
            raise self.error
        if self.cold:
            raise ColdPaceError


class FakeIntents:
    """The intents of one worker.

    :param raises: raised by the next calls of :meth:`mark`.
    """

    def __init__(self, *, holds: Iterable[int] = (), raises: Iterable[Exception] = ()) -> None:
        self.held = set(holds)
        self.raises = deque(raises)
        self.beats: deque[Any] = deque()
        self.calls: list[tuple[Any, ...]] = []
        self.forgotten: list[int] = []  # of messages that were not started

    def holds(self, key: int) -> bool:
        return key in self.held

    async def open(self, worker_id: int) -> None:
        self.calls.append(("open", worker_id))

    async def mark(self, worker_id: int, keys: Sequence[int]) -> None:
        if self.raises:
            raise self.raises.popleft()
        self.calls.append(("mark", worker_id, list(keys)))

    async def beat(self, worker_id: int, *, lease_seconds: float) -> Any:
        self.calls.append(("beat", worker_id, lease_seconds))
        return self.beats.popleft()

    async def drop(self, worker_id: int) -> None:
        self.calls.append(("drop", worker_id))

    def forget(self, keys: Iterable[int], *, started: bool = True) -> None:
        if not started:
            self.forgotten += keys

    def forget_all(self) -> None:
        self.calls.append(("forget_all",))


class FakeLease:
    """The lease of the worker under test.

    :param answers: of each writing of intents: an exception is raised, an event waited for, a number of seconds passes.
    """

    def __init__(self, *answers: object) -> None:
        self.worker_id = WORKER
        self.answers = deque(answers)
        self.marked: list[list[int]] = []

    async def mark_started(self, keys: Sequence[int]) -> None:
        answer = self.answers.popleft() if self.answers else None
        if isinstance(answer, float):
            await asyncio.sleep(answer)
        await _act(answer)
        self.marked.append(list(keys))


class FakeHeldClaims:
    def __init__(self) -> None:
        self.keys: set[int] = set()

    def add(self, keys: Iterable[int]) -> None:
        self.keys.update(keys)

    def release(self, keys: Iterable[int]) -> None:
        self.keys.difference_update(keys)


class FakeGaps:
    """:param waits: seconds by number; an exception is raised."""

    def __init__(self, waits: Mapping[str, float] | Exception | None = None) -> None:
        self.waits = waits or {}

    async def admit(self, connection_id: int, rate: Any, numbers: Sequence[str]) -> list[float]:
        del connection_id, rate
        if isinstance(self.waits, Exception):
            raise self.waits
        return [self.waits.get(number, 0.0) for number in numbers]


class FakeLanes:
    def __init__(self, *, free: int = 1) -> None:
        self.free = free
        self.names: list[str] = []  # of the turns that had a lane

    async def take(self, connection_id: int, turn: str, *, lanes: int, seconds: float) -> bool:
        del connection_id, lanes, seconds
        if not self.free:
            return False
        self.free -= 1
        self.names.append(turn)
        return True

    async def give_back(self, connection_id: int, turn: str) -> None:
        del connection_id
        assert turn in self.names
        self.free += 1


class FakeRedis:
    """A client that can only publish."""

    def __init__(self) -> None:
        self.published: list[tuple[str, Announcement]] = []

    async def publish(self, channel: str, text: str) -> None:
        self.published.append((channel, Announcement.from_json(text)))


# --- turns -------------------------------------------------------------------------------------------------------


class FakeWorkQueue:
    def __init__(self) -> None:
        self.turns: list[tuple[int, int, float | None]] = []  # connection id, rank, time

    def turn(self, connection_id: int, *, rank: int, at: float | None = None) -> bool:
        self.turns.append((connection_id, rank, at))
        return True


class FakeWakeups:
    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    async def requeue(self, connection_id: int, due_work: DueWork, *, slot: float = 0) -> None:
        self.calls.append(("requeue", connection_id, due_work, slot))

    async def queue_turn(self, connection_id: int, *, rank: int, due: float) -> None:
        self.calls.append(("queue_turn", connection_id, rank, due))

    async def notify_lanes(self, connection_id: int) -> None:
        self.calls.append(("notify_lanes", connection_id))


class FakeSends:
    """Records which messages were started, and when."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.started: list[tuple[int, float]] = []  # message key, time

    def start(self, through: LiveConnection, message: PendingSend) -> None:
        del through
        self.started.append((message.claimed.key, self._clock.now()))

    async def wait_for_end(self, connection_id: int) -> None:
        del connection_id
        await asyncio.sleep(0.01)


class FakeClaimer:
    """:param claims: the messages of each claim in order, or an exception to raise; afterwards no work is due."""

    def __init__(self, *claims: Sequence[PendingSend] | Exception) -> None:
        self._claims = deque(claims)
        self.amounts: list[int] = []

    async def claim(
        self, connection: ConnectionSnapshot, amount: int, caps: Mapping[int, int] | None
    ) -> tuple[Sequence[PendingSend], int, DueWork]:
        del caps
        await asyncio.sleep(0)
        self.amounts.append(amount)
        found = self._claims.popleft() if self._claims else []
        if isinstance(found, Exception):
            raise found
        return found, len(found), DueWork(connection, next_due=NEVER)


@dataclass
class Parts:
    """Fakes of all parts that turns share."""

    clock: FakeClock = field(default_factory=FakeClock)
    ledger: FakeLedger = field(default_factory=FakeLedger)
    recorder: FakeRecorder = field(default_factory=FakeRecorder)
    lease: FakeLease = field(default_factory=FakeLease)
    intents: FakeIntents = field(default_factory=FakeIntents)
    lanes: FakeLanes = field(default_factory=FakeLanes)
    gaps: FakeGaps = field(default_factory=FakeGaps)
    wakeups: FakeWakeups = field(default_factory=FakeWakeups)
    claimer: FakeClaimer = field(default_factory=FakeClaimer)
    live_senders: FakeLiveSenders = field(default_factory=FakeLiveSenders)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    settings: Settings = field(default_factory=lambda: Settings(turn_seconds=3.0))

    def __post_init__(self) -> None:
        self.pace = FakePace(self.clock)
        self.sends = FakeSends(self.clock)
        self.background = BackgroundTasks("background work")

    def resources(self) -> TurnResources:
        fakes: Any = SimpleNamespace(**vars(self))
        return TurnResources(
            settings=self.settings,
            clock=fakes.clock,
            stopping=self.stopping,
            ledger=fakes.ledger,
            claimer=fakes.claimer,
            pace=fakes.pace,
            recipient_gaps=fakes.gaps,
            lanes=fakes.lanes,
            live_senders=fakes.live_senders,
            sends=fakes.sends,
            intents=fakes.intents,
            lease=fakes.lease,
            recorder=fakes.recorder,
            wakeups=fakes.wakeups,
        )
