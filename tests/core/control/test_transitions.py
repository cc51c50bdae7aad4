"""Pause, resume and cancel, at every level and in every status. Recover runs too rarely here to hide a fault."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from tests.scripted import ScriptedProvider, SleepyBlacklist, number_of, people, text_to
from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import ConflictError, NotFoundError, Temporary, Throttled
from wabroadcast_core.hookspecs import hookimpl
from wabroadcast_core.models.broadcast import BroadcastSummary
from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.outcomes.recorder import Recorder
from wabroadcast_core.store.claims import Claimed
from wabroadcast_core.testing.gateway import Arrival, Gateway
from wabroadcast_core.worker import Worker

NEXT_ATTEMPT = 2.5  # seconds after the first: long enough for a busy machine to see that it waits
QUIET = 1.2  # seconds; paused messages may start for one second more, but not later
MANY = 50_000
TOMORROW = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"recover_seconds": 60.0})


@pytest.fixture(autouse=True)
def connection(broadcaster: Broadcaster) -> None:
    broadcaster.connections.save("main", {"sender": "scripted"})


def _await_status(broadcaster: Broadcaster, job_id: str, status: str) -> None:
    wait_for(lambda: broadcaster.status(job_id).status == status, what=status)


def _await_count(broadcaster: Broadcaster, job_id: str, status: str, amount: int) -> None:
    wait_for(lambda: getattr(broadcaster.status(job_id).counts, status) == amount, what=f"{amount} {status}")


def _let_pass(seconds: float) -> None:
    """Wait: that no message starts can only be shown after some time."""
    time.sleep(seconds)


def _check_counts(broadcaster: Broadcaster, job_id: str, **expected: int) -> None:
    """Check that the counters are these, the others are 0, and the statuses of the messages agree."""
    progress = broadcaster.status(job_id)
    counts = {name: amount for name, amount in progress.counts.model_dump(by_alias=False).items() if amount}
    assert {name: amount for name, amount in counts.items() if name not in {"delivered", "read"}} == expected
    assert progress.total == sum(expected.values())
    if progress.total <= 1_000:
        views = broadcaster.messages(job_id, limit=1_000).items
        assert Counter(view.status.value for view in views) == expected


# --- a broadcast in the middle of its sends --------------------------------------------------------------------


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Start one gateway for all tests here: its start takes longer than the tests, and message ids differ."""
    with Gateway(tmp_path_factory.mktemp("gateway")) as running:
        yield running


def _arrivals(gateway: Gateway, job_id: str) -> list[Arrival]:
    return [arrival for arrival in gateway.arrivals() if arrival.message_id.startswith(job_id)]


def _counts(gateway: Gateway, job_id: str) -> Counter[str]:
    return Counter(arrival.message_id for arrival in _arrivals(gateway, job_id))


@pytest.fixture
def busy(broadcaster: Broadcaster, worker: Worker, gateway: Gateway) -> str:
    """Return the job id of a broadcast in the middle of 300 messages at 150 a second."""
    fields = {"url": gateway.url}
    broadcaster.connections.save(
        "door", {"sender": "gateway", "settings": fields, "rate": {"messages": 150, "perSeconds": 1}}
    )
    job_id = broadcaster.submit(text_to("door", batching={"size": 100, "intervalSeconds": 0.01}), people(300)).job_id
    wait_for(lambda: len(_arrivals(gateway, job_id)) > 30, what="the first messages")
    return job_id


PAUSES: dict[str, tuple[Callable[[Broadcaster, str], object], Callable[[Broadcaster, str], object]]] = {
    "the-broadcast": (
        lambda broadcaster, job: broadcaster.pause(job),
        lambda broadcaster, job: broadcaster.resume(job),
    ),
    "its-connection": (
        lambda broadcaster, _: broadcaster.connections.pause("door"),
        lambda broadcaster, _: broadcaster.connections.resume("door"),
    ),
}


