"""Failed sends: automatic retries, attempts, pauses by the engine, retries by a person."""

import itertools
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from tests.scripted import ScriptedProvider, number_of, people, text_to
from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import (
    BadMessage,
    ConflictError,
    ConnectionDown,
    OutcomeUnknown,
    Rejected,
    Temporary,
    Throttled,
    ThrottleScope,
)
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.store import attempts as attempt_store
from wabroadcast_core.store.messages import message_key
from wabroadcast_core.worker import Worker

Ending = Exception | Accepted | None


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"recover_seconds": 60.0})


@pytest.fixture(autouse=True)
def connection(broadcaster: Broadcaster) -> None:
    broadcaster.connections.save("main", {"sender": "scripted"})


def _await_status(broadcaster: Broadcaster, job_id: str, status: str) -> None:
    wait_for(lambda: broadcaster.status(job_id).status == status, what=status)


def _first_attempts(*endings: Ending) -> Callable[[str, OutgoingMessage], Ending]:
    """Return a decision: the first attempts, of any messages, end like this; all others are accepted."""
    left = list(endings)
    return lambda _, __: left.pop(0) if left else None


def _attempts(broadcaster: Broadcaster, place: int = 0) -> list[tuple[int, str, str | None]]:
    with broadcaster.context.database.read() as conn:
        rows = attempt_store.attempts_of(conn, message_key(1, place))
    assert all(abs(row["at"] - time.time()) < 60 for row in rows)
    return [(row["attempt"], row["reason"], row["detail"]) for row in rows]


# --- temporary -------------------------------------------------------------------------------------------------


def test_attempts_are_stored_with_their_reasons_until_they_are_used_up(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    provider.decide = lambda _, message: Temporary("busy", f"try {message.attempt}")

    job_id = broadcaster.submit(text_to("main", retry={"maxAttempts": 3, "intervalSeconds": 0.05}), people(1)).job_id
    _await_status(broadcaster, job_id, "completed")

    (view,) = broadcaster.messages(job_id).items
    assert (view.status, view.reason, view.detail, view.attempts) == ("failed", "busy", "try 3", 3)
    assert _attempts(broadcaster) == [(1, "busy", "try 1"), (2, "busy", "try 2"), (3, "busy", "try 3")]
    assert [start.attempt for start in provider.starts] == [1, 2, 3]


@pytest.mark.timed
@ON_SQLITE
@pytest.mark.parametrize(
    ("backoff", "gaps"),
    [pytest.param("fixed", [0.3, 0.3], id="fixed"), pytest.param("exponential", [0.3, 0.6], id="exponential")],
)
def test_attempts_are_spaced_by_the_interval(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider, backoff: str, gaps: list[float]
) -> None:
    provider.decide = _first_attempts(Temporary("busy"), Temporary("busy"))
    retry = {"maxAttempts": 3, "intervalSeconds": 0.3, "backoff": backoff}

    job_id = broadcaster.submit(text_to("main", retry=retry), people(1)).job_id
    _await_status(broadcaster, job_id, "completed")

    moments = [start.moment for start in provider.starts]
    waits = [later - earlier for earlier, later in pairwise(moments)]
    assert all(0.8 * gap <= wait < 1.2 * gap + 0.4 for wait, gap in zip(waits, gaps, strict=True))


@pytest.mark.timed
@ON_SQLITE
@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        pytest.param(Temporary("busy", retry_after=0.8), [1, 2], id="temporary"),
        pytest.param(Throttled("rate", retry_after=0.8), [1, 1], id="throttled"),
        pytest.param(Throttled("pair", retry_after=0.8, scope="recipient"), [1, 1], id="recipient-throttled"),
        pytest.param(Throttled("new", retry_after=0.8, scope="new_contacts"), [1, 1], id="new-contacts-throttled"),
    ],
)
def test_retry_after_is_respected_and_only_a_failure_uses_an_attempt(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider, error: Exception, attempts: list[int]
) -> None:
    provider.decide = _first_attempts(error)

    job_id = broadcaster.submit(text_to("main", retry={"intervalSeconds": 0.01}), people(1)).job_id
    _await_status(broadcaster, job_id, "completed")

    first, second = provider.starts
    assert 0.8 <= second.moment - first.moment < 2.5
    assert [first.attempt, second.attempt] == attempts
    assert broadcaster.messages(job_id).items[0].attempts == attempts[1]
    assert _attempts(broadcaster) == [(1, error.reason, None)]  # type: ignore[attr-defined]  # each of the table has one


