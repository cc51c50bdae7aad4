"""The guarantees of the limiter: of its script under a simulated clock, and of several clients at once."""

import asyncio
import contextlib
import itertools
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import redis
import redis.asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wabroadcast_core.clock import RedisClock, SteadyClock
from wabroadcast_core.delivery.scheduler import EARLY
from wabroadcast_core.keys import Keys
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.pacing import Jitter, Quota, Rate
from wabroadcast_core.pacing import pace as pace_module
from wabroadcast_core.pacing.pace import (
    LEAD,
    LONGEST_LEAD,
    Candidate,
    ColdPaceError,
    Lateness,
    Pace,
    RecentStarts,
    SlotReport,
    Slots,
    end_cool_down,
    longest_lead,
)
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.store.starts import span_end
from wabroadcast_core.testing.gateway import most_in_window

pytestmark = pytest.mark.slow

START = 1_800_000_000.0
REACH = LEAD + pace_module.HORIZON  # with the least lead
A_MICROSECOND = 2e-6  # and a little: the clock and the slot are both rounded
many = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
_connections = itertools.count(1)


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """A server without persistence, because these tests call the script many thousand times."""
    server = EmbeddedValkey(tmp_path_factory.mktemp("pace"))
    server.start()
    with redis.Redis.from_url(server.url) as client:
        client.config_set("appendonly", "no")
    yield server
    server.stop()


# --- the script under a simulated clock ------------------------------------------------------------------------


class SimulatedSteadyClock(SteadyClock):
    """Steady time as the test knows it. :param known: what a process knows; 0 before the first answer of Redis."""

    known = 0.0

    def least(self) -> float:
        return self.known


class SimulatedClock(RedisClock):
    def __init__(self) -> None:
        super().__init__()
        self.steady: SimulatedSteadyClock = SimulatedSteadyClock()

    def follow(self, steady: float, jump: float, *, asked_at: float, answered_at: float) -> None:
        del steady, asked_at, answered_at
        self.jump = jump


@dataclass
class Limiter:
    """The limiter of one connection. Redis' clock is replaced by a key that the test sets."""

    client: redis.asyncio.Redis
    limits: Limits
    now: float = START
    jumped: float = 0.0  # by which Redis' clock is ahead
    key: int = field(default_factory=lambda: next(_connections))
    slots: list[float] = field(default_factory=list)
    primings: int = 0

    def __post_init__(self) -> None:
        clock, source = "redis.call('TIME')", pace_module.SCRIPT
        assert source.count(clock) == 1
        self.clock = SimulatedClock()
        self.pace = Pace(self.client, Keys("pace-test"), self.clock)
        self.pace._script = self.client.register_script(
            source.replace(clock, "redis.call('LRANGE', 'the-clock', 0, 1)")
        )

    async def reserve(
        self,
        count: int,
        *,
        candidates: Sequence[Candidate] = (),
        report: SlotReport | None = None,
        recent: RecentStarts | None = None,
        lead: float = LEAD,
    ) -> Slots:
        """Reserve slots; a cold limiter is primed with ``recent``."""
        await self.set_clock()
        options: dict[str, Any] = {"count": count, "candidates": candidates, "lead": lead}
        try:
            given_slots = await self.pace.reserve(self.key, self.limits, report=report, **options)
        except ColdPaceError as cold:
            known = replace(recent or RecentStarts(None), asked_at=cold.answered_at)
            await self.pace.prime(self.key, self.limits, known, now=self.now)
            self.primings += 1
            given_slots = await self.pace.reserve(self.key, self.limits, **options)
        self.slots = [slot for slot in self.slots if report is None or slot not in report.unused]
        self.slots += given_slots.times
        return given_slots

    async def slow_down(self, *, slot: float, wait: float | None = None, refused: float = 0.0) -> None:
        await self.set_clock()
        await self.pace.slow_down(self.key, slot=slot, wait=wait, refused=refused)

    async def end_silence(self) -> None:
        await self.set_clock()
        await self.pace.end_silence(self.key)

    async def lose(self) -> None:
        """Delete all keys in Redis."""
        await self.client.flushdb()

    async def set_clock(self) -> None:
        seconds, micros = divmod(round((self.now + self.jumped) * 1e6), 1_000_000)
        await self.client.delete("the-clock")
        await self.client.rpush("the-clock", seconds, micros)


@contextlib.asynccontextmanager
async def limiter(valkey: EmbeddedValkey, limits: Limits) -> AsyncIterator[Limiter]:
    client = redis.asyncio.Redis.from_url(valkey.url, db=9)
    try:
        yield Limiter(client, limits)
    finally:
        await client.flushdb()
        await client.aclose()


