"""What a busy process leaves to others."""

import asyncio
import contextlib
import os
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.core.simulated import simulated
from tests.processes import main, start_worker
from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.engine.work_sharing import (
    BUSY,
    HEAD_START,
    LONGEST_HEAD_START,
    LONGEST_PAUSE,
    PERIOD,
    WorkSharing,
    usable_processor,
)
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.models.status import BroadcastStatus
from wabroadcast_core.testing import senders as null_plugin

MESSAGES = 300  # of each of two connections
SEND_COST = 0.004  # seconds of a processor


async def costly_send(_: object, message: OutgoingMessage) -> Accepted:
    """Compute for a while, and put the id of the process into that of the message."""
    until = time.thread_time() + SEND_COST
    while time.thread_time() < until:
        pass
    return Accepted(provider_id=f"{os.getpid()}-{message.message_id}")


def send_at_a_cost() -> None:
    """Run a worker whose sends are computed."""
    null_plugin.NullSender.send = costly_send  # type: ignore[assignment, method-assign]  # in a process of its own
    main()


def submit_to(broadcaster: Broadcaster, name: str) -> str:
    broadcaster.connections.save(name, {"sender": "null"})
    draft = {"name": name, "connection": name, "message": {"type": "text", "text": "Halo"}}
    return broadcaster.submit(draft, [{"number": f"0812{place:08d}"} for place in range(MESSAGES)]).job_id


class FakeTurns:
    """:param come_back: whether turns that end early come back to this process."""

    def __init__(self, staying_count: int = 2, *, come_back: bool = False) -> None:
        self.staying_count = staying_count
        self.ended = 0
        self._come_back = come_back

    def has_staying(self, connection_id: int) -> bool:
        assert connection_id == 1
        return self._come_back

    def end_one_early(self) -> int | None:
        self.ended += 1
        return 1


def sharing_of(turns: FakeTurns, *, share: float) -> WorkSharing:
    """:param share: of a processor that the process uses."""
    return WorkSharing(turns, cpu_seconds=lambda: share * asyncio.get_running_loop().time())


async def follow(sharing: WorkSharing, *, periods: float) -> None:
    following = asyncio.create_task(sharing.follow())
    await asyncio.sleep(periods * PERIOD)
    following.cancel()


@simulated
async def test_a_process_with_time_ends_no_turn_early_and_takes_what_comes() -> None:
    turns = FakeTurns()
    sharing = sharing_of(turns, share=BUSY - 0.1)

    await follow(sharing, periods=10.5)

    assert (turns.ended, sharing.head_start) == (0, 0.0)


@simulated
async def test_a_busy_process_ends_one_turn_early_in_each_period() -> None:
    turns = FakeTurns()

    await follow(sharing_of(turns, share=BUSY + 0.1), periods=4.5)

    assert turns.ended == 4


@pytest.mark.parametrize(("used", "ended"), [(BUSY / 2 + 0.05, 4), (BUSY / 2 - 0.05, 0)])
@simulated
async def test_a_process_of_a_limited_container_is_busy_earlier(used: float, ended: int) -> None:
    turns = FakeTurns()
    sharing = WorkSharing(turns, cpu_seconds=lambda: used * asyncio.get_running_loop().time(), processor=0.5)

    await follow(sharing, periods=4.5)

    assert turns.ended == ended


@pytest.mark.parametrize(
    ("limit", "usable"),
    [
        pytest.param("max 100000\n", 1.0, id="no limit"),
        pytest.param("50000 100000\n", 0.5, id="half of a processor"),
        pytest.param("400000 100000\n", 1.0, id="four processors"),
        pytest.param("", 1.0, id="an empty file"),
        pytest.param("nonsense", 1.0, id="an unknown form"),
        pytest.param(None, 1.0, id="no file"),
    ],
)
def test_the_limit_of_a_container_is_read(tmp_path: Path, limit: str | None, usable: float) -> None:
    if limit is not None:
        (tmp_path / "cpu.max").write_text(limit)

    assert usable_processor(tmp_path / "cpu.max") == usable


@simulated
async def test_a_busy_process_whose_turns_come_back_ends_fewer_and_fewer_early() -> None:
    turns = FakeTurns(come_back=True)
    following = asyncio.create_task(sharing_of(turns, share=1.0).follow())

    await asyncio.sleep((1 + 1 + 2 + 4 + 0.5) * PERIOD)  # the pauses double
    assert turns.ended == 4

    await asyncio.sleep(100 * LONGEST_PAUSE)
    assert turns.ended <= 4 + 100 + 2
    following.cancel()


@pytest.mark.parametrize(
    ("staying", "seconds"),
    [
        pytest.param(0, 0.0, id="none"),
        pytest.param(1, HEAD_START, id="one"),
        pytest.param(9, LONGEST_HEAD_START, id="many"),
    ],
)
@simulated
async def test_the_more_turns_a_busy_process_has_the_later_it_looks_at_the_queue(staying: int, seconds: float) -> None:
    sharing = sharing_of(FakeTurns(staying), share=1.0)

    await follow(sharing, periods=1.5)

    assert sharing.head_start == seconds


@simulated
async def test_a_process_that_has_time_again_takes_what_comes() -> None:
    used = [0.0, PERIOD, PERIOD]  # seconds of a processor: a busy period, then an idle one
    turns = FakeTurns()
    sharing = WorkSharing(turns, cpu_seconds=lambda: used.pop(0) if len(used) > 1 else used[0])

    await follow(sharing, periods=2.5)

    assert (turns.ended, sharing.head_start) == (1, 0.0)


@ON_SQLITE
@pytest.mark.slow
@pytest.mark.timed
def test_a_new_process_takes_a_connection_over_from_one_that_two_keep_busy(settings: Settings) -> None:
    limited = settings.model_copy(update={"in_flight": 40, "turn_seconds": 100.0})
    with Broadcaster(limited, plugins=[null_plugin]) as broadcaster, contextlib.ExitStack() as stack:
        stack.enter_context(start_worker(limited, program=send_at_a_cost))
        jobs = [submit_to(broadcaster, name) for name in ("c1", "c2")]
        wait_for(lambda: all(broadcaster.status(job_id).counts.sent for job_id in jobs), what="both turns")
        stack.enter_context(start_worker(limited, program=send_at_a_cost))
        wait_for(lambda: broadcaster.list(status=BroadcastStatus.COMPLETED).total == 2, seconds=60, every=0.1)
        with broadcaster.context.database.read() as conn:
            ids = conn.exec_driver_sql("SELECT provider_id FROM messages").scalars().all()

    sent = Counter(provider_id.partition("-")[0] for provider_id in ids)
    assert sent.total() == 2 * MESSAGES
    assert len(sent) == 2
    assert min(sent.values()) > MESSAGES / 4, sent
