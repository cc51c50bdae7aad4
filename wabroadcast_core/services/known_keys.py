"""The API keys as one process knows them: read from the store at most once a second, however many requests come."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import RowMapping

from wabroadcast_core.clock import Clock
from wabroadcast_core.models.api_key import Scope
from wabroadcast_core.store import api_keys as key_store
from wabroadcast_core.store.database import Database

USE_SECONDS = 60.0  # least time between two records of the use of a key
LOCK_SECONDS = 1.0  # that the record of a use waits while another process writes


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key that is not revoked."""

    key_id: int
    name: str
    scopes: tuple[Scope, ...]
    last_used_at: float | None


@dataclass(frozen=True, slots=True)
class KeySnapshot:
    """The keys at one moment.

    ``has_any`` is whether a key was ever made. The revocation of the last one must not open the server to callers
    without a key.
    """

    by_digest: Mapping[str, KnownKey]
    has_any: bool
    read_at: float  # monotonic seconds, before the read began


class KnownKeys:
    """The keys that this process read last, and the uses that it has not stored yet. For many threads."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._snapshot: KeySnapshot | None = None
        self._changes = 0  # made by this process
        self._noted: dict[int, float] = {}  # the last use of each key that was or will be stored
        self._unwritten: dict[int, float] = {}

    def recall(self, *, seconds: float) -> KeySnapshot | None:
        """Return the keys if they were read within the last ``seconds``. The store is not read."""
        snapshot = self._snapshot
        is_recent = snapshot is not None and time.monotonic() - snapshot.read_at < seconds
        return snapshot if is_recent else None

    def read(self) -> KeySnapshot:
        """Read the keys from the store.

        :raises UnavailableError: the store cannot be reached.
        """
        changes, read_at = self._changes, time.monotonic()
        with self._database.read() as conn:
            rows = key_store.list_keys(conn)
            has_any = bool(rows) or key_store.has_any(conn)
        snapshot = KeySnapshot({row["digest"]: _known(row) for row in rows}, has_any, read_at)
        with self._lock:
            if changes == self._changes:  # otherwise it may be older than the change
                self._snapshot = snapshot
        return snapshot

    def forget(self) -> None:
        """Read the keys again at the next request, because this process changed them."""
        with self._lock:
            self._changes += 1
            self._snapshot = None

    def note_use(self, key: KnownKey) -> bool:
        """Note a use of a key. The store is not written.

        :returns: whether the use must be written by :meth:`write_uses`: at most once in ``USE_SECONDS``.
        """
        now = self._clock.now()
        with self._lock:
            last = self._noted.get(key.key_id, key.last_used_at)
            if last is not None and 0 <= now - last < USE_SECONDS:
                return False
            self._noted[key.key_id] = self._unwritten[key.key_id] = now
            return True

    def write_uses(self) -> None:
        """Write the noted uses to the store.

        :raises UnavailableError: the store cannot be reached; these uses are dropped.
        """
        with self._lock:
            uses, self._unwritten = self._unwritten, {}
        with self._database.write(lock_seconds=LOCK_SECONDS) as conn:
            for key_id, at in sorted(uses.items()):
                key_store.note_use(conn, key_id, at=at, seconds=USE_SECONDS)


def _known(row: RowMapping) -> KnownKey:
    scopes = tuple(Scope(scope) for scope in json.loads(row["scopes"]))
    return KnownKey(row["id"], row["name"], scopes, row["last_used_at"])
