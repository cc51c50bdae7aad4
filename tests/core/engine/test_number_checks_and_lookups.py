"""Senders that can be asked: who is on WhatsApp, before a send; what became of a message, after a lost answer."""

import threading
from typing import Any

import pytest

from tests.scripted import ScriptedProvider, number_of, people, text_to
from tests.waiting import wait_for
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.delivery import number_check as presence
from wabroadcast_core.engine import unknown_outcomes as settling
from wabroadcast_core.errors import ConnectionDown, OutcomeUnknown, Temporary, Throttled
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.worker import Worker

pytestmark = pytest.mark.slow

ONE_STORE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute is too long for a test."""
    monkeypatch.setattr(presence, "AGAIN_SECONDS", 0.3)
    monkeypatch.setattr(settling, "RIPE_SECONDS", 0.3)


def _submit(broadcaster: Broadcaster, count: int, **limits: Any) -> str:
    broadcaster.connections.save("main", {"sender": "asking", **limits})
    return broadcaster.submit(text_to("main"), people(count)).job_id


def _await_end(broadcaster: Broadcaster, job_id: str) -> Any:
    wait_for(lambda: broadcaster.status(job_id).status == "completed", what="the end")
    return broadcaster.status(job_id)


# --- who is on WhatsApp ----------------------------------------------------------------------------------------


def test_who_is_not_on_whatsapp_is_asked_for_twice_and_skipped(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    provider.is_present = lambda number: number != number_of(1)

    status = _await_end(broadcaster, _submit(broadcaster, 3))

    assert (status.counts.sent, status.skipped_by) == (2, {"not_on_whatsapp": 1})
    assert set(provider.counts()) == {number_of(0), number_of(2)}
    assert provider.asked.count(number_of(1)) == 2


@ONE_STORE
def test_one_no_is_not_believed(broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider) -> None:
    answers = iter([False, True])
    provider.is_present = lambda _number: next(answers)

    job_id = _submit(broadcaster, 1)
    status = _await_end(broadcaster, job_id)

    assert status.counts.sent == 1
    assert broadcaster.messages(job_id).items[0].attempts == 1


@ONE_STORE
def test_what_was_answered_is_remembered(broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider) -> None:
    provider.is_present = lambda number: number == number_of(0)
    _await_end(broadcaster, _submit(broadcaster, 2))
    asked = len(provider.asked)

    status = _await_end(broadcaster, _submit(broadcaster, 2))

    assert len(provider.asked) == asked
    assert (status.counts.sent, status.counts.skipped) == (1, 1)


@ONE_STORE
def test_a_check_that_fails_concludes_nothing(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    def fail(_number: str) -> bool:
        raise Temporary("away")

    provider.is_present = fail

    assert _await_end(broadcaster, _submit(broadcaster, 2)).counts.sent == 2


@ONE_STORE
def test_a_check_that_finds_the_account_down_stops_the_connection(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    def fail(_number: str) -> bool:
        raise ConnectionDown("logged_out")

    provider.is_present = fail
    job_id = _submit(broadcaster, 2)

    wait_for(lambda: broadcaster.connections.get("main").state == "paused", what="the pause")
    assert not provider.starts
    assert broadcaster.status(job_id).counts.sent == 0


@ONE_STORE
@pytest.mark.parametrize("act", ["pause", "cancel", "opt-out"])
def test_what_is_stopped_while_it_is_asked_for_does_not_leave(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider, act: str
) -> None:
    job_id = ""

    def stop(number: str) -> bool:
        match act:
            case "pause":
                broadcaster.pause(job_id)
            case "cancel":
                broadcaster.cancel(job_id)
            case _:
                broadcaster.blacklist.add(number)
        return True

    def stop_and_wait(number: str) -> bool:
        stopping = threading.Thread(target=stop, args=[number])
        stopping.start()
        stopping.join()
        return True

    provider.is_present = stop_and_wait
    broadcaster.connections.save("main", {"sender": "asking"})
    broadcaster.connections.pause("main")
    job_id = broadcaster.submit(text_to("main"), people(1)).job_id
    broadcaster.connections.resume("main")

    wait_for(lambda: provider.asked, what="the question")
    wait_for(lambda: broadcaster.status(job_id).counts.processing == 0, what="its end")
    assert not provider.starts


@ONE_STORE
def test_a_connection_may_be_told_not_to_ask(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    provider.is_present = lambda _number: False

    assert _await_end(broadcaster, _submit(broadcaster, 2, checkNumbers=False)).counts.sent == 2
    assert not provider.asked


# --- what became of it -----------------------------------------------------------------------------------------


def _lose_first_answers(provider: ScriptedProvider) -> None:
    def decide(_connection: str, message: OutgoingMessage) -> Exception | None:
        return OutcomeUnknown("no_answer") if message.attempt == 1 else None

    provider.decide = decide


def test_a_lost_answer_is_asked_for_and_found(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    _lose_first_answers(provider)
    provider.find = lambda message_id: Accepted(f"found.{message_id}")

    job_id = _submit(broadcaster, 2)

    wait_for(lambda: broadcaster.status(job_id).counts.sent == 2, what="the settling")
    assert set(provider.counts().values()) == {1}
    assert broadcaster.messages(job_id).items[0].provider_id == f"found.{job_id}-0"


def test_what_never_arrived_is_sent_again(broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider) -> None:
    _lose_first_answers(provider)

    job_id = _submit(broadcaster, 2)

    wait_for(lambda: broadcaster.status(job_id).counts.sent == 2, what="the second send")
    assert set(provider.counts().values()) == {2}


@ONE_STORE
def test_what_cannot_be_said_stays_unknown(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    def fail(_message_id: str) -> Accepted | None:
        raise Temporary("away")

    _lose_first_answers(provider)
    provider.find = fail
    job_id = _submit(broadcaster, 1)

    wait_for(lambda: f"{job_id}-0" in provider.asked, what="the question")
    status = broadcaster.status(job_id)
    assert (status.counts.unknown, status.counts.sent) == (1, 0)
    assert provider.counts() == {number_of(0): 1}


# --- one person, several broadcasts ----------------------------------------------------------------------------


@ONE_STORE
def test_two_broadcasts_do_not_meet_one_person_too_soon(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    broadcaster.connections.save("main", {"sender": "scripted", "perRecipient": {"messages": 1, "perSeconds": 0.5}})
    jobs = [broadcaster.submit(text_to("main"), people(3)).job_id for _ in range(2)]

    for job_id in jobs:
        _await_end(broadcaster, job_id)

    for place in range(3):
        first, second = [start.moment for start in provider.starts if start.number == number_of(place)]
        assert second - first > 0.5
    assert all(message.attempts == 1 for job_id in jobs for message in broadcaster.messages(job_id).items)


# --- new contacts ----------------------------------------------------------------------------------------------


@ONE_STORE
def test_a_connection_closed_to_new_contacts_goes_on_with_those_it_knows(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    broadcaster.connections.save("main", {"sender": "scripted", "rate": {"messages": 50}})
    _await_end(broadcaster, broadcaster.submit(text_to("main"), people(5)).job_id)
    provider.starts.clear()

    def decide(_connection: str, message: OutgoingMessage) -> Exception | None:
        known = message.number in {number_of(place) for place in range(5)}
        return None if known else Throttled("timelock", scope="new_contacts", retry_after=60)

    provider.decide = decide
    strangers_first = [*({"number": number_of(place)} for place in range(100, 300)), *people(5)]
    job_id = broadcaster.submit(text_to("main"), strangers_first).job_id

    wait_for(lambda: broadcaster.status(job_id).counts.sent == 5, what="those it knows")
    status = broadcaster.status(job_id)
    tried = [start for start in provider.starts if start.number not in {number_of(place) for place in range(5)}]
    assert status.counts.retry == 200
    assert len(tried) < 100  # what was claimed before the first refusal, no more
    assert {message.attempts for message in broadcaster.messages(job_id, limit=300).items} == {0, 1}