@pytest.mark.timed
@ON_SQLITE
@pytest.mark.parametrize("limits", [{}, {"rate": {"messages": 50}}], ids=["unlimited", "paced"])
def test_a_provider_that_throttles_everything_gets_few_messages_until_it_accepts_one(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider, limits: dict[str, Any]
) -> None:
    broadcaster.connections.save("main", {"sender": "scripted", **limits})
    began = time.monotonic()
    provider.decide = lambda _, __: Throttled("130429") if time.monotonic() - began < 6 else None

    job_id = broadcaster.submit(text_to("main"), people(40)).job_id
    _await_status(broadcaster, job_id, "completed")

    moments = [start.moment - began for start in provider.starts]
    assert sum(3 <= moment < 6 for moment in moments) <= 3
    assert max(moments) < 11


@ON_SQLITE
@pytest.mark.parametrize("scope", ["connection", "new_contacts"])
def test_a_resume_by_a_person_ends_the_wait_that_the_provider_asked_for(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider, scope: ThrottleScope
) -> None:
    provider.decide = _first_attempts(Throttled("rate", retry_after=3_600, scope=scope))
    job_id = broadcaster.submit(text_to("main"), people(1)).job_id
    wait_for(lambda: broadcaster.status(job_id).counts.retry, what="the wait")

    broadcaster.connections.pause("main")
    broadcaster.connections.resume("main")

    if scope == "new_contacts":  # those that were put aside for it have a time of their own
        other = broadcaster.submit(text_to("main"), [{"number": number_of(7)}]).job_id
        _await_status(broadcaster, other, "completed")
    else:
        _await_status(broadcaster, job_id, "completed")


# --- pauses by the engine --------------------------------------------------------------------------------------


def test_a_bad_message_pauses_the_broadcast_and_a_resume_sends_to_all(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider, caplog: pytest.LogCaptureFixture
) -> None:
    provider.decide = lambda _, __: BadMessage("template_paused", "quality is too low")
    job_id = broadcaster.submit(text_to("main"), people(40)).job_id
    _await_status(broadcaster, job_id, "paused")
    wait_for(lambda: not broadcaster.status(job_id).counts.processing, what="the end of the sends")

    reason = broadcaster.status(job_id).status_reason
    acts = [(act.actor, act.act, act.detail) for act in broadcaster.get(job_id).acts]
    provider.decide = lambda _, __: None
    provider.starts.clear()
    broadcaster.resume(job_id)
    _await_status(broadcaster, job_id, "completed")

    assert reason == "template_paused: quality is too low"
    assert f"broadcast {job_id} is paused" in caplog.text
    assert acts == [("api", "submit", None), ("engine", "pause", reason)]
    assert provider.counts() == {number_of(place): 1 for place in range(40)}
    assert broadcaster.status(job_id).status_reason is None


def test_a_connection_that_is_down_is_paused_with_the_reason(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider, caplog: pytest.LogCaptureFixture
) -> None:
    provider.decide = lambda _, __: ConnectionDown("token", "it has expired")
    job_id = broadcaster.submit(text_to("main"), people(20)).job_id
    wait_for(lambda: broadcaster.connections.get("main").state == "paused", what="the pause of the connection")
    wait_for(lambda: not broadcaster.status(job_id).counts.processing, what="the end of the sends")

    view = broadcaster.connections.get("main")
    provider.decide = lambda _, __: None
    broadcaster.connections.resume("main")
    _await_status(broadcaster, job_id, "completed")

    assert view.state_reason == "token: it has expired"
    assert "connection main is paused (token)" in caplog.text
    assert {view.attempts for view in broadcaster.messages(job_id).items} == {1}
    assert broadcaster.status(job_id).counts.sent == 20


