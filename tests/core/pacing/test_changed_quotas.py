"""Quotas that are added, removed or changed while a connection sends: what was sent before counts."""

import dataclasses
from collections.abc import Iterator

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from tests.core.pacing.test_pace import A_MICROSECOND, START, Limiter, many, recent_starts, run
from wabroadcast_core.keys import Keys
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.pacing import Quota, Rate
from wabroadcast_core.pacing import pace as pace_module
from wabroadcast_core.pacing.pace import LEAD, ColdPaceError, RecentStarts, SlotReport
from wabroadcast_core.pacing.pace_look import PaceLook
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.testing.gateway import most_in_window

pytestmark = pytest.mark.slow

DAY = 86_400.0
NONE = Limits()
SIXTY = Limits(quotas=[Quota(messages=60, per_seconds=300)])
WIDE = Limits(quotas=[Quota(messages=1_000, per_seconds=600)])
PACED = Limits(rate=Rate(messages=80))
LONG_AGO = pace_module.REACH + 1  # seconds after which no slot is ahead


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """A server without persistence, because these tests call the script many times."""
    server = EmbeddedValkey(tmp_path_factory.mktemp("quotas"))
    server.start()
    with redis.Redis.from_url(server.url) as client:
        client.config_set("appendonly", "no")
    yield server
    server.stop()


def hash_of(mine: Limiter) -> str:
    return Keys("pace-test").pace(mine.key)


async def ask(mine: Limiter, limits: Limits, count: int) -> list[float]:
    """Reserve slots under these limits; the store knows all slots so far."""
    mine.limits = limits
    return list((await mine.reserve(count, recent=recent_starts(mine))).times)


# --- what counts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(NONE, SIXTY, id="a-quota-is-added-to-none"),
        pytest.param(PACED, SIXTY, id="a-quota-replaces-a-rate"),
        pytest.param(WIDE, SIXTY, id="a-quota-of-another-length"),
        pytest.param(WIDE, Limits(quotas=[*WIDE.quotas, *SIXTY.quotas]), id="a-second-quota"),
        pytest.param(SIXTY, Limits(quotas=[Quota(messages=60, per_seconds=300.001)]), id="nearly-the-same-length"),
        pytest.param(NONE, Limits(quotas=[Quota(messages=60, per_seconds=DAY)]), id="a-warm-up"),
        pytest.param(
            Limits(quotas=[Quota(messages=50, per_seconds=DAY)]),
            Limits(quotas=[Quota(messages=60, per_seconds=DAY)]),
            id="the-next-day-of-a-warm-up",
        ),
        pytest.param(
            Limits(quotas=[Quota(messages=90, per_seconds=1_234_567)]),
            Limits(quotas=[Quota(messages=60, per_seconds=1_234_568)]),
            id="long-windows",
        ),
    ],
)
def test_what_was_sent_under_earlier_limits_counts(valkey: EmbeddedValkey, before: Limits, after: Limits) -> None:
    async def work(mine: Limiter) -> None:
        while len(mine.slots) < 50:
            await ask(mine, before, 50 - len(mine.slots))
            mine.now += 0.2
        mine.now += 20  # less than a window, and no slot is ahead

        await ask(mine, after, 50)
        await ask(mine, after, 50)

        assert len(mine.slots) == 60

    run(valkey, NONE, work)


def test_slots_while_a_quota_was_removed_count_when_it_is_back(valkey: EmbeddedValkey) -> None:
    async def work(mine: Limiter) -> None:
        await ask(mine, SIXTY, 20)
        for _ in range(3):  # for longer than they are counted all the same
            mine.now += 40
            await ask(mine, NONE, 10)
        mine.now += 40

        assert len(await ask(mine, SIXTY, 50)) == 10
        assert mine.primings == 2

    run(valkey, NONE, work)


@pytest.mark.parametrize("others", [NONE, PACED, WIDE], ids=["no-limits", "a-rate", "another-quota"])
def test_a_quota_that_is_back_within_a_minute_is_not_primed_again(valkey: EmbeddedValkey, others: Limits) -> None:
    """Nor is it while some workers know the new limits and others the earlier ones."""

    async def work(mine: Limiter) -> None:
        both = Limits(quotas=[*WIDE.quotas, *SIXTY.quotas])
        await ask(mine, both, 10)
        for _ in range(4):
            mine.now += 2
            await ask(mine, others, 5)
            mine.now += 2
            await ask(mine, both, 5)
        mine.now += 2
        await ask(mine, both, 50)

        assert (len(mine.slots), mine.primings) == (60, 1)

    run(valkey, NONE, work)