@pytest.mark.timed
@pytest.mark.parametrize("level", PAUSES)
def test_after_a_pause_no_message_starts_and_after_the_resume_each_is_sent_once(
    broadcaster: Broadcaster, gateway: Gateway, busy: str, level: str
) -> None:
    pause, resume = PAUSES[level]

    pause(broadcaster, busy)
    paused_at = time.monotonic()
    _let_pass(QUIET)
    before = _arrivals(gateway, busy)
    resume(broadcaster, busy)
    _await_status(broadcaster, busy, "completed")

    assert 30 < len(before) < 200
    assert max(arrival.at for arrival in before) - paused_at < 1
    assert _counts(gateway, busy) == {f"{busy}-{place}": 1 for place in range(300)}
    _check_counts(broadcaster, busy, sent=300)


@pytest.mark.timed
def test_after_a_cancel_no_message_starts_and_the_counts_are_right(
    broadcaster: Broadcaster, gateway: Gateway, busy: str
) -> None:
    broadcaster.cancel(busy)
    cancelled_at = time.monotonic()
    _await_count(broadcaster, busy, "processing", 0)
    _let_pass(QUIET)

    arrivals = _arrivals(gateway, busy)
    assert max(arrival.at for arrival in arrivals) - cancelled_at < 1
    assert 30 < len(arrivals) < 200
    _check_counts(broadcaster, busy, sent=len(arrivals), cancelled=300 - len(arrivals))
    assert broadcaster.status(busy).status == "cancelled"


def test_a_paused_batch_waits_while_the_others_are_sent(broadcaster: Broadcaster, gateway: Gateway, busy: str) -> None:
    broadcaster.pause(busy, batch=2)
    _await_count(broadcaster, busy, "sent", 200)
    sent = set(_counts(gateway, busy))
    broadcaster.resume(busy, batch=2)
    _await_status(broadcaster, busy, "completed")

    assert sent == {f"{busy}-{place}" for place in range(200)}
    assert _counts(gateway, busy) == {f"{busy}-{place}": 1 for place in range(300)}


@ON_SQLITE
def test_a_cancelled_batch_is_never_sent(broadcaster: Broadcaster, gateway: Gateway, busy: str) -> None:
    broadcaster.pause(busy, batch=1)
    broadcaster.cancel(busy, batch=1)
    _await_status(broadcaster, busy, "completed")

    arrived = {int(key.rpartition("-")[2]) for key in _counts(gateway, busy)}
    assert {*range(100), *range(200, 300)} <= arrived
    assert len(arrived) < 300
    _check_counts(broadcaster, busy, sent=len(arrived), cancelled=300 - len(arrived))


@ON_SQLITE
def test_one_message_is_paused_or_cancelled_while_the_others_are_sent(
    broadcaster: Broadcaster, gateway: Gateway, busy: str
) -> None:
    paused = broadcaster.pause_message(busy, f"{busy}-299")
    cancelled = broadcaster.cancel_message(busy, f"{busy}-298")
    _await_count(broadcaster, busy, "sent", 298)
    sent = set(_counts(gateway, busy))
    resumed = broadcaster.resume_message(busy, f"{busy}-299")
    _await_status(broadcaster, busy, "completed")

    assert [view.status for view in (paused, cancelled, resumed)] == ["paused", "cancelled", "queued"]
    assert sent == {f"{busy}-{place}" for place in range(298)}
    assert set(_counts(gateway, busy)) == sent | {f"{busy}-299"}
    _check_counts(broadcaster, busy, sent=299, cancelled=1)