def run(valkey: EmbeddedValkey, limits: Limits, work: Callable[[Limiter], Coroutine[Any, Any, None]]) -> None:
    """Run ``work`` on a new limiter."""

    async def go() -> None:
        async with limiter(valkey, limits) as mine:
            await work(mine)

    asyncio.run(go())


def gaps(times: Iterable[float]) -> list[float]:
    return [later - sooner for sooner, later in itertools.pairwise(times)]


@st.composite
def quotas(draw: st.DrawFn) -> Quota:
    seconds = draw(st.sampled_from([1.0, 10.0, 60.0, 3_600.0, 86_400.0]))
    return Quota(messages=draw(st.integers(1, 60)), per_seconds=seconds)


@st.composite
def rates(draw: st.DrawFn) -> Rate:
    seconds = draw(st.sampled_from([0.2, 1.0, 7.5, 60.0, 3_600.0]))
    return Rate(messages=draw(st.sampled_from([1, 3, 20, 80, 1_000])), per_seconds=seconds)


asks = st.lists(st.tuples(st.integers(1, 400), st.floats(0, 1.5)), min_size=1, max_size=25)
"""Requests: how many slots, and the pause until the next request, in units that the test chooses."""
leads = st.lists(st.floats(LEAD, LONGEST_LEAD), min_size=25, max_size=25)
"""The lead of each request: callers with different leads share one slot sequence."""


@many
@given(rate=rates(), asks=asks, leads=leads)
def test_no_window_of_a_rate_has_more_slots_than_the_rate(
    valkey: EmbeddedValkey, rate: Rate, asks: list[tuple[int, float]], leads: list[float]
) -> None:
    async def work(mine: Limiter) -> None:
        for (count, pause), lead in zip(asks, leads, strict=False):
            given_slots = await mine.reserve(count, lead=lead)
            sooner, later = (
                mine.now + lead - A_MICROSECOND,
                mine.now + lead + max(pace_module.HORIZON, lead) + A_MICROSECOND,
            )
            assert all(sooner <= slot <= later for slot in given_slots.times)
            mine.now += pause * max(0.2, rate.per_seconds / rate.messages)

        assert most_in_window(mine.slots, rate.per_seconds) <= rate.messages
        even = rate.per_seconds / rate.messages
        assert all(gap > even for gap in gaps(mine.slots))

    run(valkey, Limits(rate=rate), work)


@pytest.mark.parametrize("messages", [1, 20, 80, 1_000])
def test_a_caller_that_asks_in_time_gets_nearly_the_whole_rate(valkey: EmbeddedValkey, messages: int) -> None:
    async def work(mine: Limiter) -> None:
        for _ in range(200):
            await mine.reserve(500)
            mine.now += 0.1

        assert len(mine.slots) >= 0.975 * 20 * messages - 1

    run(valkey, Limits(rate=Rate(messages=messages)), work)


@many
@given(held=st.lists(quotas(), min_size=1, max_size=3), rate=st.none() | rates(), asks=asks, leads=leads)
def test_no_window_of_a_quota_has_more_slots_than_the_quota(
    valkey: EmbeddedValkey,
    held: list[Quota],
    rate: Rate | None,
    asks: list[tuple[int, float]],
    leads: list[float],
) -> None:
    async def work(mine: Limiter) -> None:
        for (count, pause), lead in zip(asks, leads, strict=False):
            await mine.reserve(count, lead=lead)
            mine.now += pause * held[0].per_seconds / 4

        for quota in held:
            assert most_in_window(mine.slots, quota.per_seconds) <= quota.messages

    run(valkey, Limits(rate=rate, quotas=held), work)


@many
@given(quota=quotas())
def test_a_quota_is_given_in_full_once_and_again_when_its_window_is_over(valkey: EmbeddedValkey, quota: Quota) -> None:
    async def work(mine: Limiter) -> None:
        first = await mine.reserve(400)
        mine.now += 0.97 * quota.per_seconds - REACH
        between = await mine.reserve(400)
        mine.now = START + quota.per_seconds / 0.97
        later = await mine.reserve(400)

        assert len(first.times) == len(later.times) == quota.messages
        assert between.times == []
        assert between.next_at <= START + REACH + quota.per_seconds / 0.97

    run(valkey, Limits(quotas=[quota]), work)