def test_a_connection_whose_limits_do_not_change_is_primed_once(valkey: EmbeddedValkey) -> None:
    async def work(mine: Limiter) -> None:
        for _ in range(30):
            await ask(mine, SIXTY, 1)
            mine.now += 100

        assert mine.primings == 1
        assert len(mine.slots) == 30

    run(valkey, NONE, work)


def test_a_limiter_of_an_earlier_version_is_primed_once_and_counts_nothing_twice(valkey: EmbeddedValkey) -> None:
    async def work(mine: Limiter) -> None:
        await ask(mine, SIXTY, 50)
        mine.now += 20
        await mine.client.hdel(hash_of(mine), "counted")

        for _ in range(3):
            await ask(mine, SIXTY, 4)
        await ask(mine, SIXTY, 50)

        assert (len(mine.slots), mine.primings) == (60, 2)

    run(valkey, NONE, work)


limits_in_steps = st.sampled_from(
    [
        NONE,
        PACED,
        Limits(quotas=[Quota(messages=20, per_seconds=60)]),
        Limits(quotas=[Quota(messages=30, per_seconds=60)]),
        Limits(quotas=[Quota(messages=40, per_seconds=300)]),
        Limits(
            rate=Rate(messages=20), quotas=[Quota(messages=20, per_seconds=60), Quota(messages=60, per_seconds=DAY)]
        ),
        Limits(quotas=[Quota(messages=40, per_seconds=300), Quota(messages=80, per_seconds=DAY)]),
        Limits(quotas=[Quota(messages=5, per_seconds=1), Quota(messages=20, per_seconds=60)]),
    ]
)


@many
@given(
    steps=st.lists(
        st.tuples(limits_in_steps, st.integers(1, 30), st.sampled_from([0.0, 0.3, 5.0, 45.0, 70.0, 310.0])),
        min_size=2,
        max_size=20,
    ),
    losses=st.sets(st.integers(0, 19), max_size=2),
)
def test_no_slot_is_given_beyond_a_quota_in_force_however_the_limits_change(
    valkey: EmbeddedValkey, steps: list[tuple[Limits, int, float]], losses: set[int]
) -> None:
    async def work(mine: Limiter) -> None:
        for place, (limits, count, pause) in enumerate(steps):
            if place in losses:
                await mine.lose()
            given_slots = await ask(mine, limits, count)
            for slot in given_slots:
                for quota in limits.quotas:
                    window = [one for one in mine.slots if slot - quota.per_seconds < one <= slot]
                    assert len(window) <= quota.messages
            mine.now += pause

    run(valkey, NONE, work)


# --- several workers --------------------------------------------------------------------------------------------


def test_slots_that_are_given_while_the_store_is_read_count(valkey: EmbeddedValkey) -> None:
    """Another worker does not know the new limits yet."""

    async def work(mine: Limiter) -> None:
        await ask(mine, NONE, 30)
        mine.now += 20
        with pytest.raises(ColdPaceError) as cold:
            await mine.pace.reserve(mine.key, SIXTY, count=1)
        read = dataclasses.replace(recent_starts(mine), asked_at=cold.value.answered_at)
        mine.now += 0.1
        await ask(mine, NONE, 10)

        await mine.pace.prime(mine.key, SIXTY, read, now=mine.now)

        assert len(await ask(mine, SIXTY, 50)) == 20
        assert mine.primings == 1  # of the limiter without data

    run(valkey, NONE, work)


def test_of_two_workers_that_prime_a_quota_one_is_counted(valkey: EmbeddedValkey) -> None:
    async def work(mine: Limiter) -> None:
        await ask(mine, NONE, 30)
        mine.now += 20
        await mine.set_clock()
        reads: list[RecentStarts] = []
        for _ in range(2):
            with pytest.raises(ColdPaceError) as cold:
                await mine.pace.reserve(mine.key, SIXTY, count=1)
            reads.append(dataclasses.replace(recent_starts(mine), asked_at=cold.value.answered_at))

        for read in reads:
            await mine.pace.prime(mine.key, SIXTY, read, now=mine.now)

        assert len(await ask(mine, SIXTY, 50)) == 30

    run(valkey, NONE, work)


