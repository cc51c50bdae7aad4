"""The watchdog of an event loop names what holds it."""

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import wait_for
from wabroadcast_core.engine.watchdog import LoopWatchdog

WARN_SECONDS = 0.4


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="the-loop")
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def watch(loop: asyncio.AbstractEventLoop, owner: str | None) -> LoopWatchdog:
    [thread] = [thread for thread in threading.enumerate() if thread.name == "the-loop"]
    return LoopWatchdog(
        loop,
        thread.ident or 0,
        warn_seconds=WARN_SECONDS,
        owner_of=lambda file: owner if Path(file).name == "test_watchdog.py" else None,
    )


@pytest.mark.timed
@pytest.mark.parametrize(
    ("owner", "named"),
    [
        pytest.param("acme", "held by plugin acme at engine/test_watchdog.py:", id="a-plugin"),
        pytest.param(None, "engine/test_watchdog.py:", id="other-code"),
    ],
)
def test_what_holds_the_loop_is_named_while_it_does(
    loop: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture, owner: str | None, named: str
) -> None:
    def hold() -> None:
        time.sleep(4 * WARN_SECONDS)

    watchdog = watch(loop, owner)
    loop.call_soon_threadsafe(hold)
    wait_for(lambda: watchdog.is_held, what="a held loop")
    wait_for(lambda: caplog.records, what="a log line")

    assert named in caplog.text
    assert "in hold" in caplog.text
    wait_for(lambda: not watchdog.is_held, what="a free loop")
    assert "is free again" in caplog.text
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]
    watchdog.stop()


@pytest.mark.timed
def test_a_loop_that_waits_is_not_held(loop: asyncio.AbstractEventLoop) -> None:
    watchdog = watch(loop, "acme")

    asyncio.run_coroutine_threadsafe(asyncio.sleep(3 * WARN_SECONDS), loop).result()

    assert watchdog.held_seconds < WARN_SECONDS
    watchdog.stop()