@many
@given(
    least=st.floats(0, 5), spread=st.floats(0, 10), rate=st.none() | st.just(Rate(messages=1, per_seconds=2)), asks=asks
)
def test_jitter_keeps_its_least_gap_and_never_more_than_its_longest(
    valkey: EmbeddedValkey, least: float, spread: float, rate: Rate | None, asks: list[tuple[int, float]]
) -> None:
    async def work(mine: Limiter) -> None:
        longest = max(least + spread, 2.1 if rate else 0)
        for count, _ in asks:
            given_slots = await mine.reserve(min(count, 20))
            assert given_slots.next_at - (mine.slots[-1] if mine.slots else mine.now) <= longest + REACH
            mine.now = max(mine.now, given_slots.next_at - REACH)

        assert all(gap >= max(least, 2 if rate else 0) - A_MICROSECOND for gap in gaps(mine.slots))

    run(valkey, Limits(rate=rate, jitter=Jitter(min_seconds=least, max_seconds=least + spread)), work)


def test_a_throttling_halves_the_rate_once_for_all_in_flight_and_the_rate_recovers(valkey: EmbeddedValkey) -> None:
    async def work(mine: Limiter) -> None:
        in_flight = await mine.reserve(5)
        even = gaps(in_flight.times)[0]
        mine.now += 0.3
        for slot in in_flight.times:
            await mine.slow_down(slot=slot)

        assert await mean_gap(mine) == pytest.approx(2 * even, rel=0.01)
        mine.now += 60
        assert await mean_gap(mine) == pytest.approx(even, rel=0.01)

    async def mean_gap(mine: Limiter) -> float:
        await mine.reserve(1)  # its gap still comes from the slot before
        mine.now += 0.2
        found = gaps((await mine.reserve(20)).times)
        mine.now += 0.3
        return sum(found) / len(found)

    run(valkey, Limits(rate=Rate(messages=100)), work)


def test_repeated_throttling_leaves_a_twentieth_of_the_rate(valkey: EmbeddedValkey) -> None:
    async def work(mine: Limiter) -> None:
        for _ in range(12):
            await mine.slow_down(slot=mine.now)
            mine.now += 0.5

        assert (await mine.reserve(1)).factor == pytest.approx(0.05)

    run(valkey, Limits(rate=Rate(messages=100)), work)


@dataclass
class ThrottlingProvider:
    """A provider behind a limiter. It answers after a tenth of a second, and throttles some messages.

    The limiter is used as a worker uses it.

    :param throttles: says which, by the time since the start and by how many it accepted in the second before.
    """

    mine: Limiter
    throttles: Callable[[float, int], bool]
    accepted: list[float] = field(default_factory=list)
    received: list[float] = field(default_factory=list)
    refused_since: float | None = None
    is_probing: bool = False

    async def serve(self, *, seconds: float, accepts: float = float("inf")) -> None:
        """Send as many messages as the limiter allows, until the provider has accepted so many."""
        answers: list[tuple[float, bool]] = []  # under way: slots, whether the message was throttled
        while self.mine.now < START + seconds and len(self.accepted) < accepts:
            given_slots = await self.mine.reserve(60)
            self.is_probing = self.is_probing or given_slots.is_probe
            for slot in given_slots.times:
                recent = sum(slot - 1 < sooner for sooner in self.accepted[-200:])
                is_throttled = self.throttles(slot - START, recent)
                self.received.append(slot)
                answers.append((slot, is_throttled))
                self.accepted += [] if is_throttled else [slot]
            idle = given_slots.next_at - self.mine.now if not answers and self.refused_since else 0.0
            self.mine.now += max(0.1, idle - 0.05)
            due = [answer for answer in answers if answer[0] + 0.1 <= self.mine.now]
            answers = [answer for answer in answers if answer[0] + 0.1 > self.mine.now]
            for slot, is_throttled in due:
                await self._learn(slot, is_throttled=is_throttled)

    async def _learn(self, slot: float, *, is_throttled: bool) -> None:
        if is_throttled:
            self.refused_since = self.refused_since or self.mine.now
            await self.mine.slow_down(slot=slot, refused=self.mine.now - self.refused_since)
            return
        self.refused_since = None
        if self.is_probing:
            self.is_probing = False
            await self.mine.end_silence()

    def rate(self, sooner: float, later: float, *, received: bool = False) -> float:
        """Messages a second that were accepted between two times."""
        times = self.received if received else self.accepted
        return sum(sooner <= slot - START < later for slot in times) / (later - sooner)


def serve(
    valkey: EmbeddedValkey,
    throttles: Callable[[float, int], bool],
    *,
    seconds: float,
    limits: Limits | None = None,
    accepts: float = float("inf"),
) -> ThrottlingProvider:
    """Return a provider that received messages for so long, at 50 a second by default."""
    providers = []

    async def work(mine: Limiter) -> None:
        providers.append(ThrottlingProvider(mine, throttles))
        await providers[0].serve(seconds=seconds, accepts=accepts)

    run(valkey, limits or Limits(rate=Rate(messages=50)), work)
    return providers[0]


