"""The tables by which PostgreSQL finds messages: no update on the usual way of a message writes an index."""

import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from tests.core.store.harness import WAITING, StoreHarness
from tests.core.store.test_database import downgrade
from tests.stores import ON_POSTGRESQL
from wabroadcast_core.control.transitions import sweep_broadcast
from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.store import backlog, claimed_blocks, due_work, erased, message_queue, wanted_statuses
from wabroadcast_core.store import claims as claim_store
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store import messages as message_store
from wabroadcast_core.store import outcomes as outcome_store
from wabroadcast_core.store import receipts as receipt_store
from wabroadcast_core.store import starts as start_store
from wabroadcast_core.store import unknown as unknown_store
from wabroadcast_core.store import workers as worker_store
from wabroadcast_core.store.changes import Changes
from wabroadcast_core.store.messages import broadcast_of, message_key
from wabroadcast_core.store.outcomes import Outcome, Sent
from wabroadcast_core.store.receipts import StoredReceipt

pytestmark = ON_POSTGRESQL

# The updates of messages in this transaction: all of them, and those that were heap-only.
UPDATES = """
    SELECT pg_stat_get_xact_tuples_updated(oid), pg_stat_get_xact_tuples_hot_updated(oid)
    FROM pg_class WHERE oid = 'messages'::regclass
    """


def add_messages(harness: StoreHarness, amount: int) -> list[int]:
    """Add a broadcast with queued messages. Return their keys."""
    key = harness.add_broadcast()
    harness.add_messages(key, range(amount))
    return [message_key(key, position) for position in range(amount)]


def sent(key: int, *, provider_id: str | None = None) -> Outcome:
    return Outcome(key, MessageStatus.SENT, used=True, provider_id=provider_id or f"wamid.{key}", sent_at=1.0)


def stored(harness: StoreHarness, table: str) -> list[tuple[Any, ...]]:
    with harness.database.read() as conn:
        return [tuple(row) for row in conn.execute(text(f"SELECT * FROM {table}"))]


# --- what they are for -----------------------------------------------------------------------------------------


def test_the_updates_on_the_way_of_a_message_are_heap_only(harness: StoreHarness) -> None:
    key = broadcast_of(add_messages(harness, 10)[0])
    updates: list[tuple[int, int]] = []

    def note(conn: Connection) -> None:
        if conn.get_execution_options().get("wab_write"):
            updates.append(tuple(conn.exec_driver_sql(UPDATES).one()))

    event.listen(harness.database.db_engine, "commit", note)
    claimed = harness.claim(key, 10)
    harness.record(*(sent(message.key) for message in claimed))

    assert [counts for counts in updates if counts != (0, 0)] == [(10, 10), (10, 10)]


# --- what keeps them -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", ["as it likes", "without the order of an index"])
def test_two_workers_at_once_claim_different_messages_in_order(harness: StoreHarness, plan: str) -> None:
    messages = add_messages(harness, 6)
    key = broadcast_of(messages[0])
    with harness.unit() as unit:
        if plan != "as it likes":  # PostgreSQL may choose this when its statistics are old or missing
            unit.conn.execute(text("SET LOCAL enable_indexscan = off"))
            unit.conn.execute(text("SET LOCAL enable_indexonlyscan = off"))
        first = claim_of(unit.conn, key, amount=2, worker_id=1)
        second: list[int] = []
        other = threading.Thread(target=lambda: second.extend(one.key for one in harness.claim(key, 2, worker_id=2)))
        other.start()
        other.join(0.5)  # it waits for the counters of the broadcast at most
    other.join(10)

    assert (first, second) == (messages[:2], messages[2:4])
    assert [one.key for one in harness.claim(key, 9)] == messages[4:]


