import asyncio
from collections.abc import Sequence

import pytest
import redis.asyncio

from wabroadcast_core.clock import SteadyClock
from wabroadcast_core.keys import Keys
from wabroadcast_core.models.pacing import Rate
from wabroadcast_core.pacing.per_recipient import MARGIN, RecipientGaps
from wabroadcast_core.queue.embedded import EmbeddedValkey

BUDI, SITI = "+6281200000001", "+6281200000002"


@pytest.fixture
def keys(request: pytest.FixtureRequest) -> Keys:
    return Keys(f"gaps{abs(hash(request.node.name))}")


def _admit(
    valkey: EmbeddedValkey, keys: Keys, *groups: Sequence[str], gap: float = 6, connection: int = 1
) -> list[list[float]]:
    async def run() -> list[list[float]]:
        async with redis.asyncio.Redis.from_url(valkey.url) as client:
            gaps = RecipientGaps(client, keys, SteadyClock())
            return [await gaps.admit(connection, Rate(messages=1, per_seconds=gap), group) for group in groups]

    return asyncio.run(run())


def test_a_second_message_waits_and_those_to_others_do_not(valkey: EmbeddedValkey, keys: Keys) -> None:
    first, second = _admit(valkey, keys, [BUDI], [BUDI, SITI])

    assert first == [0]
    assert 5 < second[0] <= 6 + MARGIN
    assert second[1] == 0


def test_one_call_admits_a_person_once(valkey: EmbeddedValkey, keys: Keys) -> None:
    ((first, again),) = _admit(valkey, keys, [BUDI, BUDI])

    assert first == 0
    assert again > 5


def test_connections_have_separate_gaps(valkey: EmbeddedValkey, keys: Keys) -> None:
    _admit(valkey, keys, [BUDI], connection=1)

    assert _admit(valkey, keys, [BUDI], connection=2) == [[0]]


def test_a_message_is_admitted_after_its_wait_and_old_entries_are_deleted(valkey: EmbeddedValkey, keys: Keys) -> None:
    waits = _admit(valkey, keys, [BUDI], [BUDI], gap=0.1)

    async def admit_again() -> tuple[list[float], int]:
        async with redis.asyncio.Redis.from_url(valkey.url) as client:
            await asyncio.sleep(waits[1][0])
            again = await RecipientGaps(client, keys, SteadyClock()).admit(1, Rate(messages=1, per_seconds=0.1), [BUDI])
            return again, await client.zcard(keys.per_recipient(1))

    assert asyncio.run(admit_again()) == ([0], 1)


def test_a_gap_that_redis_forgot_is_kept_by_the_process_that_admitted_the_message(
    valkey: EmbeddedValkey, keys: Keys
) -> None:
    async def admit_twice() -> list[list[float]]:
        async with redis.asyncio.Redis.from_url(valkey.url) as client:
            gaps = RecipientGaps(client, keys, SteadyClock())
            first = await gaps.admit(1, Rate(messages=1, per_seconds=6), [BUDI])
            await client.delete(keys.per_recipient(1))
            return [first, await gaps.admit(1, Rate(messages=1, per_seconds=6), [BUDI, SITI])]

    first, second = asyncio.run(admit_twice())

    assert first == [0]
    assert 5 < second[0] <= 6 + MARGIN
    assert second[1] == 0