def test_the_rate_is_back_within_ten_seconds_of_the_last_throttling(valkey: EmbeddedValkey) -> None:
    provider = serve(valkey, lambda at, _: 5 <= at < 25, seconds=45)

    assert provider.rate(15, 25, received=True) < 5  # while all is throttled
    assert provider.rate(34, 44) >= 0.9 * 50


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param(Limits(rate=Rate(messages=50)), id="paced"),
        pytest.param(Limits(), id="unlimited"),
        pytest.param(Limits(rate=Rate(messages=1)), id="slow"),
        pytest.param(Limits(rate=Rate(messages=50), quotas=[Quota(messages=9_000, per_seconds=3_600)]), id="quota"),
    ],
)
def test_while_every_message_is_throttled_the_silence_grows_to_minutes_with_one_probe_at_a_time(
    valkey: EmbeddedValkey, limits: Limits
) -> None:
    provider = serve(valkey, lambda at, _: at < 1_800, seconds=2_300, limits=limits, accepts=5)

    silences = gaps([slot for slot in provider.received if 10 <= slot - START < 1_800])
    assert len(silences) < 30
    assert all(1 <= silence <= 301 for silence in silences)
    assert silences[-2] > 200
    assert 1_800 <= min(provider.accepted) - START <= 2_101


def test_the_rate_is_back_soon_after_a_probe_is_accepted(valkey: EmbeddedValkey) -> None:
    provider = serve(valkey, lambda at, _: at < 120, seconds=200)

    first = min(provider.accepted) - START
    assert first <= 1.3 * 120
    assert provider.rate(first + 2, first + 12) >= 0.9 * 50


def test_a_provider_that_throttles_again_after_a_probe_is_served_at_its_own_rate(valkey: EmbeddedValkey) -> None:
    provider = serve(valkey, lambda at, recent: at < 60 or recent >= 10, seconds=150)

    assert provider.rate(100, 150) >= 0.9 * 10
    assert provider.rate(100, 150, received=True) <= 1.3 * 10


def test_a_rate_that_the_provider_refuses_a_tenth_of_at_random_is_nearly_kept(valkey: EmbeddedValkey) -> None:
    chance = random.Random(5)

    provider = serve(valkey, lambda _at, _recent: chance.random() < 0.1, seconds=40)

    assert provider.rate(20, 40, received=True) >= 0.85 * 50


@pytest.mark.parametrize("limit", [10, 25, 40])
def test_a_provider_with_a_lower_limit_is_used_and_seldom_asked_for_more(valkey: EmbeddedValkey, limit: int) -> None:
    provider = serve(valkey, lambda at, recent: recent >= limit and at < 60, seconds=80)

    assert provider.rate(20, 60) >= 0.9 * limit
    assert provider.rate(20, 60, received=True) <= 1.3 * limit
    assert provider.rate(70, 80) >= 0.9 * 50  # the provider takes all from the 60th second on


@many
@given(wait=st.floats(0.01, 7_200), asks=asks, limits=st.sampled_from([Limits(), Limits(rate=Rate(messages=50))]))
def test_no_slot_is_given_during_the_wait_that_the_provider_asked_for(
    valkey: EmbeddedValkey, wait: float, asks: list[tuple[int, float]], limits: Limits
) -> None:
    async def work(mine: Limiter) -> None:
        before = await mine.reserve(5)
        wait_ends = mine.now + wait
        await mine.slow_down(slot=before.times[0], wait=wait)
        mine.slots.clear()
        for count, pause in asks:
            await mine.reserve(count)
            mine.now += pause * wait

        assert all(slot >= wait_ends - A_MICROSECOND for slot in mine.slots)

    run(valkey, limits, work)


@pytest.mark.parametrize("limits", [Limits(), Limits(rate=Rate(messages=50))], ids=["unlimited", "paced"])
def test_a_wait_ends_when_a_person_ends_it(valkey: EmbeddedValkey, limits: Limits) -> None:
    async def work(mine: Limiter) -> None:
        [slot] = (await mine.reserve(1)).times
        await mine.slow_down(slot=slot, wait=3_600)
        mine.now += 10
        assert (await mine.reserve(1)).times == []

        with redis.Redis.from_url(valkey.url, db=9) as client:
            end_cool_down(client, Keys("pace-test"), mine.key)

        assert len((await mine.reserve(1)).times) == 1

    run(valkey, limits, work)