@pytest.mark.parametrize("first", ["stale", "locked"])
def test_a_claim_goes_past_many_rows_of_the_queue_that_it_cannot_have(harness: StoreHarness, first: str) -> None:
    messages = add_messages(harness, 6_000)
    key = broadcast_of(messages[0])
    with harness.database.db_engine.begin() as conn, harness.database.db_engine.connect() as other:
        if first == "locked":
            claim_of(conn, key, amount=4_000, worker_id=1)
        else:  # a process of an earlier version claims like this
            conn.execute(text("UPDATE messages SET status = 'processing' WHERE id < :end"), {"end": messages[5_900]})
            conn.commit()

        free = 4_000 if first == "locked" else 5_900
        assert claim_of(other, key, amount=2, worker_id=2) == messages[free : free + 2]


def claim_of(conn: Connection, key: int, *, amount: int, worker_id: int) -> list[int]:
    taken = claim_store.claim_messages(
        conn,
        broadcast_id=key,
        routes=[0],
        released_batch=9,
        amount=amount,
        now=9.0,
        worker_id=worker_id,
        connection_id=1,
        retry_waits=False,
        changes=Changes(),
    )
    return [claimed.key for rows in taken for claimed in rows.unpack()]


def test_a_claim_that_is_rolled_back_leaves_the_queue_as_it_was(harness: StoreHarness) -> None:
    messages = add_messages(harness, 3)
    with harness.database.db_engine.connect() as conn:
        assert claim_of(conn, broadcast_of(messages[0]), amount=2, worker_id=1) == messages[:2]
        conn.rollback()

    harness.check_lookups()
    assert stored(harness, "claimed_blocks") == []
    assert [one.key for one in harness.claim(broadcast_of(messages[0]), 9)] == messages


def test_an_id_of_the_provider_is_replaced_and_erased_with_that_of_its_message(harness: StoreHarness) -> None:
    [message] = add_messages(harness, 1)
    key = broadcast_of(message)

    harness.claim(key, 1)
    harness.record(Outcome(message, MessageStatus.RETRY, used=True, provider_id="first", due_at=1.0))
    assert keys_of(harness, ["first"]) == {"first": message}
    harness.claim(key, 1)
    harness.record(sent(message, provider_id="second"))
    assert stored(harness, "provider_ids") == [("second", message)]
    with harness.unit() as unit:
        erased.blank_messages(unit.conn, [message], changes=unit.changes)

    assert stored(harness, "provider_ids") == []


def test_an_id_of_the_provider_that_a_receipt_brings_is_found(harness: StoreHarness) -> None:
    [message] = add_messages(harness, 1)
    harness.claim(broadcast_of(message), 1)
    harness.record(Outcome(message, MessageStatus.UNKNOWN, used=True))

    with harness.unit() as unit:
        facts = receipt_store.lock_facts(unit.conn, [message])[message]
        values = receipt_store.apply_receipt(facts, StoredReceipt("read", 1.0, "late"), changes=unit.changes)
        receipt_store.store_changed(unit.conn, {message: values})

    harness.check_lookups()
    assert keys_of(harness, ["late"]) == {"late": message}


def test_a_block_is_forgotten_once_none_of_its_messages_is_claimed(harness: StoreHarness) -> None:
    key = broadcast_of(add_messages(harness, 3)[0])
    first, second = harness.claim(key, 2)
    harness.claim(key, 1, worker_id=2)
    held: list[list[int]] = []

    for outcome in (sent(first.key), sent(second.key)):
        harness.record(outcome)
        with harness.database.write() as conn:
            held.append([claim.id for claim in claim_store.claims_of(conn, 1, limit=10)])

    assert held == [[second.key], []]
    assert [worker_id for worker_id, _ in stored(harness, "claimed_blocks")] == [2]


@pytest.mark.parametrize("table", ["queued_messages", "claimed_blocks"])
def test_recover_mends_what_a_process_of_an_earlier_version_left_out(harness: StoreHarness, table: str) -> None:
    messages = add_messages(harness, 3)
    harness.claim(broadcast_of(messages[0]), 1)
    with harness.database.write() as conn:
        conn.execute(text(f"DELETE FROM {table}"))

    with harness.database.write() as conn:
        message_queue.mend_queue(conn)
        claimed_blocks.mend_blocks(conn)

    harness.check_lookups()


