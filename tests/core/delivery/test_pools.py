"""Broadcasts that several connections share. Recover runs too rarely here to hide a fault."""

from collections import Counter

import pytest

from tests.scripted import ScriptedProvider, number_of, people, text_to
from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import ConnectionDown, Temporary
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.worker import Worker

pytestmark = pytest.mark.timed  # judges who is faster

POOL = ["red", "green"]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"recover_seconds": 60.0})


@pytest.fixture(autouse=True)
def connections(broadcaster: Broadcaster) -> None:
    for name in POOL:
        _save(broadcaster, name, per_second=100)


def _save(broadcaster: Broadcaster, name: str, *, per_second: int) -> None:
    rate = {"messages": per_second, "perSeconds": 1}
    broadcaster.connections.save(name, {"sender": "scripted", "rate": rate})


def _send(broadcaster: Broadcaster, connection: str | list[str], count: int) -> str:
    job_id = broadcaster.submit(text_to(connection), people(count)).job_id
    wait_for(lambda: broadcaster.status(job_id).status == "completed", what="completion")
    return job_id


def _shares(provider: ScriptedProvider) -> Counter[str]:
    return Counter(start.connection for start in list(provider.starts))


def test_the_connections_of_a_pool_share_a_broadcast_by_their_free_slots(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    _save(broadcaster, "green", per_second=200)

    job_id = _send(broadcaster, POOL, 600)

    shares = _shares(provider)
    assert set(provider.counts().values()) == {1}
    assert shares.total() == 600
    assert 1.4 < shares["green"] / shares["red"] < 2.8
    assert Counter(view.connection for view in broadcaster.messages(job_id, limit=600).items) == shares


def test_the_others_take_the_share_of_a_connection_that_goes_down(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    def decide(connection: str, _: OutgoingMessage) -> Exception | Accepted | None:
        return ConnectionDown("banned") if connection == "red" and _shares(provider)["red"] > 20 else None

    provider.decide = decide
    job_id = _send(broadcaster, POOL, 150)

    assert broadcaster.connections.get("red").state == "paused"
    assert broadcaster.status(job_id).counts.sent == 150
    assert {view.attempts for view in broadcaster.messages(job_id, limit=500).items} == {1}
    assert max(provider.counts().values()) <= 3  # those that the banned connection refused


def test_the_others_take_the_share_of_a_connection_that_a_person_paused(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    job_id = broadcaster.submit(text_to(POOL), people(150)).job_id
    wait_for(lambda: len(provider.starts) > 30, what="the first messages")

    broadcaster.connections.pause("green")
    wait_for(lambda: broadcaster.status(job_id).status == "completed", what="completion")

    assert set(provider.counts().values()) == {1}
    assert _shares(provider)["red"] > 75


def test_a_person_is_sent_to_through_the_same_connection_as_before(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    _send(broadcaster, "red", 30)
    provider.starts.clear()

    _send(broadcaster, POOL, 60)

    reached = {start.number: start.connection for start in provider.starts}
    assert {reached[number_of(place)] for place in range(30)} == {"red"}
    assert "green" in {reached[number_of(place)] for place in range(30, 60)}


def test_a_person_of_a_paused_connection_is_sent_to_through_the_others(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    _send(broadcaster, "red", 5)
    broadcaster.connections.pause("red")
    provider.starts.clear()

    _send(broadcaster, POOL, 5)

    assert _shares(provider) == {"green": 5}


def test_people_of_a_connection_wait_for_it_until_it_is_paused(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    _send(broadcaster, "red", 5)
    broadcaster.connections.save(
        "red", {"sender": "scripted", "rate": {"messages": 1, "perSeconds": 600}}
    )  # its next slot is minutes away
    provider.starts.clear()
    job_id = broadcaster.submit(text_to(POOL), people(8)).job_id
    unassigned = {number_of(place) for place in range(5, 8)}
    wait_for(lambda: unassigned <= set(provider.counts()), what="the people without a connection")
    before = Counter(start.connection for start in provider.starts if start.number not in unassigned)

    broadcaster.connections.pause("red")
    wait_for(lambda: broadcaster.status(job_id).status == "completed", what="completion")

    assert before["green"] == 0
    assert before["red"] <= 1
    assert set(provider.counts().values()) == {1}


@ON_SQLITE
def test_a_retry_may_take_another_connection_of_the_pool(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    provider.decide = lambda connection, _: Temporary("busy") if connection == "red" else None

    job_id = broadcaster.submit(
        text_to(POOL, retry={"maxAttempts": 50, "intervalSeconds": 0.02, "backoff": "fixed"}), people(20)
    ).job_id
    wait_for(lambda: broadcaster.status(job_id).status == "completed", what="completion")

    assert broadcaster.status(job_id).counts.sent == 20
    assert {view.connection for view in broadcaster.messages(job_id).items} == {"green"}


@ON_SQLITE
def test_the_blacklist_of_one_connection_applies_only_to_it(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    broadcaster.blacklist.add_many([number_of(0)], connection="red")

    _send(broadcaster, "red", 1)
    _send(broadcaster, "green", 1)

    assert _shares(provider) == {"green": 1}
