"""Regression tests: orphaned claims, a broadcast's own rate, an audience that changes while it is read."""

import pytest

from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import UnavailableError
from wabroadcast_core.audience.prepare import _Preparation
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.clock import RedisClock
from wabroadcast_core.delivery.claims import Claims
from wabroadcast_core.delivery.ledger import Ledger
from wabroadcast_core.store.group_commit import UnitOfWork
from wabroadcast_core.testing.gateway import most_in_window
from wabroadcast_core.worker import Worker

TEXT = {"type": "text", "text": "Halo"}


def people(amount: int, *, series: int = 12) -> list[dict[str, str]]:
    return [{"number": f"08{series}{n:08d}"} for n in range(amount)]


def test_a_claim_whose_commit_got_no_answer_returns_to_the_queue(
    broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch, worker: Worker
) -> None:
    broadcaster.connections.save("null", {"sender": "null"})
    claim = Ledger.claim
    lost: list[object] = []

    async def lose_one_answer(self: Ledger, *given: object, **options: object) -> object:
        answer = await claim(self, *given, **options)  # type: ignore[arg-type]  # passed on unchanged
        if answer[0] and not lost:
            lost.append(answer)
            raise UnavailableError("the answer was lost")
        return answer

    monkeypatch.setattr(Ledger, "claim", lose_one_answer)
    job_id = broadcaster.submit({"name": "A", "connection": "null", "message": TEXT}, people(20)).job_id

    wait_for(lambda: broadcaster.status(job_id).status == "completed", what="completion")
    assert lost
    assert broadcaster.status(job_id).counts.sent == 20


@pytest.mark.timed
@ON_SQLITE
def test_a_broadcast_that_joins_a_running_turn_keeps_its_own_rate(broadcaster: Broadcaster, worker: Worker) -> None:
    broadcaster.connections.save("null", {"sender": "null", "rate": {"messages": 50}})
    first = broadcaster.submit({"name": "A", "connection": "null", "message": TEXT}, people(400)).job_id
    wait_for(lambda: broadcaster.status(first).counts.sent > 60, what="sending")

    rated = {"connection": "null", "message": TEXT, "priority": "high", "rate": {"messages": 2, "perSeconds": 1}}
    job_id = broadcaster.submit({"name": "B", **rated}, people(7, series=13)).job_id
    wait_for(lambda: broadcaster.status(job_id).status == "completed", what="completion")

    sent = [view.sent_at.timestamp() for view in broadcaster.messages(job_id).items if view.sent_at]
    assert len(sent) == 7
    assert most_in_window(sent, 0.98) <= 2


def test_a_claim_without_slots_takes_no_messages_of_a_broadcast_with_its_own_rate(broadcaster: Broadcaster) -> None:
    broadcaster.connections.save("null", {"sender": "null"})
    broadcaster.submit({"name": "B", "connection": "null", "message": TEXT, "rate": {"messages": 1}}, people(5))
    context = broadcaster.context
    broadcaster.handlers.prepare(1)

    def read_snapshot(connection: object, key: int) -> object:
        return Ledger(context, None, RedisClock()).read_snapshot(connection, key)  # type: ignore[arg-type]  # only reads

    claims = Claims(snapshot_of=read_snapshot, default_zone="Asia/Jakarta")  # type: ignore[arg-type]  # as above
    with context.database.write() as conn:
        unit = UnitOfWork(conn, now=context.clock.now())
        key = conn.exec_driver_sql("SELECT id FROM connections WHERE name = 'null'").scalar_one()
        due_work = claims.look(unit, key)
        assert due_work.connection is not None
        taken, _ = claims.claim(unit, due_work.connection, worker_id=1, amount=5)

    assert [candidate.broadcast_id for candidate in due_work.candidates] == [1]
    assert taken == {}


def test_an_audience_that_changes_while_it_is_read_loses_no_recipient(
    broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [f"+62812{n:08d}" for n in range(8)]
    for number in numbers:
        broadcaster.contacts.save({"number": number, "tags": ["t"]})
    broadcaster.settings.prepare_chunk = 2
    job_id = broadcaster.submit({"name": "A", "message": TEXT, "source": {"type": "contacts", "tags": ["t"]}}).job_id
    store = _Preparation._store
    stored: list[object] = []

    def fail_at_the_third(self: _Preparation, *given: object, **options: object) -> bool:
        stored.append(given)
        if len(stored) == 3:
            raise UnavailableError("gone")
        return store(self, *given, **options)  # type: ignore[arg-type]  # passed on unchanged

    monkeypatch.setattr(_Preparation, "_store", fail_at_the_third)
    with pytest.raises(UnavailableError):
        broadcaster.handlers.prepare(1)
    broadcaster.contacts.delete(numbers[0])
    broadcaster.handlers.prepare(1)

    assert [view.number for view in broadcaster.messages(job_id).items] == numbers