def test_starts_that_were_read_before_a_quota_was_counted_do_not_prime_it(valkey: EmbeddedValkey) -> None:
    """Another worker primed the limiter meanwhile, for the earlier limits, and got slots."""

    async def work(mine: Limiter) -> None:
        await mine.set_clock()
        with pytest.raises(ColdPaceError) as cold:
            await mine.pace.reserve(mine.key, SIXTY, count=1)
        read = RecentStarts(None, asked_at=cold.value.answered_at)
        await ask(mine, NONE, 30)
        mine.now += 1
        await mine.set_clock()
        with pytest.raises(ColdPaceError):
            await mine.pace.reserve(mine.key, SIXTY, count=1)

        await mine.pace.prime(mine.key, SIXTY, read, now=mine.now)

        assert len(await ask(mine, SIXTY, 50)) == 30

    run(valkey, NONE, work)


# --- the rest of the limiter stays ------------------------------------------------------------------------------


def test_a_quota_that_is_added_changes_neither_the_slot_sequence_nor_the_rate(valkey: EmbeddedValkey) -> None:
    with_quota = PACED.model_copy(update={"quotas": SIXTY.quotas})
    sequences: list[tuple[list[float], float]] = []

    async def work(mine: Limiter) -> None:
        await ask(mine, PACED, 5)
        await mine.slow_down(slot=mine.now)
        mine.now += 0.05
        given_slots = await mine.reserve(5)
        mine.limits = PACED if not sequences else with_quota
        more = await mine.reserve(9, report=SlotReport(late=(given_slots.times[0], 0.1)), recent=recent_starts(mine))
        assert more.shift == 0.1
        sequences.append((mine.slots, more.factor))

    for _ in range(2):
        run(valkey, PACED, work)

    (slots, factor), (same_slots, same_factor) = sequences
    assert same_slots == pytest.approx(slots, abs=A_MICROSECOND)
    assert same_factor == factor


def test_slots_that_come_back_after_a_quota_was_added_are_returned_to_the_others_only(valkey: EmbeddedValkey) -> None:
    both = Limits(quotas=[Quota(messages=30, per_seconds=600), *SIXTY.quotas])

    async def work(mine: Limiter) -> None:
        await ask(mine, Limits(quotas=both.quotas[:1]), 25)
        unused, mine.limits = mine.slots[-5:], both

        # all are claimed still: the store counts them, and does not know which slots are unused
        await mine.reserve(0, report=SlotReport(unused=unused), recent=RecentStarts(mine.now, {mine.now: 25}))
        mine.now += LONG_AGO
        mine.limits = Limits(quotas=both.quotas[:1])
        assert len((await mine.reserve(50)).times) == 10
        mine.limits = Limits(quotas=[Quota(messages=40, per_seconds=300)])
        assert len((await mine.reserve(50)).times) == 5

    run(valkey, NONE, work)


def test_a_quota_that_was_removed_leaves_nothing_behind(valkey: EmbeddedValkey) -> None:
    async def work(mine: Limiter) -> None:
        for limits in (WIDE, SIXTY):
            await ask(mine, limits, 9)
            mine.now += 2
        with pytest.raises(ColdPaceError):  # its priming never comes
            await mine.pace.reserve(mine.key, Limits(quotas=[Quota(messages=1, per_seconds=7)]), count=1)
        for _ in range(2):
            await ask(mine, NONE, 9)
            mine.now += 70
        await ask(mine, NONE, 9)

        assert not [
            field for field in await mine.client.hkeys(hash_of(mine)) if field[:1] in (b"q", b"n") and b":" in field
        ]
        assert not await mine.client.hexists(hash_of(mine), "counted")

    run(valkey, NONE, work)


def test_jumps_of_the_clock_leave_no_gap_in_what_is_counted(valkey: EmbeddedValkey) -> None:
    async def work(mine: Limiter) -> None:
        await ask(mine, NONE, 50)
        for jump in (-3_600.0, 86_400.0):
            mine.clock.steady.known = mine.now = mine.now + 2
            mine.jumped += jump
            await ask(mine, SIXTY, 50)
            await ask(mine, WIDE, 0)

        assert most_in_window(mine.slots, 300) == 60

    run(valkey, NONE, work)


def test_the_use_of_a_quota_is_unknown_until_it_is_primed(valkey: EmbeddedValkey) -> None:
    async def work(mine: Limiter) -> None:
        with redis.Redis.from_url(valkey.url, db=9) as client:
            look = PaceLook(client, Keys("pace-test"))
            look._script = client.register_script(str(mine.pace._script.script))  # with the simulated clock
            await ask(mine, NONE, 30)
            assert look.look(mine.key, NONE).next_at is not None
            assert look.look(mine.key, SIXTY).next_at is None

            await ask(mine, SIXTY, 0)

            state = look.look(mine.key, SIXTY)
            assert state.next_at is not None
            assert state.uses[0].used(START + LEAD + A_MICROSECOND) == 30

    run(valkey, NONE, work)
