"""A host that passes its own Redis client and Huey instance, neither with time limits, while Redis does not answer."""

import socket
import time
from collections.abc import Iterator

import pytest
import redis
from huey import RedisHuey

from tests.stores import ON_SQLITE
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import SetupError
from wabroadcast_core.testing import senders as null_plugin

pytestmark = [ON_SQLITE, pytest.mark.slow]

DRAFT = {"name": "Promo", "message": {"type": "text", "text": "Halo"}}
NUMBERS = [{"number": "+628123456789"}]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield silent.getsockname()[1]


@pytest.mark.timed
def test_a_submit_is_answered_soon_with_the_hosts_own_parts(settings: Settings, silent_port: int) -> None:
    client = redis.Redis(port=silent_port, socket_timeout=None)
    huey = RedisHuey("host", port=silent_port, socket_timeout=None)

    with Broadcaster(settings, redis_client=client, huey=huey, plugins=[null_plugin]) as broadcaster:
        began = time.monotonic()
        summary = broadcaster.submit(DRAFT, NUMBERS)
        paused = broadcaster.pause(summary.job_id)
        seconds = time.monotonic() - began

    assert paused.status == "paused"
    assert seconds < 2


@pytest.mark.parametrize(
    ("client", "fault"),
    [
        pytest.param(redis.Redis(decode_responses=True), "decode_responses", id="decodes-answers"),
        pytest.param(
            redis.Sentinel([("127.0.0.1", 1)]).master_for("main"),  # type: ignore[no-untyped-call]  # of the library
            "Sentinel",
            id="behind-sentinels",
        ),
    ],
)
def test_a_client_that_cannot_be_used_is_refused(settings: Settings, client: redis.Redis, fault: str) -> None:
    with pytest.raises(SetupError, match=fault):
        Broadcaster(settings, redis_client=client).start()