def test_a_store_of_an_earlier_version_gets_lookup_tables_of_its_messages(harness: StoreHarness) -> None:
    messages = add_messages(harness, 10)
    with harness.database.write() as conn:
        downgrade(conn, "0014")
        for message, status in zip(messages[1:], MessageStatus, strict=False):
            values = {"key": message, "status": status.value, "provider_id": f"id-{message}"}
            conn.execute(text(f"UPDATE messages SET {FORMER_VALUES} WHERE id = :key"), values)

    harness.database.migrate()

    harness.check_lookups()
    found = keys_of(harness, [f"id-{message}" for message in messages[1:]])
    assert found == {f"id-{message}": message for message in messages[1:]}
    due = [messages[0], *(messages[1:][list(MessageStatus).index(status)] for status in WAITING)]
    assert sorted(claimed.key for claimed in harness.claim(broadcast_of(messages[0]), 9)) == due


FORMER_VALUES = "status = :status, worker_id = 7, connection_id = 1, due_at = 5, provider_id = :provider_id"


def keys_of(harness: StoreHarness, provider_ids: list[str]) -> dict[str, int]:
    with harness.database.read() as conn:
        return receipt_store.keys_by_provider_id(conn, provider_ids, connection_id=harness.connections[0])


# --- how messages are found ------------------------------------------------------------------------------------

INDEXED = {"ModifyTable", "Bitmap Heap Scan", "Tid Scan"}  # nodes whose rows come from an index below them
SMALL = {"ix_messages_unknown", "ix_messages_unsettled"}  # indexes of unknown messages only
FINDS: dict[str, Callable[[Connection, int], object]] = {
    "claim": lambda conn, key: claim_of(conn, key, amount=3, worker_id=1),
    "has_queued": lambda conn, key: claim_store.has_queued(conn, broadcast_id=key, routes=[0, 1], released_batch=9),
    "next_retry": lambda conn, key: claim_store.next_retry_at(conn, key, route=0),
    "first_retry": lambda conn, key: claim_store.first_retry(conn, key, routes=[0]),
    "claims_of": lambda conn, _: claim_store.claims_of(conn, 1, limit=9),
    "claiming_workers": lambda conn, _: worker_store.claiming_workers(conn),
    "recent_starts": lambda conn, _: start_store.recent_starts(conn, 1, since=0.0, now=9.0),
    "oldest_due": lambda conn, _: backlog.oldest_due(conn, now=9.0, interval_of=float),
    "has_due_work": lambda conn, _: due_work.has_due_work(conn, now=9.0),
    "set_wanted_status": lambda conn, key: wanted_statuses.set_wanted_status(
        conn, status=MessageStatus.PAUSED, broadcast_id=key, batch=0
    ),
    "sweep": lambda conn, key: sweep_broadcast(conn, key, changes=Changes()),
    "retry": lambda conn, key: message_store.move_messages(
        conn, broadcast_id=key, present=MessageStatus.UNKNOWN, status=MessageStatus.QUEUED, changes=Changes()
    ),
    "release_unknown": lambda conn, _: unknown_store.release_unknown(conn, now=9.0, limit=9, changes=Changes()),
    "unsettled_connections": lambda conn, _: unknown_store.unsettled_connections(conn),
    "unsettled_messages": lambda conn, _: unknown_store.unsettled_messages(conn, 1, after=0, limit=9),
    "unknown_since": lambda conn, key: unknown_store.unknown_since(conn, key, connection_ids=[1]),
    "is_needed": lambda conn, _: connection_store.is_needed(conn, 1),
    "keys_by_provider_id": lambda conn, _: receipt_store.keys_by_provider_id(conn, ["a"], connection_id=1),
    "overtaken_parked": lambda conn, _: receipt_store.overtaken_parked(conn, since=0.0),
    "mend_queue": lambda conn, _: message_queue.mend_queue(conn),
    "mend_blocks": lambda conn, _: claimed_blocks.mend_blocks(conn),
}
# Store sent messages of one broadcast, and a claimed one and an unknown one. Input: :low, :key.
FILL = """
    INSERT INTO messages (id, broadcast_id, batch, route, status, worker_id, connection_id, number, provider_id)
    SELECT :low + place, :key, 0, 0, CASE place WHEN 1 THEN 'processing' WHEN 2 THEN 'unknown' ELSE 'sent' END,
      1, 1, '+62811' || place, 'old-' || place
    FROM generate_series(1, 20000) AS place
    """

