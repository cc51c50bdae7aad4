"""Test data: snapshots, claims, pending sends, and a store in memory."""

import functools
import sqlite3
from typing import Any

from sqlalchemy import StaticPool, create_engine

from tests.core.store.harness import StoreHarness
from wabroadcast_core.delivery.ready_messages import PendingSend
from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.message import OutgoingMessage
from wabroadcast_core.models.status import SENT, MessageStatus
from wabroadcast_core.outcomes.recorder import Recorder, Result
from wabroadcast_core.rendering.content import compile_content
from wabroadcast_core.snapshots import BroadcastSnapshot, ConnectionSnapshot
from wabroadcast_core.store import tables
from wabroadcast_core.store.claims import Claimed
from wabroadcast_core.store.database import Database
from wabroadcast_core.store.messages import message_key

START = 1_000_000.0  # the time at which every fake clock starts
WORKER = 7  # the id of the worker under test


def connection(
    key: int = 1, *, active: bool = True, limits: Limits | None = None, revision: int = 1
) -> ConnectionSnapshot:
    return ConnectionSnapshot(key, f"c{key}", "fake", revision, active, limits or Limits(), b"")


def broadcast(key: int = 1, *, text: str = "Halo", **draft: Any) -> BroadcastSnapshot:
    """:param draft: fields of the draft, as the API names them."""
    model = BroadcastDraft.model_validate({"name": "Promo", "message": {"type": "text", "text": text}, **draft})
    return BroadcastSnapshot(key, f"job{key}", model, compile_content(model.message))


def number_of(position: int) -> str:
    return f"+62812{position:08d}"


def claimed(position: int = 0, *, broadcast_id: int = 1, **fields: Any) -> Claimed:
    key = message_key(broadcast_id, position)
    base = Claimed(key, broadcast_id, number_of(position), None, None, 0, 1, WORKER, 1)
    return base._replace(**fields)


def pending(
    position: int = 0,
    *,
    of: BroadcastSnapshot | None = None,
    slot: float = START,
    ready_at: float = START,
    **fields: Any,
) -> PendingSend:
    """A message that is ready to be sent.

    :param fields: of its claim.
    """
    snapshot = of or broadcast()
    claim = claimed(position, broadcast_id=snapshot.id, **fields)
    message = OutgoingMessage(f"{snapshot.job_id}-{position}", claim.number, "text", "Halo")
    return PendingSend(claim, message, snapshot, ready_at, slot=slot)


def add_results(recorder: Recorder, *results: Result) -> None:
    """Add results to a recorder as sends do: those of messages that were plainly sent in their short form."""
    for result in results:
        outcome = result.outcome
        if outcome.status is SENT and outcome.detail is None and outcome.sent_at is not None:
            recorder.add_sent(result.claimed, provider_id=outcome.provider_id, sent_at=outcome.sent_at)
        else:
            recorder.add(result)


# --- a store in memory -------------------------------------------------------------------------------------------


@functools.cache
def _memory() -> tuple[Database, sqlite3.Connection, sqlite3.Connection]:
    """Return a database in this process' memory, its only connection, and a copy of its first content."""
    handle, copy = (sqlite3.connect(":memory:", check_same_thread=False) for _ in range(2))
    database = Database(create_engine("sqlite://", poolclass=StaticPool, creator=lambda: handle))
    with database.write() as conn:
        tables.metadata.create_all(conn)
    StoreHarness(database, now=START).clear()
    handle.backup(copy)
    return database, handle, copy


def memory_store() -> StoreHarness:
    """Return a store in this process' memory that holds only the connections 1 and 2."""
    database, handle, copy = _memory()
    copy.backup(handle)
    return StoreHarness(database, now=START, connections=[1, 2])


def hold_messages(store: StoreHarness, amount: int, *, worker_id: int = WORKER) -> list[Claimed]:
    """Store a broadcast whose messages are all claimed by one worker, for the connection 1."""
    key = store.add_broadcast()
    store.add_messages(key, range(amount))
    with store.unit() as unit:
        held = {"status": MessageStatus.PROCESSING, "worker_id": worker_id, "connection_id": 1}
        unit.conn.execute(tables.messages.update().where(tables.messages.c.broadcast_id == key).values(held))
        unit.changes[key, "queued"] -= amount
        unit.changes[key, "processing"] += amount
    return [claimed(place, broadcast_id=key, worker_id=worker_id) for place in range(amount)]
