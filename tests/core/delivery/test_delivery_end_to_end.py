"""Broadcasts from submit to the provider, and workers that fail or stop, on both stores."""

import asyncio
import contextlib
import itertools
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest

from tests.scripted import ScriptedProvider, people, text_to
from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.control.announcements import Announcement, announce
from wabroadcast_core.delivery.claimer import Claimer
from wabroadcast_core.engine import engine as engine_module
from wabroadcast_core.engine.engine import Engine
from wabroadcast_core.engine.handlers import Handlers
from wabroadcast_core.errors import BroadcastError, UnavailableError
from wabroadcast_core.pacing import pace as pace_module
from wabroadcast_core.recovery.lease import WorkerLease
from wabroadcast_core.store import outcomes as outcome_store
from wabroadcast_core.testing.gateway import Gateway
from wabroadcast_core.worker import Worker

pytestmark = pytest.mark.slow


def test_each_recipient_gets_one_personal_message(broadcaster: Broadcaster, worker: Worker, gateway: Gateway) -> None:
    broadcaster.connections.save("main", {"sender": "gateway", "settings": {"url": gateway.url}})
    recipients = [{"number": f"0812{n:08d}", "name": f"Orang {n}", "variables": {"code": n}} for n in range(300)]

    job = broadcaster.submit(
        {"name": "Promo", "connection": "main", "message": {"type": "text", "text": "Halo {{ name }}, {{ code }}"}},
        recipients,
    )
    wait_for(lambda: broadcaster.status(job.job_id).status == "completed", what="completion")

    texts = {arrival.number: arrival.text for arrival in gateway.arrivals()}
    assert texts == {f"+62812{n:08d}": f"Halo Orang {n}, {n}" for n in range(300)}
    assert set(gateway.counts().values()) == {1}


@ON_SQLITE
def test_a_connection_makes_no_requests_to_redis_until_a_distant_slot(broadcaster: Broadcaster, worker: Worker) -> None:
    broadcaster.connections.save("slow", {"sender": "null", "rate": {"messages": 1, "perSeconds": 7}})
    before = broadcaster.context.redis.info("commandstats")["cmdstat_evalsha"]["calls"]

    job = broadcaster.submit(
        {"name": "Promo", "connection": "slow", "message": {"type": "text", "text": "Halo"}},
        [{"number": "08120000001"}, {"number": "08120000002"}],
    )
    wait_for(lambda: broadcaster.status(job.job_id).status == "completed", every=0.5, what="completion")

    requests = broadcaster.context.redis.info("commandstats")["cmdstat_evalsha"]["calls"] - before
    assert requests < 150  # a heartbeat three times a second, and a few for two turns


