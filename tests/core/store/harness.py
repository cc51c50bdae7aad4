"""A store with broadcasts and without an engine. Tests run the transactions of the engine one at a time."""

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import RowMapping, text

from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.status import SENT, BroadcastStatus, MessageStatus, Purpose
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import claims as claim_store
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store import messages as message_store
from wabroadcast_core.store import outcomes as outcome_store
from wabroadcast_core.store import reason_counts
from wabroadcast_core.store.claims import ANY_ROUTE, Claimed
from wabroadcast_core.store.database import Database
from wabroadcast_core.store.group_commit import UnitOfWork
from wabroadcast_core.store.messages import message_key
from wabroadcast_core.store.minute_counts import add_minutes
from wabroadcast_core.store.new_messages import NewMessage, insert_messages
from wabroadcast_core.store.outcomes import NotHeldError, Outcome, Sent
from wabroadcast_core.store.tables import metadata

# Rows that a lookup table of PostgreSQL lacks, or has beside those that it should have.
LOOKUP_DIFFERENCES = {
    name: f"(({rows}) EXCEPT ({stored})) UNION ALL (({stored}) EXCEPT ({rows}))"
    for name, rows, stored in [
        (
            "queued_messages",
            "SELECT broadcast_id, route, batch, id FROM messages WHERE status = 'queued'",
            "SELECT broadcast_id, route, batch, id FROM queued_messages",
        ),
        (
            "claimed_blocks",
            "SELECT id, worker_id FROM messages WHERE status = 'processing'",
            """
            SELECT m.id, m.worker_id FROM messages AS m
            JOIN claimed_blocks AS c ON m.id >> 8 = c.block AND m.worker_id = c.worker_id WHERE m.status = 'processing'
            """,
        ),
        (
            "provider_ids",
            "SELECT id, provider_id FROM messages WHERE provider_id IS NOT NULL",
            "SELECT id, provider_id FROM provider_ids",
        ),
    ]
}
WAITING = (MessageStatus.QUEUED, MessageStatus.RETRY)