@ON_SQLITE
@pytest.mark.parametrize("reason", [pytest.param("wrote STOP", id="with-a-reason"), pytest.param("", id="without")])
def test_a_person_who_opts_out_while_queued_is_sent_no_message(
    broadcaster: Broadcaster, gateway: Gateway, busy: str, reason: str
) -> None:
    last = [number_of(place) for place in range(290, 300)]

    broadcaster.blacklist.add_many(last, reason=reason)
    _await_status(broadcaster, busy, "completed")

    assert {arrival.number for arrival in _arrivals(gateway, busy)} == {number_of(place) for place in range(290)}
    _check_counts(broadcaster, busy, sent=290, skipped=10)
    assert broadcaster.status(busy).skipped_by == {"blacklisted": 10}
    assert broadcaster.messages(busy, status=MessageStatus.SKIPPED).items[0].detail == reason


@pytest.mark.slow
@ON_SQLITE
def test_a_pause_during_a_slow_blacklist_plugin_is_not_missed(settings: Settings, provider: ScriptedProvider) -> None:
    slow = SlowBlacklist()
    with Broadcaster(settings, plugins=[provider, slow]) as broadcaster:
        broadcaster.connections.save("main", {"sender": "scripted"})
        job_id = broadcaster.submit(text_to("main"), people(5)).job_id
        broadcaster.handlers.prepare(1)
        slow.gate.clear()
        worker = Worker(broadcaster)
        worker.start()
        _await_count(broadcaster, job_id, "processing", 5)
        broadcaster.pause(job_id)
        slow.gate.set()
        _await_count(broadcaster, job_id, "processing", 0)
        worker.stop()

        assert provider.starts == []
        _check_counts(broadcaster, job_id, queued=5)


class SlowBlacklist:
    """A blacklist plugin that answers when its gate is opened."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()

    @hookimpl
    def wab_blacklisted(self, numbers: list[str]) -> dict[str, str]:  # noqa: ARG002 - the signature of the hook
        self.gate.wait(20)
        return {}


@pytest.mark.slow
def test_a_pause_that_was_resumed_drops_no_message_that_is_claimed_later(
    settings: Settings, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a pace, claims overlap: at every moment one is being made."""
    dropped: list[Claimed] = []
    give_back = Recorder.give_back

    def record_drop(recorder: Recorder, claimed: Claimed, **options: Any) -> None:
        dropped.append(claimed)
        give_back(recorder, claimed, **options)

    monkeypatch.setattr(Recorder, "give_back", record_drop)
    patient = settings.model_copy(update={"claim_size": 20, "turn_seconds": 10.0})
    with Broadcaster(patient, plugins=[provider, SleepyBlacklist(0.05)]) as broadcaster:
        broadcaster.connections.save("main", {"sender": "scripted"})
        job_id = broadcaster.submit(text_to("main"), people(1_000)).job_id
        worker = Worker(broadcaster)
        worker.start()
        wait_for(lambda: len(provider.starts) > 100, what="the first messages")
        broadcaster.pause(job_id)
        broadcaster.resume(job_id)
        _await_status(broadcaster, job_id, "completed")
        worker.stop()

    assert len(dropped) <= 4 * 20  # the messages that were claimed at the pause
    assert set(provider.counts().values()) == {1}


# --- before the first send -------------------------------------------------------------------------------------


@ON_SQLITE
def test_a_paused_scheduled_broadcast_starts_only_after_its_resume(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=0.5)
    job_id = broadcaster.submit(text_to("main", scheduledAt=soon), people(3)).job_id
    broadcaster.pause(job_id)
    other = broadcaster.submit(text_to("main", scheduledAt=soon + timedelta(seconds=0.1)), people(4)[3:]).job_id
    _await_status(broadcaster, other, "completed")
    starts_before = len(provider.starts)

    broadcaster.resume(job_id)
    _await_status(broadcaster, job_id, "completed")

    assert starts_before == 1
    assert set(provider.counts().values()) == {1}


@ON_SQLITE
def test_a_scheduled_broadcast_resumed_before_its_time_waits_for_it(broadcaster: Broadcaster) -> None:
    job_id = broadcaster.submit(text_to("main", scheduledAt=TOMORROW), people(1)).job_id
    broadcaster.pause(job_id)

    assert broadcaster.resume(job_id).status == "scheduled"