@ON_SQLITE
def test_messages_that_gave_up_their_slots_do_not_wait_for_sends_to_end(
    settings: Settings, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are all that may be in flight, and they need new slots, not the end of another send."""
    mark, calls = WorkerLease.mark_started, itertools.count()

    async def mark_slowly(lease: WorkerLease, keys: Sequence[int]) -> None:
        if next(calls) == 2:
            await asyncio.sleep(0.7)
        await mark(lease, keys)

    monkeypatch.setattr(WorkerLease, "mark_started", mark_slowly)
    narrow = settings.model_copy(update={"in_flight": 2, "turn_seconds": 600.0})
    with Broadcaster(narrow, plugins=[provider]) as broadcaster:
        broadcaster.connections.save("main", {"sender": "scripted", "rate": {"messages": 20, "perSeconds": 1}})
        job_id = broadcaster.submit(text_to("main"), people(20)).job_id
        worker = Worker(broadcaster)
        worker.start()
        wait_for(lambda: broadcaster.status(job_id).status == "completed", what="the end")
        worker.stop()

    assert set(provider.counts().values()) == {1}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({}, {"quotas": [{"messages": 12, "perSeconds": 300}]}, id="a-quota-is-added"),
        pytest.param(
            {"quotas": [{"messages": 100, "perSeconds": 600}]},
            {"quotas": [{"messages": 12, "perSeconds": 300}]},
            id="a-quota-of-another-length",
        ),
        pytest.param({}, {"warmUp": {"steps": [{"fromDay": 0, "messages": 12}]}}, id="a-warm-up-is-added"),
    ],
)
def test_messages_that_were_sent_before_the_limits_changed_count(
    broadcaster: Broadcaster,
    worker: Worker,
    provider: ScriptedProvider,
    before: dict[str, Any],
    after: dict[str, Any],
) -> None:
    broadcaster.connections.save("main", {"sender": "scripted", **before})
    first = broadcaster.submit(text_to("main"), people(10)).job_id
    wait_for(lambda: broadcaster.status(first).status == "completed", what="the first broadcast")
    time.sleep(2)  # its turn has ended, so nothing is claimed when the limiter learns of the new limits

    broadcaster.connections.save("main", {"sender": "scripted", **after})
    second = broadcaster.submit(text_to("main"), people(10)).job_id
    wait_for(lambda: broadcaster.status(second).counts.sent == 2, what="the rest of the quota")
    time.sleep(1.5)

    assert len(provider.starts) == 12


@ON_SQLITE
def test_outcomes_are_stored_again_after_any_exception(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, calls = outcome_store.record_sent, itertools.count()

    def fail_first(*arguments: Any, **options: Any) -> None:
        if next(calls) < 2:
            raise ValueError("an unexpected error")
        record(*arguments, **options)

    monkeypatch.setattr(outcome_store, "record_sent", fail_first)
    broadcaster.connections.save("main", {"sender": "scripted"})

    job_id = broadcaster.submit(text_to("main"), people(20)).job_id
    wait_for(lambda: broadcaster.status(job_id).status == "completed", what="the end")

    assert broadcaster.status(job_id).counts.sent == 20
    assert set(provider.counts().values()) == {1}


@ON_SQLITE
def test_a_worker_stops_although_a_library_swallows_a_cancellation(
    broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = threading.Event()

    async def swallow_cancellation(*_: Any, **__: Any) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            begun.set()
            await asyncio.sleep(3_600)
        await asyncio.sleep(3_600)

    monkeypatch.setattr(engine_module, "listen", swallow_cancellation)
    worker = Worker(broadcaster)
    worker.start()
    assert begun.wait(10)
    stopping = threading.Thread(target=worker.stop, daemon=True)

    stopping.start()
    stopping.join(20)

    assert not stopping.is_alive()


@ON_SQLITE
def test_a_worker_that_cannot_start_takes_no_work_and_stops(
    broadcaster: Broadcaster, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: Engine) -> None:
        raise ValueError("an unexpected error")

    broadcaster.connections.save("main", {"sender": "scripted"})
    with monkeypatch.context() as broken:
        broken.setattr(Engine, "begin", fail)
        worker = Worker(broadcaster)
        worker.start()
        wait_for(lambda: not broadcaster.handlers.start().has_capacity, what="the failure")
        job_id = broadcaster.submit(text_to("main"), people(3)).job_id
        worker.stop()
    waiting = broadcaster.tasks.huey.pending_count()
    worker = Worker(broadcaster)
    worker.start()
    wait_for(lambda: broadcaster.status(job_id).status == "completed", what="the end")
    worker.stop()

    assert waiting >= 1
    assert set(provider.counts().values()) == {1}


@pytest.mark.parametrize("burst", [True, False])
@ON_SQLITE
def test_running_a_worker_that_cannot_start_raises(
    broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch, *, burst: bool
) -> None:
    async def fail(_: Engine) -> None:
        raise ValueError("an unexpected error")

    monkeypatch.setattr(Engine, "begin", fail)

    with pytest.raises(BroadcastError, match="the engine cannot start"):
        Worker(broadcaster).run(burst=burst)


@ON_SQLITE
def test_messages_in_the_slot_queue_of_a_failed_turn_obey_a_pause(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, calls, failed = Claimer.claim, itertools.count(), threading.Event()

    async def fail_after_first(claimer: Claimer, *arguments: Any) -> Any:
        if next(calls):
            failed.set()
            raise UnavailableError("away")
        return await claim(claimer, *arguments)

    def has_failed() -> bool:
        announce(broadcaster.context.redis, broadcaster.context.keys, Announcement(wake=2))  # the turn looks again
        return failed.is_set()

    monkeypatch.setattr(Claimer, "claim", fail_after_first)
    monkeypatch.setattr(pace_module, "HORIZON", 1.0)  # the first slot of a primed limiter is nearly a second ahead
    broadcaster.connections.save("main", {"sender": "scripted", "rate": {"messages": 50}})
    job_id = broadcaster.submit(text_to("main"), people(40)).job_id
    wait_for(lambda: provider.starts, what="the first start")
    wait_for(has_failed, what="the failure")

    broadcaster.pause(job_id)
    paused_at = time.monotonic()
    wait_for(lambda: broadcaster.status(job_id).counts.processing == 0, what="the return of the messages")

    assert [start.moment - paused_at for start in provider.starts if start.moment > paused_at + 0.1] == []
    assert len(provider.starts) < 40


@ON_SQLITE
def test_a_task_that_runs_after_the_stop_leaves_no_engine(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was taken from the queue before the stop, and uses the engine after it."""
    taken, ended = threading.Event(), threading.Event()
    start_turn = Handlers.start_turn

    def start_late(handlers: Handlers, connection_id: int) -> None:
        taken.set()
        ended.wait(10)
        start_turn(handlers, connection_id)

    monkeypatch.setattr(Handlers, "start_turn", start_late)
    with Broadcaster(settings) as broadcaster:
        worker = Worker(broadcaster)
        worker.start()
        broadcaster.tasks.turn(1, rank=1)
        assert taken.wait(10)
        stopping = threading.Thread(target=worker.stop)

        stopping.start()
        wait_for(lambda: broadcaster.handlers._loop is None, what="the end of the engine")
        ended.set()
        stopping.join(20)

        assert broadcaster.handlers._loop is None


@ON_SQLITE
def test_after_a_claim_fails_the_next_turn_sends_the_rest(
    settings: Settings, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, calls = Claimer.claim, itertools.count()

    async def fail_once(claimer: Claimer, *arguments: Any) -> Any:
        if next(calls) == 2:
            raise UnavailableError("away for a moment")
        return await claim(claimer, *arguments)

    monkeypatch.setattr(Claimer, "claim", fail_once)
    impatient = settings.model_copy(update={"claim_size": 5, "turn_seconds": 0.1, "recover_seconds": 600.0})
    with Broadcaster(impatient, plugins=[provider]) as broadcaster:
        broadcaster.connections.save("main", {"sender": "scripted"})
        job_id = broadcaster.submit(text_to("main"), people(2_000)).job_id
        worker = Worker(broadcaster)
        worker.start()
        wait_for(lambda: broadcaster.status(job_id).status == "completed", what="the end")
        worker.stop()

    assert set(provider.counts().values()) == {1}