@pytest.mark.parametrize("limits", [Limits(), Limits(rate=Rate(messages=50))], ids=["unlimited", "paced"])
def test_a_wait_that_no_provider_can_mean_is_ignored_once_it_is_stored(valkey: EmbeddedValkey, limits: Limits) -> None:
    async def work(mine: Limiter) -> None:
        [slot] = (await mine.reserve(1)).times
        await mine.slow_down(slot=slot, wait=60)
        await mine.client.hset(Keys("pace-test").pace(mine.key), "cool", "1764288000000")
        mine.now += 10

        assert len((await mine.reserve(1)).times) == 1

    run(valkey, limits, work)


@st.composite
def own_rates(draw: st.DrawFn) -> Rate | None:
    if draw(st.booleans()):
        return None
    return Rate(messages=draw(st.integers(1, 30)), per_seconds=draw(st.sampled_from([0.5, 1.0, 10.0])))


@many
@given(
    own=st.lists(own_rates(), min_size=1, max_size=4),
    rate=st.none() | rates(),
    asks=asks,
    lost_after=st.integers(0, 30),
)
def test_a_broadcast_with_its_own_rate_keeps_it_beside_others(
    valkey: EmbeddedValkey, own: list[Rate | None], rate: Rate | None, asks: list[tuple[int, float]], lost_after: int
) -> None:
    async def work(mine: Limiter) -> None:
        started: dict[int | None, list[float]] = {}
        for place, (count, pause) in enumerate(asks):
            if place == lost_after:
                await mine.lose()
            candidates = [Candidate(key, 1, each, fresh=key not in started) for key, each in enumerate(own, start=1)]
            recent = RecentStarts(mine.slots[-1] if mine.slots else None)
            given_slots = await mine.reserve(min(count, 50), candidates=candidates, recent=recent)
            for slot, candidate in zip(given_slots.times, given_slots.candidates, strict=True):
                started.setdefault(candidate, []).append(slot)
            mine.now += pause / 4

        for key, each in enumerate(own, start=1):
            if each is not None:
                assert most_in_window(started.get(key, []), each.per_seconds) <= each.messages
        if rate is not None:
            assert most_in_window(mine.slots, rate.per_seconds) <= rate.messages

    run(valkey, Limits(rate=rate), work)


@pytest.mark.parametrize(
    "own", [Rate(messages=5), Rate(messages=1, per_seconds=10), Rate(messages=30, per_seconds=0.5)]
)
def test_a_broadcast_with_its_own_rate_goes_on_after_its_limiter_was_lost(valkey: EmbeddedValkey, own: Rate) -> None:
    async def work(mine: Limiter) -> None:
        started: list[float] = []
        candidate = Candidate(1, 1, own)  # it began before the loss
        until = mine.now + pace_module.REACH + 3 * own.per_seconds
        while mine.now < until:
            given_slots = await mine.reserve(50, candidates=[candidate])
            started += given_slots.times
            mine.now += 0.25

        assert started
        assert started[0] <= START + pace_module.REACH + 2 * own.per_seconds
        assert most_in_window(started, own.per_seconds) <= own.messages

    run(valkey, Limits(rate=Rate(messages=100)), work)


def test_slots_go_to_the_higher_rank_and_evenly_within_a_rank(valkey: EmbeddedValkey) -> None:
    async def work(mine: Limiter) -> None:
        slow, free = Rate(messages=40), None
        candidates = [Candidate(1, 2, slow, fresh=True), Candidate(2, 1, free), Candidate(3, 1, free)]
        given_slots = await mine.reserve(50, candidates=candidates)

        high, even, other = (sum(candidate == key for candidate in given_slots.candidates) for key in (1, 2, 3))
        assert high == pytest.approx(0.25 * 40, abs=1)
        assert abs(even - other) <= 1
        assert high + even + other == len(given_slots.times)
        assert given_slots.candidates[0] == 1

    run(valkey, Limits(rate=Rate(messages=200)), work)


@many
@given(
    rate=st.none() | rates(),
    held=st.lists(quotas(), max_size=2),
    asks=asks,
    unused=st.dictionaries(st.integers(0, 24), st.tuples(st.integers(1, 9), st.booleans())),
)
def test_unused_slots_are_used_again_without_breaking_a_window(
    valkey: EmbeddedValkey,
    rate: Rate | None,
    held: list[Quota],
    asks: list[tuple[int, float]],
    unused: dict[int, tuple[int, bool]],
) -> None:
    """The unused slots are the last ones of a caller, or some of its middle: missed, dropped or without a message."""
    limits = Limits(rate=rate, quotas=held)
    windows = ([rate] if rate else []) + held
    unit = min((window.per_seconds / window.messages for window in windows), default=1.0)

    async def work(mine: Limiter) -> None:
        for place, (count, pause) in enumerate(asks):
            unused_slots = SlotReport()
            if place in unused and mine.slots:
                amount, at_the_end = unused[place]
                unused_slots.unused = mine.slots[-amount:] if at_the_end else mine.slots[-2 * amount : -amount]
                unused_slots.tail = (mine.slots[-1],) * 2 if at_the_end else None
            await mine.reserve(min(count, 50), report=unused_slots)
            mine.now += pause * max(0.2, unit)

        for window in windows:
            assert most_in_window(mine.slots, window.per_seconds) <= window.messages

    run(valkey, limits, work)


