"""The recorded starts of a connection, summed up by period, on both stores."""

from collections import Counter

import pytest
from sqlalchemy import insert

from tests.core.store.harness import StoreHarness
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.store.starts import starts_by_period
from wabroadcast_core.store.tables import connection_starts

SPANS = {990: 5, 1_000: 7, 1_010: 1, 1_790: 2, 1_800: 3, 1_810: 4, 3_600: 6}  # starts by the end of their span


@pytest.mark.parametrize(
    ("since", "seconds"),
    [
        pytest.param(0.0, 600, id="all"),
        pytest.param(1_000.0, 600, id="from-the-middle-of-a-period"),
        pytest.param(1_800.5, 600, id="from-a-border"),
        pytest.param(995.0, 1, id="each-second"),
        pytest.param(3_600.0, 600, id="after-the-last"),
    ],
)
def test_starts_are_summed_up_by_the_end_of_their_period(shared: Broadcaster, since: float, seconds: int) -> None:
    store = StoreHarness(shared.context.database)
    store.clear()
    rows = [
        {"connection_id": key, "ended_at": at, "messages": n} for key in store.connections for at, n in SPANS.items()
    ]
    with store.database.write() as conn:
        conn.execute(insert(connection_starts), rows)

    with store.database.read() as conn:
        found = starts_by_period(conn, store.connections[0], since=since, seconds=seconds)

    expected: Counter[float] = Counter()
    for ended_at, amount in SPANS.items():
        if ended_at > int(since):
            expected[-(-ended_at // seconds) * seconds] += amount
    assert found == expected
