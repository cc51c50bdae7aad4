"""A store with millions of messages, filled by a few statements, for the benchmarks of what people look at."""

import time
from typing import Any

from sqlalchemy import text

from tests.scripted import people, text_to
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.store import workers as worker_store

BROADCASTS = 10
DAY = 86_400.0
LIMITS: dict[str, dict[str, Any]] = {  # of the connections of the broadcasts that wait
    "no-limit": {},
    "used-quota-that-redis-forgot": {"quotas": [{"messages": 1_000, "perSeconds": DAY}]},
    "rate": {"rate": {"messages": 80}, "quotas": [{"messages": 90_000, "perSeconds": DAY}]},
}
_NUMBERS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)",
    "postgresql": "WITH n AS (SELECT i FROM generate_series(1, :rows) AS i)",
}
# A quarter of the messages of a broadcast is queued, and one is to be tried again; of one that has ended all are sent.
_FILL = """
    INSERT INTO messages (id, broadcast_id, batch, route, status, number, name, attempts, due_at, reason, connection_id,
      provider_id, sent_at)
    {numbers} SELECT ({key} * 4294967296) + i, {key}, i / 1000, 0,
      CASE WHEN {ended} OR i % 4 > 1 THEN 'sent' WHEN i % 4 = 0 THEN 'queued' ELSE 'retry' END,
      '+62' || (81200000000 + i), 'Orang ' || i, 1,
      CASE WHEN i % 4 = 1 AND NOT {ended} THEN {now} + 3600 END,
      CASE WHEN i % 4 = 1 AND NOT {ended} THEN 'busy' END,
      {connection}, CASE WHEN {ended} OR i % 4 > 1 THEN 'wamid.{key}.' || i END, {now} - i
    FROM n
    """
_SPANS = """
    INSERT INTO connection_starts (connection_id, ended_at, messages)
    {numbers} SELECT {connection}, CAST({now} AS BIGINT) / 10 * 10 - 10 * i, 7 FROM n
    """
_RUNNING = "status = 'processing', queued = :quarter, retry = :quarter, sent = :all - 2 * :quarter"
_ENDED = "status = 'completed', queued = 0, retry = 0, sent = :all"


class FullStore:
    """Fills the store of a broadcaster: the first broadcasts wait, one for each connection, the others have ended.

    :param messages: of each broadcast.
    """

    def __init__(self, broadcaster: Broadcaster, *, messages: int) -> None:
        self._messages = messages
        self._broadcaster = broadcaster
        self._database = broadcaster.context.database
        self._numbers = _NUMBERS["sqlite" if self._database.is_sqlite else "postgresql"]
        self._now = time.time()

    def fill(self) -> dict[str, str]:
        """Store everything, and a worker that is alive.

        :returns: the broadcasts that wait, by the names of their connections.
        """
        for name, limits in LIMITS.items():
            self._broadcaster.connections.save(name, {"sender": "null", **limits})
        waiting = {name: self._add_broadcast(name, ended=False) for name in LIMITS}
        for place in range(BROADCASTS - len(LIMITS)):
            self._add_broadcast(list(LIMITS)[place % len(LIMITS)], ended=True)
        self._add_worker()
        self._analyze()
        return waiting

    def _add_broadcast(self, connection: str, *, ended: bool) -> str:
        body = text_to(connection, batching={"size": 1_000, "intervalSeconds": 600})
        job_id = self._broadcaster.submit(body, people(1)).job_id
        counts = {"job": job_id, "now": self._now, "all": self._messages, "quarter": self._messages // 4}
        begun = f"started_at = :now, prepared = true, total = :all, {_ENDED if ended else _RUNNING}"
        with self._database.write() as conn:
            key = conn.execute(text("SELECT id FROM broadcasts WHERE job_id = :job"), {"job": job_id}).scalar_one()
            find = text("SELECT id FROM connections WHERE name = :name")
            connection_id = conn.execute(find, {"name": connection}).scalar_one()
            parts = {"numbers": self._numbers, "key": key, "connection": connection_id, "now": self._now}
            conn.execute(text(_FILL.format(**parts, ended="true" if ended else "false")), {"rows": self._messages})
            if not ended:
                conn.execute(text(_SPANS.format(**parts)), {"rows": 8_640})
            conn.execute(text(f"UPDATE broadcasts SET {begun} WHERE job_id = :job"), counts)
        return job_id

    def _add_worker(self) -> None:
        context = self._broadcaster.context
        with self._database.write() as conn:
            worker = worker_store.insert_worker(conn, now=self._now)
        context.redis.set(context.keys.worker(worker), f"{self._now + DAY:.6f}")

    def _analyze(self) -> None:
        if not self._database.is_sqlite:
            with self._database.db_engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
                conn.execute(text("VACUUM ANALYZE"))