@pytest.mark.slow
@ON_SQLITE
def test_a_connection_whose_sender_is_missing_is_paused(
    broadcaster: Broadcaster, settings: Settings, provider: ScriptedProvider
) -> None:
    job_id = broadcaster.submit(text_to("main"), people(1)).job_id
    with Broadcaster(settings) as without_the_plugin:
        worker = Worker(without_the_plugin)
        worker.start()
        wait_for(lambda: broadcaster.connections.get("main").state == "paused", what="the pause of the connection")
        worker.stop()

    reason = broadcaster.connections.get("main").state_reason
    assert reason is not None
    assert reason.startswith("no_sender: there is no sender kind 'scripted'")
    assert broadcaster.status(job_id).counts.queued == 1


def test_five_first_failures_alike_pause_the_broadcast(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    broadcaster.connections.save("slow", {"sender": "scripted", "rate": {"messages": 50, "perSeconds": 1}})
    provider.decide = lambda _, __: Rejected("not_on_whatsapp")

    job_id = broadcaster.submit(text_to("slow"), people(100)).job_id
    _await_status(broadcaster, job_id, "paused")
    wait_for(lambda: not broadcaster.status(job_id).counts.processing, what="the end of the sends")

    progress = broadcaster.status(job_id)
    assert progress.status_reason == "circuit breaker: too many messages fail alike (not_on_whatsapp)"
    assert 5 <= progress.counts.failed < 50


@ON_SQLITE
def test_failures_alike_in_half_of_the_last_fifty_pause_the_broadcast(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    broadcaster.connections.save("slow", {"sender": "scripted", "rate": {"messages": 200, "perSeconds": 1}})
    sent = itertools.count()
    provider.decide = lambda _, __: Rejected("unreachable") if next(sent) >= 60 else None

    job_id = broadcaster.submit(text_to("slow"), people(300)).job_id
    _await_status(broadcaster, job_id, "paused")
    wait_for(lambda: not broadcaster.status(job_id).counts.processing, what="the end of the sends")

    counts = broadcaster.status(job_id).counts
    assert (counts.sent, 25 <= counts.failed < 150) == (60, True)


@ON_SQLITE
def test_failures_of_different_kinds_do_not_stop_a_broadcast(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    provider.decide = lambda _, message: Rejected(f"code_{int(message.number[-3:]) % 4}")

    job_id = broadcaster.submit(text_to("main"), people(80)).job_id
    _await_status(broadcaster, job_id, "completed")

    assert broadcaster.status(job_id).counts.failed == 80


@ON_SQLITE
def test_a_bug_in_a_plugin_fails_only_its_message(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    def decide(_: str, message: OutgoingMessage) -> Ending:
        return KeyError("secret-123") if message.number == number_of(3) else None

    provider.decide = decide
    job_id = broadcaster.submit(text_to("main"), people(20)).job_id
    _await_status(broadcaster, job_id, "completed")

    (failed,) = broadcaster.messages(job_id, status=MessageStatus.FAILED).items
    assert (failed.number, failed.reason, failed.detail) == (number_of(3), "plugin_error", "KeyError")
    assert broadcaster.status(job_id).counts.sent == 19


@ON_SQLITE
def test_a_send_that_fails_with_an_opt_out_blacklists_the_number(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    provider.decide = _first_attempts(Rejected("user_stopped", opt_out=True))
    first = broadcaster.submit(text_to("main"), people(1)).job_id
    _await_status(broadcaster, first, "completed")
    wait_for(lambda: broadcaster.blacklist.list().total == 1, what="the entry")

    second = broadcaster.submit(text_to("main"), people(1)).job_id
    _await_status(broadcaster, second, "completed")

    assert broadcaster.messages(first).items[0].status == "failed"
    assert broadcaster.messages(second).items[0].reason == "blacklisted"
    assert len(provider.starts) == 1


# --- retries by a person ---------------------------------------------------------------------------------------


def test_failed_messages_are_retried_by_their_reason(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    provider.decide = lambda _, message: Rejected(f"code_{int(message.number[-1]) % 2}")
    job_id = broadcaster.submit(text_to("main"), people(4)).job_id
    _await_status(broadcaster, job_id, "completed")
    provider.decide = lambda _, __: None

    reopened = broadcaster.retry(job_id, code="code_1", actor="budi")
    _await_status(broadcaster, job_id, "completed")

    assert (reopened.status, reopened.finished_at) == ("processing", None)
    assert [view.status for view in broadcaster.messages(job_id).items] == ["failed", "sent", "failed", "sent"]
    assert provider.counts() == {number_of(0): 1, number_of(1): 2, number_of(2): 1, number_of(3): 2}
    assert [start.attempt for start in provider.starts[4:]] == [1, 1]
    act = broadcaster.get(job_id).acts[-1]
    assert (act.actor, act.act, act.detail) == ("budi", "retry", "2 failed with code_1")


def test_unknown_messages_are_held_until_a_person_retries_them(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    provider.decide = _first_attempts(OutcomeUnknown("no_answer", "read time-out"))
    job_id = broadcaster.submit(text_to("main"), people(3)).job_id
    _await_status(broadcaster, job_id, "completed")

    held = broadcaster.messages(job_id, status=MessageStatus.UNKNOWN).items
    broadcaster.retry(job_id, status=MessageStatus.UNKNOWN)
    _await_status(broadcaster, job_id, "completed")

    assert [(view.number, view.reason, view.attempts) for view in held] == [(number_of(0), "no_answer", 1)]
    assert provider.counts() == {number_of(0): 2, number_of(1): 1, number_of(2): 1}
    assert broadcaster.status(job_id).counts.sent == 3


@ON_SQLITE
def test_a_provider_that_is_down_pauses_its_connection_and_keeps_the_rest_of_the_audience(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    broadcaster.connections.save("slow", {"sender": "scripted", "rate": {"messages": 50, "perSeconds": 1}})
    provider.decide = lambda _, __: OutcomeUnknown("http_502")
    job_id = broadcaster.submit(text_to("slow"), people(60)).job_id
    wait_for(lambda: broadcaster.connections.get("slow").state == "paused", what="the pause of the connection")
    wait_for(lambda: not broadcaster.status(job_id).counts.processing, what="the end of the sends")
    burnt = broadcaster.status(job_id)

    provider.decide = lambda _, __: None
    broadcaster.connections.resume("slow")
    _await_status(broadcaster, job_id, "completed")

    assert (burnt.status, burnt.counts.unknown < 40) == ("processing", True)
    assert set(provider.counts().values()) == {1}
    assert broadcaster.status(job_id).counts.sent == 60 - burnt.counts.unknown


@pytest.mark.slow
@ON_SQLITE
@pytest.mark.parametrize("status", [MessageStatus.SENT, MessageStatus.SKIPPED, MessageStatus.CANCELLED])
def test_only_failed_and_unknown_messages_can_be_retried(broadcaster: Broadcaster, status: MessageStatus) -> None:
    job_id = broadcaster.submit(text_to("main"), people(1)).job_id

    with pytest.raises(ConflictError):
        broadcaster.retry(job_id, status=status)


def test_unknown_messages_of_a_completed_broadcast_are_resent_where_it_says_so(
    settings: Settings, provider: ScriptedProvider
) -> None:
    impatient = settings.model_copy(update={"recover_seconds": 0.2, "resend_seconds": 0.5})
    provider.decide = _first_attempts(OutcomeUnknown("no_answer"))
    with Broadcaster(impatient, plugins=[provider]) as broadcaster:
        broadcaster.connections.save("main", {"sender": "scripted"})
        worker = Worker(broadcaster)
        worker.start()
        job_id = broadcaster.submit(text_to("main", onUnknown="resend"), people(2)).job_id
        _await_status(broadcaster, job_id, "completed")
        wait_for(lambda: broadcaster.status(job_id).counts.sent == 2, seconds=5, what="the second attempt")
        _await_status(broadcaster, job_id, "completed")
        worker.stop()

    assert provider.counts() == Counter({number_of(0): 2, number_of(1): 1})
    moments = [start.moment for start in provider.starts if start.number == number_of(0)]
    assert moments[1] - moments[0] >= 0.5