@pytest.mark.slow
@ON_SQLITE
def test_a_broadcast_paused_before_a_worker_starts_is_sent_after_its_resume(
    broadcaster: Broadcaster, provider: ScriptedProvider
) -> None:
    job_id = broadcaster.submit(text_to("main"), people(3)).job_id
    broadcaster.pause(job_id)
    worker = Worker(broadcaster)
    worker.start()
    wait_for(lambda: not broadcaster.tasks.huey.pending_count(), what="an empty queue")

    resumed = broadcaster.resume(job_id)
    _await_status(broadcaster, job_id, "completed")
    worker.stop()

    assert resumed.status in {"queued", "processing"}  # the worker may have begun
    assert set(provider.counts().values()) == {1}


@pytest.mark.slow
@ON_SQLITE
@pytest.mark.parametrize("held_after", [pytest.param(0, id="before-the-first"), pytest.param(25, id="in-the-middle")])
def test_a_broadcast_paused_while_its_audience_is_read_is_sent_whole_after_its_resume(
    settings: Settings, provider: ScriptedProvider, held_after: int
) -> None:
    with Broadcaster(settings.model_copy(update={"prepare_chunk": 10}), plugins=[provider]) as broadcaster:
        broadcaster.connections.save("main", {"sender": "scripted"})
        worker = Worker(broadcaster)
        worker.start()
        job_id = _held(broadcaster, provider, held_after=held_after)
        broadcaster.pause(job_id)
        paused_with = broadcaster.status(job_id).total
        broadcaster.resume(job_id)
        broadcaster.pause(job_id)
        provider.gate.set()
        wait_for(lambda: broadcaster.status(job_id).prepared, what="the end of the audience")
        broadcaster.resume(job_id)
        _await_status(broadcaster, job_id, "completed")
        worker.stop()

        assert paused_with == held_after // 10 * 10
        assert provider.counts() == {number_of(place): 1 for place in range(40)}