def test_unused_slots_are_returned_to_a_quota(valkey: EmbeddedValkey) -> None:
    async def work(mine: Limiter) -> None:
        for _ in range(50):
            slots = (await mine.reserve(20)).times
            mine.now += 0.1
            await mine.pace.report(mine.key, mine.limits, SlotReport(list(slots[1:]), (slots[1], slots[-1])))
            mine.slots = mine.slots[: 1 - len(slots)]
            mine.now += 60

        assert len(mine.slots) == 50

    run(valkey, Limits(rate=Rate(messages=80), quotas=[Quota(messages=70, per_seconds=86_400)]), work)


def test_unused_slots_of_a_call_that_is_repeated_are_returned_to_a_quota_once(valkey: EmbeddedValkey) -> None:
    """The client repeats a call whose connection was cut, though Redis may have carried it out."""

    async def run() -> tuple[int, int]:
        async with limiter(valkey, Limits(quotas=[Quota(messages=10, per_seconds=60)])) as quota_limiter:
            given_slots = await quota_limiter.reserve(10)
            script, calls = quota_limiter.pace._script, list[int]()

            async def repeated(**call: Any) -> Any:
                calls.append(1)
                await script(**call)
                return await script(**call)

            quota_limiter.pace._script = repeated  # type: ignore[assignment]  # as after a cut connection
            again = await quota_limiter.reserve(0, report=SlotReport(unused=list(given_slots.times[:3])))
            quota_limiter.pace._script = script
            more = await quota_limiter.reserve(10)
            return len(again.times) + len(more.times), len(calls)

    assert asyncio.run(run()) == (3, 1)


def test_reports_of_many_processes_do_not_make_the_limiters_data_grow(valkey: EmbeddedValkey) -> None:
    async def work(mine: Limiter) -> None:
        for number in range(300):
            mine.pace._reporter = f"{number:08x}"[::-1]
            [slot] = (await mine.reserve(1)).times
            mine.now += 1
            await mine.reserve(0, report=SlotReport([slot]))

        fields = await mine.client.hkeys(Keys("pace-test").pace(mine.key))
        assert sum("reported:" in str(field) for field in fields) <= 256

    run(valkey, Limits(quotas=[Quota(messages=1, per_seconds=86_400)]), work)


def test_the_time_of_a_single_missed_slot_is_given_again(valkey: EmbeddedValkey) -> None:
    async def work(mine: Limiter) -> None:
        slot = (await mine.reserve(1)).times[0]
        mine.now = slot + 1

        again = await mine.reserve(1, report=SlotReport([slot], (slot, slot)))

        assert list(again.times) == pytest.approx([mine.now + LEAD])

    run(valkey, Limits(rate=Rate(messages=1, per_seconds=600)), work)


def test_a_limiter_without_data_must_be_primed_and_only_the_first_priming_counts(
    valkey: EmbeddedValkey,
) -> None:
    async def work(mine: Limiter) -> None:
        await mine.set_clock()
        with pytest.raises(ColdPaceError):
            await mine.pace.reserve(mine.key, mine.limits, count=1)

        await mine.pace.prime(mine.key, mine.limits, RecentStarts(mine.now), now=mine.now)
        await mine.pace.prime(mine.key, mine.limits, RecentStarts(None), now=mine.now)

        assert (await mine.reserve(1)).times == []

    run(valkey, Limits(rate=Rate(messages=1, per_seconds=60)), work)


@many
@given(rate=st.none() | rates(), held=st.lists(quotas(), max_size=2), asks=asks, losses=st.sets(st.integers(0, 24)))
def test_lost_keys_cause_neither_a_burst_nor_a_doubled_quota(
    valkey: EmbeddedValkey, rate: Rate | None, held: list[Quota], asks: list[tuple[int, float]], losses: set[int]
) -> None:
    limits = Limits(rate=rate, quotas=held)
    windows = ([rate] if rate else []) + held
    unit = min((window.per_seconds for window in windows), default=1.0) / 3

    async def work(mine: Limiter) -> None:
        for place, (count, pause) in enumerate(asks):
            if place in losses:
                await mine.lose()
            await mine.reserve(min(count, 50), recent=recent_starts(mine))
            mine.now += pause * unit

        for window in windows:
            assert most_in_window(mine.slots, window.per_seconds) <= window.messages

    run(valkey, limits, work)