# Store so many skipped messages that to read all of them seems as costly as to look a hundred up. Input: :low.
FILL_SKIPPED = """
    INSERT INTO messages (id, broadcast_id, batch, route, status)
    SELECT :low + place, 1000, 0, 0, 'skipped' FROM generate_series(1, 8000) AS place
    """


def test_messages_are_found_by_an_index(harness: StoreHarness) -> None:
    key = harness.add_broadcast()
    with harness.database.write() as conn:
        conn.execute(text(FILL), {"low": message_key(key, 0), "key": key})
        receipt = {"connection_id": 1, "provider_id": "a", "kind": "read", "at": 1.0, "parked_at": 1.0}
        receipt_store.park_receipts(conn, [receipt])
        conn.exec_driver_sql("ANALYZE messages")
        for way in ("seqscan", "hashjoin", "mergejoin"):  # they are the best ways through a few rows
            conn.exec_driver_sql(f"SET LOCAL enable_{way} = off")
        unindexed = {name: unindexed_reads(conn, partial(find, conn, key)) for name, find in FINDS.items()}

    assert unindexed == {name: [] for name in FINDS}


def test_a_record_looks_each_message_up_whatever_the_planner_expects(harness: StoreHarness) -> None:
    messages = add_messages(harness, 10)
    with harness.database.write() as conn:
        conn.execute(text(FILL_SKIPPED), {"low": message_key(1_000, 0)})
        conn.exec_driver_sql("ANALYZE messages")  # none is claimed yet, so the planner expects none
    claimed = harness.claim(broadcast_of(messages[0]), 10)

    with harness.database.write() as conn:
        plans = explain(conn, lambda: record(conn, [message.key for message in claimed]))

    compared = [node for plan in plans for node in nodes(plan) if "Join Filter" in node]
    assert plans
    assert compared == []


def record(conn: Connection, keys: list[int]) -> None:
    """Record messages as sent."""
    found = Sent.of(keys, provider_ids=[f"p-{key}" for key in keys], times=[1_000_000.0] * len(keys))
    outcome_store.record_sent(conn, found, worker_id=1, changes=Changes())


def unindexed_reads(conn: Connection, find: Callable[[], object]) -> list[dict[str, Any]]:
    """Return the parts of plans that read messages neither by a condition on an index nor by one of few messages."""
    plans = explain(conn, find)
    reads = [node for plan in plans for node in nodes(plan) if node.get("Relation Name") == "messages"]
    assert plans
    return [
        node
        for node in reads
        if node["Node Type"] not in INDEXED and "Index Cond" not in node and node.get("Index Name") not in SMALL
    ]


def explain(conn: Connection, find: Callable[[], object]) -> list[dict[str, Any]]:
    """Return the plans of the statements that ``find`` executes."""
    statements: list[tuple[str, Any]] = []

    def note(_conn: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        statements.append((statement, parameters))

    event.listen(conn, "before_cursor_execute", note)
    find()
    event.remove(conn, "before_cursor_execute", note)
    found = [conn.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {each}", values).scalar_one() for each, values in statements]
    return [(json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"] for plan in found]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)
