"""The sweep of a cancelled broadcast beside a worker that records."""

import pytest

from tests.core.store.harness import StoreHarness
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.control import transitions
from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.store import outcomes as outcome_store
from wabroadcast_core.store.database import waiting_at_most
from wabroadcast_core.store.outcomes import Outcome


def cancel(harness: StoreHarness, key: int) -> None:
    row = harness.broadcast(key)
    with harness.unit() as unit:
        transitions.cancel_broadcast(unit.conn, row, now=harness.now, actor="budi")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_sweep_does_not_wait_for_a_worker_that_records(broadcaster: Broadcaster) -> None:
    database = broadcaster.context.database
    harness = StoreHarness(database)
    harness.clear()
    key = harness.add_broadcast()
    harness.add_messages(key, range(3))
    harness.end_preparing(key)
    first, second, third = (message.key for message in harness.claim(key, 3))

    with harness.unit() as worker:  # returns a message unsent, as one does that has not heard of the cancel
        returned = [Outcome(second, MessageStatus.QUEUED)]
        outcome_store.record_outcomes(worker.conn, returned, worker_id=1, changes=worker.changes)
        cancel(harness, key)
        with waiting_at_most(2.0):
            more = transitions.sweep_some(database, key, now=harness.now)
        sent = [Outcome(one, MessageStatus.SENT, used=True, sent_at=harness.now) for one in (first, third)]
        outcome_store.record_outcomes(worker.conn, sent, worker_id=1, changes=worker.changes)

    assert more
    assert not transitions.sweep_some(database, key, now=harness.now)
    assert [harness.message(one)["status"] for one in (first, second, third)] == ["sent", "cancelled", "sent"]
    harness.check_counters(key)