@pytest.mark.timed
@many
@given(
    rate=st.none() | rates(),
    held=st.lists(quotas(), max_size=2),
    asks=asks,
    jumps=st.dictionaries(st.integers(0, 24), st.sampled_from([-86_400.0, -3_600.0, -20.0, 0.7, 3_600.0, 1e9])),
)
def test_jumps_of_the_clock_of_redis_change_no_slot(
    valkey: EmbeddedValkey,
    rate: Rate | None,
    held: list[Quota],
    asks: list[tuple[int, float]],
    jumps: dict[int, float],
) -> None:
    limits = Limits(rate=rate, quotas=held)
    windows = ([rate] if rate else []) + held
    unit = min((window.per_seconds for window in windows), default=1.0) / 3

    answers: list[list[tuple[Sequence[float], float]]] = []

    async def work(mine: Limiter) -> None:
        is_jumping = bool(answers)
        found: list[tuple[Sequence[float], float]] = []
        for place, (count, pause) in enumerate(asks):
            given_slots = await mine.reserve(min(count, 50))
            found.append(([slot - START for slot in given_slots.times], given_slots.next_at - START))
            mine.now += pause * unit
            mine.clock.steady.known = mine.now
            mine.jumped += jumps.get(place, 0.0) if is_jumping else 0.0
        answers.append(found)

    for _ in range(2):
        run(valkey, limits, work)

    steady, jumping = answers
    for (slots, next_at), (same_slots, same_next_at) in zip(steady, jumping, strict=True):
        assert same_slots == pytest.approx(slots, abs=0.002)
        assert same_next_at == pytest.approx(next_at, abs=0.002)


@pytest.mark.timed
def test_a_process_without_an_answer_yet_still_sees_that_the_clock_went_back(valkey: EmbeddedValkey) -> None:
    async def work(mine: Limiter) -> None:
        first = await mine.reserve(9)
        mine.now += 0.3
        mine.jumped = -3_600.0

        again = await mine.reserve(9)

        assert mine.clock.jump == pytest.approx(-3_600, abs=0.5)
        assert 0 <= again.next_at - first.next_at < 1

    run(valkey, Limits(rate=Rate(messages=20)), work)


def test_a_request_that_was_long_under_way_lets_steady_time_run_late_and_never_ahead(valkey: EmbeddedValkey) -> None:
    async def work(mine: Limiter) -> None:
        first = await mine.reserve(50)
        mine.clock.steady.known = mine.now  # the next request leaves now, and arrives half a minute later
        mine.now += 30

        again = await mine.reserve(50)

        assert again.times == []
        assert again.next_at == first.next_at

    run(valkey, Limits(rate=Rate(messages=20)), work)


@pytest.mark.parametrize("is_same", [True, False], ids=["the-same-run", "another-run"])
def test_slots_of_another_run_of_redis_may_be_incomplete_so_the_limiter_is_cold(
    valkey: EmbeddedValkey, *, is_same: bool
) -> None:
    async def work(mine: Limiter) -> None:
        await mine.reserve(5)
        await mine.slow_down(slot=mine.now)
        if not is_same:
            await mine.client.hset("pace-test:pace:" + str(mine.key), "run", "another")

        again = await mine.reserve(5, recent=RecentStarts(mine.now, {mine.now: 5}))

        assert (again.times == []) is not is_same
        assert again.factor == 0.9  # what the provider asked for is kept

    run(valkey, Limits(rate=Rate(messages=100)), work)


def recent_starts(mine: Limiter) -> RecentStarts:
    """Return the starts as the store knows them. Slots in the future are messages that are claimed and not recorded."""
    starts: dict[float, int] = {}
    for slot in mine.slots:
        ended = float(span_end(slot)) if slot <= mine.now else mine.now
        starts[ended] = starts.get(ended, 0) + 1
    return RecentStarts(max(starts, default=None), starts)


