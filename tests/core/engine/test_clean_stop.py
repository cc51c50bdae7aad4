"""A clean stop: it leaves no worker that is later taken for dead, and no task starts another engine meanwhile."""

import pytest
from sqlalchemy import select

from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Worker
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.store import workers as worker_store
from wabroadcast_core.store.tables import workers

pytestmark = [ON_SQLITE, pytest.mark.slow]

DRAFT = {
    "name": "Promo",
    "connection": "sandbox",
    "message": {"type": "text", "text": "Halo"},
    "rate": {"messages": 50, "perSeconds": 1},
}
CYCLES = 4


def started_and_open(broadcaster: Broadcaster) -> tuple[int, list[int]]:
    """Return how many workers were ever started, and those that have not ended."""
    with broadcaster.context.database.read() as conn:
        return len(conn.execute(select(workers.c.id)).all()), [*worker_store.open_workers(conn)]


def _await_message(broadcaster: Broadcaster, job_id: str) -> None:
    sent = broadcaster.status(job_id).counts.sent
    wait_for(lambda: broadcaster.status(job_id).counts.sent > sent, what="a message", seconds=60)


def test_a_stop_under_load_registers_no_new_worker_and_leaves_none(broadcaster: Broadcaster) -> None:
    job_id = broadcaster.submit(DRAFT, [{"number": f"0812{n:08d}"} for n in range(2_000)]).job_id
    worker = Worker(broadcaster)

    for cycle in range(1, CYCLES + 1):
        worker.start()
        _await_message(broadcaster, job_id)
        worker.stop()

        assert started_and_open(broadcaster) == (cycle, [])


def test_a_stop_right_after_the_start_leaves_no_worker(broadcaster: Broadcaster) -> None:
    worker = Worker(broadcaster)

    for _ in range(CYCLES):
        worker.start()
        worker.stop()

    started, still_open = started_and_open(broadcaster)
    assert still_open == []
    assert started <= CYCLES


def test_a_task_that_runs_after_the_stop_starts_no_engine(broadcaster: Broadcaster) -> None:
    worker = Worker(broadcaster)
    worker.start()
    worker.stop()
    before = started_and_open(broadcaster)

    broadcaster.handlers.start_turn(1)
    broadcaster.handlers.process_webhooks(1)
    broadcaster.handlers.deliver_callbacks(1)

    assert broadcaster.handlers.loop is None
    assert started_and_open(broadcaster) == before