@ON_SQLITE
def test_a_resume_while_the_audience_is_read_continues_the_reading(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    job_id = _held(broadcaster, provider, held_after=0)
    broadcaster.pause(job_id)

    resumed = broadcaster.resume(job_id)
    provider.gate.set()
    _await_status(broadcaster, job_id, "completed")

    assert resumed.status == "processing"
    assert provider.counts() == {number_of(place): 1 for place in range(40)}


@pytest.mark.slow
@ON_SQLITE
def test_a_broadcast_cancelled_while_its_audience_is_read_sends_no_more_messages(
    settings: Settings, provider: ScriptedProvider
) -> None:
    with Broadcaster(settings.model_copy(update={"prepare_chunk": 10}), plugins=[provider]) as broadcaster:
        broadcaster.connections.save("main", {"sender": "scripted"})
        worker = Worker(broadcaster)
        worker.start()
        job_id = _held(broadcaster, provider, held_after=25)
        _await_count(broadcaster, job_id, "sent", 20)
        broadcaster.cancel(job_id)
        provider.gate.set()
        worker.stop()

        assert len(provider.starts) == 20
        _check_counts(broadcaster, job_id, sent=20)
        assert broadcaster.status(job_id).status == "cancelled"


def _held(broadcaster: Broadcaster, provider: ScriptedProvider, *, held_after: int) -> str:
    """Submit a broadcast to 40 people whose contact source blocks after ``held_after`` of them."""
    provider.gate.clear()
    source = {"type": "gated", "people": 40, "heldAfter": held_after}
    job_id = broadcaster.submit(text_to("main", source=source)).job_id
    _await_status(broadcaster, job_id, "processing")
    wait_for(lambda: broadcaster.status(job_id).total == held_after // 10 * 10, what="the rows before the gate")
    return job_id


# --- after a first attempt -------------------------------------------------------------------------------------

FIRST_ATTEMPTS: dict[str, Callable[[], Exception]] = {
    "retried": lambda: Temporary("busy", retry_after=NEXT_ATTEMPT),
    "throttled": lambda: Throttled("rate", retry_after=NEXT_ATTEMPT),
    "recipient-throttled": lambda: Throttled("pair", retry_after=NEXT_ATTEMPT, scope="recipient"),
}


@ON_SQLITE
@pytest.mark.parametrize("why", FIRST_ATTEMPTS)
def test_a_message_that_waits_for_its_next_attempt_is_paused_too(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider, why: str
) -> None:
    job_id = _attempted_once(broadcaster, provider, FIRST_ATTEMPTS[why])

    broadcaster.pause(job_id)
    _let_pass(NEXT_ATTEMPT + QUIET)
    attempts = len(provider.starts)
    broadcaster.resume(job_id)
    _await_status(broadcaster, job_id, "completed")

    assert attempts == 1
    assert len(provider.starts) == 2
    _check_counts(broadcaster, job_id, sent=1)


@ON_SQLITE
@pytest.mark.parametrize("why", FIRST_ATTEMPTS)
def test_a_message_that_waits_for_its_next_attempt_is_cancelled_too(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider, why: str
) -> None:
    job_id = _attempted_once(broadcaster, provider, FIRST_ATTEMPTS[why])

    broadcaster.cancel(job_id)
    _let_pass(NEXT_ATTEMPT + QUIET)

    assert len(provider.starts) == 1
    _check_counts(broadcaster, job_id, cancelled=1)


def _attempted_once(broadcaster: Broadcaster, provider: ScriptedProvider, make: Callable[[], Exception]) -> str:
    provider.decide = lambda _, __: make() if len(provider.starts) == 1 else None
    job_id = broadcaster.submit(text_to("main", retry={"intervalSeconds": 0.3}), people(1)).job_id
    _await_count(broadcaster, job_id, "retry", 1)
    return job_id


# --- many messages ---------------------------------------------------------------------------------------------


@pytest.mark.timed
def test_a_large_broadcast_is_cancelled_at_once_and_swept_afterwards(broadcaster: Broadcaster) -> None:
    job_id = broadcaster.submit(text_to("main"), people(MANY)).job_id
    broadcaster.handlers.prepare(1)
    broadcaster.context.redis.flushdb()  # so that no worker sends

    began = time.monotonic()
    summary = broadcaster.cancel(job_id)
    took = time.monotonic() - began
    broadcaster.handlers.sweep(1)

    assert summary.status == "cancelled"
    assert took < 2
    _check_counts(broadcaster, job_id, cancelled=MANY)


@pytest.mark.timed
def test_a_fast_broadcast_is_cancelled_at_once(broadcaster: Broadcaster, worker: Worker) -> None:
    broadcaster.connections.save("fast", {"sender": "null"})
    job_id = broadcaster.submit(text_to("fast"), people(30_000)).job_id
    wait_for(lambda: broadcaster.status(job_id).counts.sent > 1_000, what="the first thousand messages")

    began = time.monotonic()
    broadcaster.cancel(job_id)
    took = time.monotonic() - began
    wait_for(lambda: broadcaster.status(job_id).progress == 1.0, what="the end of the sweep")

    assert took < 2
    counts = broadcaster.status(job_id).counts
    assert counts.sent + counts.cancelled == broadcaster.status(job_id).total
    assert counts.sent > 1_000


# --- refusals and the audit log --------------------------------------------------------------------------------

MAKE: dict[str, Callable[[Broadcaster], str]] = {}


def _makes(status: str) -> Callable[[Callable[[Broadcaster], str]], Callable[[Broadcaster], str]]:
    def register(make: Callable[[Broadcaster], str]) -> Callable[[Broadcaster], str]:
        MAKE[status] = make
        return make

    return register


@_makes("scheduled")
def _scheduled(broadcaster: Broadcaster) -> str:
    return broadcaster.submit(text_to("main", scheduledAt=TOMORROW), people(2)).job_id


@_makes("queued")
def _queued(broadcaster: Broadcaster) -> str:
    return broadcaster.submit(text_to("main"), people(2)).job_id


@_makes("processing")
def _processing(broadcaster: Broadcaster) -> str:
    job_id = _queued(broadcaster)
    broadcaster.handlers.prepare(1)
    return job_id


@_makes("paused")
def _paused(broadcaster: Broadcaster) -> str:
    job_id = _processing(broadcaster)
    broadcaster.pause(job_id)
    return job_id


@_makes("cancelled")
def _cancelled(broadcaster: Broadcaster) -> str:
    job_id = _processing(broadcaster)
    broadcaster.cancel(job_id)
    return job_id


@_makes("completed")
def _completed(broadcaster: Broadcaster) -> str:
    job_id = _processing(broadcaster)
    for place in range(2):
        broadcaster.cancel_message(job_id, f"{job_id}-{place}")
    return job_id


@_makes("failed")
def _failed(broadcaster: Broadcaster) -> str:
    source = {"type": "csv", "uploadId": broadcaster.uploads.save([b"\x00\x01"]).upload_id}
    job_id = broadcaster.submit(text_to("main", source=source)).job_id
    broadcaster.handlers.prepare(1)
    return job_id


ALLOWED = {
    "pause": {"scheduled", "queued", "processing"},
    "resume": {"paused"},
    "cancel": {"scheduled", "queued", "processing", "paused"},
    "retry": {"scheduled", "queued", "processing", "paused", "completed"},
    "reschedule": {"scheduled", "queued"},
    "pause-batch": {"processing", "paused"},
    "resume-batch": set[str](),  # no message of the batch is paused
    "cancel-batch": {"processing", "paused"},
}
ACTIONS: dict[str, Callable[[Broadcaster, str], Any]] = {
    "pause": lambda broadcaster, job: broadcaster.pause(job, actor="budi"),
    "resume": lambda broadcaster, job: broadcaster.resume(job, actor="budi"),
    "cancel": lambda broadcaster, job: broadcaster.cancel(job, actor="budi"),
    "retry": lambda broadcaster, job: broadcaster.retry(job, actor="budi"),
    "reschedule": lambda broadcaster, job: broadcaster.reschedule(job, {"scheduledAt": TOMORROW}, actor="budi"),
    "pause-batch": lambda broadcaster, job: broadcaster.pause(job, batch=0, actor="budi"),
    "resume-batch": lambda broadcaster, job: broadcaster.resume(job, batch=0, actor="budi"),
    "cancel-batch": lambda broadcaster, job: broadcaster.cancel(job, batch=0, actor="budi"),
}


@ON_SQLITE
@pytest.mark.parametrize("status", MAKE)
def test_an_action_is_done_and_logged_or_refused_with_the_present_status(broadcaster: Broadcaster, status: str) -> None:
    for name, action in ACTIONS.items():
        job_id = _fresh(broadcaster, status)
        logged_before = len(broadcaster.get(job_id).acts)
        refusal = _refusal_of(action, broadcaster, job_id)
        logged = broadcaster.get(job_id).acts[logged_before:]
        assert (refusal is None) is (status in ALLOWED[name]), name
        assert refusal is None or refusal.status == status, name
        assert [entry.actor for entry in logged] == ["budi"] * (refusal is None), name
        assert all(abs((entry.at - datetime.now(UTC)).total_seconds()) < 5 for entry in logged), name


def _refusal_of(action: Callable[..., Any], *arguments: Any) -> ConflictError | None:
    try:
        action(*arguments)
    except ConflictError as error:
        return error
    return None


def _fresh(broadcaster: Broadcaster, status: str) -> str:
    """Make a broadcast of this status. Earlier ones are deleted, so that its id is 1 again."""
    with broadcaster.context.database.write() as conn:
        for table in ("messages", "broadcast_connections", "skip_counts", "broadcasts"):
            conn.execute(text(f"DELETE FROM {table}"))
        if not broadcaster.context.database.is_sqlite:
            conn.execute(text("ALTER SEQUENCE broadcasts_id_seq RESTART"))
    job_id = MAKE[status](broadcaster)
    assert broadcaster.status(job_id).status == status
    return job_id


@ON_SQLITE
def test_every_action_is_shown_with_its_time_and_its_actor(broadcaster: Broadcaster) -> None:
    job_id = broadcaster.submit(
        text_to("main", batching={"size": 1, "intervalSeconds": 60}), people(3), actor="rina"
    ).job_id
    broadcaster.handlers.prepare(1)

    broadcaster.pause(job_id, actor="budi")
    broadcaster.resume(job_id, actor="budi")
    broadcaster.pause(job_id, batch=1, actor="sari")
    broadcaster.pause_message(job_id, f"{job_id}-2", actor="sari")
    broadcaster.cancel(job_id)

    acts = broadcaster.get(job_id).acts
    assert [(act.actor, act.act, act.detail) for act in acts] == [
        ("rina", "submit", None),
        ("budi", "pause", None),
        ("budi", "resume", None),
        ("sari", "pause", "batch 1"),
        ("sari", "pause", "message 2"),
        ("api", "cancel", None),
    ]
    assert [act.at for act in acts] == sorted(act.at for act in acts)


@ON_SQLITE
@pytest.mark.parametrize("act", ["pause", "resume", "cancel"])
def test_an_unknown_broadcast_batch_or_message_is_not_found(broadcaster: Broadcaster, act: str) -> None:
    job_id = _processing(broadcaster)
    on_broadcast, on_message = getattr(broadcaster, act), getattr(broadcaster, f"{act}_message")

    for call, arguments, options in [
        (on_broadcast, ["nothing"], {}),
        (on_broadcast, [job_id], {"batch": 7}),
        (on_message, [job_id, f"{job_id}-2"], {}),
        (on_message, [job_id, f"{job_id}-{1 << 32}"], {}),  # would be a message of another broadcast
        (on_message, [job_id, f"{job_id}-9999999999"], {}),
        (on_message, [job_id, "other-0"], {}),
    ]:
        with pytest.raises(NotFoundError):
            call(*arguments, **options)


@ON_SQLITE
@pytest.mark.parametrize(
    ("first", "refused", "status"),
    [
        pytest.param("cancel", "pause", "cancelled", id="pause-after-cancel"),
        pytest.param("cancel", "resume", "cancelled", id="resume-after-cancel"),
        pytest.param("cancel", "cancel", "cancelled", id="cancel-twice"),
        pytest.param("pause", "pause", "paused", id="pause-twice"),
        pytest.param(None, "resume", "queued", id="resume-without-pause"),
    ],
)
def test_a_message_refuses_actions_that_its_status_does_not_allow(
    broadcaster: Broadcaster, first: str | None, refused: str, status: str
) -> None:
    job_id = _processing(broadcaster)
    if first is not None:
        getattr(broadcaster, f"{first}_message")(job_id, f"{job_id}-1")

    with pytest.raises(ConflictError) as refusal:
        getattr(broadcaster, f"{refused}_message")(job_id, f"{job_id}-1")

    assert refusal.value.status == status


@ON_SQLITE
def test_plugins_are_notified_of_every_new_status(broadcaster: Broadcaster, settings: Settings) -> None:
    statuses: list[str] = []

    class Observer:
        @hookimpl
        def wab_broadcast_changed(self, broadcast: BroadcastSummary) -> None:
            statuses.append(broadcast.status)

    broadcaster.plugins._manager.register(Observer())
    job_id = _processing(broadcaster)
    broadcaster.pause(job_id)
    broadcaster.resume(job_id)
    broadcaster.cancel(job_id)

    assert statuses == ["queued", "processing", "paused", "processing", "cancelled"]