@pytest.mark.timed
def test_concurrent_callers_share_one_slot_sequence(valkey: EmbeddedValkey) -> None:
    """Several clients reserve at the same time, on Redis' own clock."""
    rate = Rate(messages=60, per_seconds=0.2)

    async def call(key: int) -> list[float]:
        client = redis.asyncio.Redis.from_url(valkey.url)
        pace = Pace(client, Keys("pace-callers"), RedisClock())
        taken: list[float] = []
        for _ in range(12):
            taken += (await pace.reserve(key, Limits(rate=rate), count=7)).times
            await asyncio.sleep(0.05)  # slots are at most a quarter of a second ahead, so time must pass
        await client.aclose()
        return taken

    async def work() -> list[float]:
        client = redis.asyncio.Redis.from_url(valkey.url)
        key = next(_connections)
        await Pace(client, Keys("pace-callers"), RedisClock()).prime(key, Limits(rate=rate), RecentStarts(None), now=0)
        await client.aclose()
        return sorted(slot for taken in await asyncio.gather(*(call(key) for _ in range(4))) for slot in taken)

    slots = asyncio.run(work())

    assert most_in_window(slots, 0.2) <= 60
    assert len(slots) >= 0.97 * (slots[-1] - slots[0]) * 300


@many
@given(
    rate=rates().filter(lambda rate: rate.per_seconds >= 1),
    asks=asks,
    lateness=st.lists(st.floats(0, 0.25), min_size=20, max_size=60),
)
def test_late_starts_that_are_reported_at_once_break_no_window(
    valkey: EmbeddedValkey, rate: Rate, asks: list[tuple[int, float]], lateness: list[float]
) -> None:
    limits = Limits(rate=rate)
    allowed = Lateness.of(limits)
    latenesses = itertools.cycle(lateness)

    async def work(mine: Limiter) -> None:
        starts: list[float] = []
        report = SlotReport()
        for count, pause in asks:
            given_slots = await mine.reserve(min(count, 60), report=report)
            report = SlotReport()
            for slot in given_slots.times:
                late = next(latenesses)
                starts.append(slot + late)
                shift = given_slots.shift + late - allowed.free
                if late > allowed.free and (report.late is None or shift > report.late[1]):
                    report.late = (slot, shift)
            mine.now += pause * 0.4

        assert most_in_window(starts, rate.per_seconds) <= rate.messages

    run(valkey, limits, work)


@many
@given(
    rate=st.sampled_from([Rate(messages=4), Rate(messages=20), Rate(messages=80), Rate(messages=50, per_seconds=2)]),
    first=st.integers(0, 120),
    length=st.integers(1, 12),
    late=st.floats(0, 0.5),
)
def test_late_starts_that_are_reported_afterwards_break_no_window(
    valkey: EmbeddedValkey, rate: Rate, first: int, length: int, late: float
) -> None:
    """Consecutive messages start late, for example by a slow network; slots are reserved as far ahead as possible."""
    limits = Limits(rate=rate)
    lead, free = longest_lead(limits), Lateness.of(limits).free

    async def work(mine: Limiter) -> None:
        starts: list[float] = []
        unknown: list[tuple[float, float, float]] = []  # the start, its slot, the shift that it needs
        next_at = 0.0
        while mine.now < START + 5:
            if next_at - lead - EARLY <= mine.now:
                known = [start for start in unknown if start[0] <= mine.now]
                unknown = [start for start in unknown if start[0] > mine.now]
                latest = max(known, key=lambda start: start[2], default=None)
                given_slots = await mine.reserve(400, report=SlotReport(late=latest and latest[1:]), lead=lead)
                next_at = given_slots.next_at
                for slot in given_slots.times:
                    lateness = late if first <= len(starts) < first + length else 0.0
                    starts.append(slot + lateness)
                    if lateness > free:
                        unknown.append((slot + lateness, slot, given_slots.shift + lateness - free))
            mine.now += 0.02

        assert most_in_window(sorted(starts), rate.per_seconds) <= rate.messages

    run(valkey, limits, work)


@pytest.mark.parametrize(
    ("limits", "own", "free", "most"),
    [
        pytest.param(Limits(), None, float("inf"), float("inf"), id="no-limit"),
        pytest.param(Limits(rate=Rate(messages=20)), None, 0.011, 0.25, id="half-the-margin"),
        pytest.param(Limits(rate=Rate(messages=1, per_seconds=600)), None, 0.125, 0.25, id="a-long-window"),
        pytest.param(Limits(rate=Rate(messages=9, per_seconds=0.5)), None, 0.0055, 0.0055, id="a-short-window"),
        pytest.param(Limits(quotas=[Quota(messages=9, per_seconds=1)]), None, 0.005, 0.005, id="a-quota"),
        pytest.param(Limits(), Rate(messages=20), 0.0066, 0.0066, id="a-broadcast's-own-rate"),
    ],
)
def test_a_message_may_start_as_late_as_its_limits_allow(
    limits: Limits, own: Rate | None, free: float, most: float
) -> None:
    lateness = Lateness.of(limits, own)

    assert (lateness.free, lateness.most) == pytest.approx((free, most))
