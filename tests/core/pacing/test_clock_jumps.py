"""Redis' wall clock jumps while messages are sent: sending goes on, no window is over, nothing is stuck or doubled."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.core.pacing.test_door import arrivals, await_arrivals, await_end, submit
from tests.jumping_clock import NEEDS_FAKETIME, JumpingValkey
from tests.processes import running_workers
from tests.stalls import StallWatch
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.testing import gateway as gateway_plugin
from wabroadcast_core.testing.gateway import Gateway, most_in_window

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timed,
    NEEDS_FAKETIME,
    pytest.mark.parametrize("database_url", [pytest.param(None, id="sqlite")]),
]

RATE = 50
HOUR, DAY = 3_600.0, 86_400.0


@pytest.fixture
def jumping(tmp_path: Path) -> Iterator[JumpingValkey]:
    made = JumpingValkey(tmp_path / "jumping")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def settings(settings: Settings, jumping: JumpingValkey) -> Settings:
    return settings.model_copy(update={"redis_url": SecretStr(jumping.server.url)})


@pytest.mark.parametrize(
    "jumps",
    [
        pytest.param([-HOUR], id="an-hour-back"),
        pytest.param([HOUR], id="an-hour-ahead"),
        pytest.param([-20.0], id="20-s-back"),
        pytest.param([-0.7, 0.7], id="0.7-s-back-and-ahead"),
        pytest.param([2.0, -DAY, DAY], id="to-and-fro"),
    ],
)
def test_sending_goes_on_when_the_clock_of_redis_jumps(
    settings: Settings, jumping: JumpingValkey, gateway: Gateway, jumps: list[float]
) -> None:
    connection = {"sender": "gateway", "settings": {"url": gateway.url}, "rate": {"messages": RATE}}
    with (
        Broadcaster(settings, plugins=[gateway_plugin]) as broadcaster,
        running_workers(settings, 2),
        StallWatch() as stalls,
    ):
        broadcaster.connections.save("main", connection)
        job_id = submit(broadcaster, 4 * RATE)
        offset = 0.0
        await_arrivals(gateway, RATE)
        for jump in jumps:
            offset += jump
            jumping.jump(offset)
            seen = len(arrivals(gateway))
            time.sleep(1.2)
            assert len(arrivals(gateway)) > seen + RATE / 4
        await_end(broadcaster, job_id)
        progress = broadcaster.status(job_id)

    assert progress.counts.sent == progress.total
    assert set(gateway.counts().values()) == {1}
    assert most_in_window(arrivals(gateway), 1 - stalls.slack) <= RATE