@dataclass
class StoreHarness:
    """A store and the transactions that an engine makes.

    :param now: the time of the next transaction; only a test changes it.
    """

    database: Database
    now: float = 1_000_000.0
    connections: list[int] = field(default_factory=list)

    def clear(self, *, connections: int = 2) -> None:
        """Empty the store, then create connections: ``c0``, ``c1``, ..."""
        with self.database.write() as conn:
            for table in reversed(metadata.sorted_tables):
                conn.execute(table.delete())
            self.connections = []
            for place in range(connections):
                name = f"c{place}"
                connection_store.add_connection(conn, name, sender="null", settings=b"", limits={}, now=self.now)
                self.connections.append(connection_store.connection_keys(conn, [name])[name])

    @contextlib.contextmanager
    def unit(self) -> Iterator[UnitOfWork]:
        """Open a transaction that ends as the engine's do."""
        with self.database.write() as conn:
            unit = UnitOfWork(conn, self.now)
            yield unit
            broadcast_store.apply_changes(conn, unit.changes, now=self.now)
            add_minutes(conn, unit.minutes, tests=unit.changes.tests)

    def add_broadcast(self, *, on_unknown: str = "hold", job_id: str = "", purpose: Purpose = Purpose.BROADCAST) -> int:
        """Add a broadcast that is being prepared."""
        draft = BroadcastDraft.model_validate(
            {"name": "Test", "message": {"type": "text", "text": "Halo"}, "onUnknown": on_unknown, "connection": "c0"}
        )
        with self.database.write() as conn:
            count = conn.execute(text("SELECT count(*) FROM broadcasts")).scalar_one()
            return broadcast_store.insert_broadcast(
                conn,
                {
                    "job_id": job_id or f"job{count}",
                    "name": "Test",
                    "status": BroadcastStatus.PROCESSING,
                    "rank": 1,
                    "draft": draft.model_dump_json(),
                    "created_at": self.now,
                    "started_at": self.now,
                    "released_batch": 1_000_000,
                    "purpose": purpose,
                },
                connection_ids=self.connections,
            )

    def add_messages(self, key: int, positions: Sequence[int], *, batch_size: int = 1_000) -> None:
        """Add queued messages at these positions of the audience."""
        rows = [
            NewMessage(
                message_key(key, position), key, position // batch_size, ANY_ROUTE, MessageStatus.QUEUED,
                f"+62812{position:08d}", None, None, json.dumps({}), None, None,
            )
            for position in positions
        ]  # fmt: skip
        with self.unit() as unit:
            stored = insert_messages(unit.conn, rows)
            unit.changes[key, "queued"] += len(stored)
            unit.changes[key, "total"] += len(stored)

    def end_preparing(self, key: int) -> None:
        """Mark the broadcast as prepared."""
        with self.database.write() as conn:
            broadcast_store.update_broadcast(conn, key, prepared=True)
            broadcast_store.complete_broadcast(conn, key, now=self.now)

    def claim(self, key: int, amount: int, *, worker_id: int = 1, connection: int = 0) -> list[Claimed]:
        """Claim messages of one broadcast, as the engine does."""
        with self.unit() as unit:
            if self.broadcast(key)["status"] != BroadcastStatus.PROCESSING:
                return []
            taken = claim_store.claim_messages(
                unit.conn,
                broadcast_id=key,
                routes=[ANY_ROUTE],
                released_batch=1_000_000,
                amount=amount,
                now=self.now,
                worker_id=worker_id,
                connection_id=self.connections[connection],
                retry_waits=True,
                changes=unit.changes,
            )
        return [message for one in taken for message in one.unpack()]

    def record(self, *outcomes: Outcome, worker_id: int = 1) -> set[int]:
        """Record outcomes as the engine does: packed if all are plainly sent, else one by one."""
        if all(outcome.status is SENT and outcome.detail is None for outcome in outcomes):
            sent = Sent.of(
                [outcome.key for outcome in outcomes],
                provider_ids=[outcome.provider_id for outcome in outcomes],
                times=[outcome.sent_at or self.now for outcome in outcomes],
            )
            with contextlib.suppress(NotHeldError), self.unit() as unit:
                outcome_store.record_sent(unit.conn, sent, worker_id=worker_id, changes=unit.changes)
                return {outcome.key for outcome in outcomes}
        with self.unit() as unit:
            return outcome_store.record_outcomes(unit.conn, list(outcomes), worker_id=worker_id, changes=unit.changes)

    def broadcast(self, key: int) -> RowMapping:
        """Return the row of a broadcast."""
        with self.database.read() as conn:
            row = broadcast_store.get_broadcast(conn, key)
        assert row is not None
        return row

    def message(self, key: int) -> RowMapping:
        """Return the row of a message."""
        with self.database.read() as conn:
            row = message_store.find_message(conn, key)
        assert row is not None
        return row

    def check_lookups(self) -> None:
        """Check that the lookup tables of PostgreSQL match the messages."""
        if self.database.is_sqlite:
            return
        with self.database.read() as conn:
            differences = {name: conn.execute(text(query)).all() for name, query in LOOKUP_DIFFERENCES.items()}
        assert not any(differences.values()), differences

    def check_counters(self, key: int) -> None:
        """Check that the counters match the messages and add up to the total."""
        row = self.broadcast(key)
        with self.database.read() as conn:
            statuses = conn.execute(
                text("SELECT status, delivered_at, read_at, reason FROM messages WHERE broadcast_id = :key"),
                {"key": key},
            ).all()
            failures = reason_counts.failures_of(conn, key)
        true = Counter(status for status, _, _, _ in statuses)
        assert {status.value: row[status.value] for status in MessageStatus} == {
            status.value: true[status.value] for status in MessageStatus
        }
        assert row["total"] == len(statuses) == sum(row[status.value] for status in MessageStatus)
        assert row["delivered"] == sum(delivered is not None for _, delivered, _, _ in statuses)
        assert row["read"] == sum(read is not None for _, _, read, _ in statuses)
        assert failures == Counter(
            reason or "failed" for status, _, _, reason in statuses if status == MessageStatus.FAILED
        )
