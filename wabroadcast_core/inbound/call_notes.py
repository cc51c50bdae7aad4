"""Notes of the last webhook calls of each connection, written at most every few seconds."""

import logging
from typing import Final

import redis

from wabroadcast_core.clock import Clock
from wabroadcast_core.keys import Keys
from wabroadcast_core.redis_access.connection_notes import ConnectionNotes, write_notes

NOTE_SECONDS: Final = 5.0  # between two notes of the same kind: there may be thousands of calls a second
AWAY_SECONDS: Final = 60.0  # without a note after Redis could not be reached

log = logging.getLogger(__name__)


class CallNotes:
    """Notes when a connection was called. For one thread.

    The notes are written by :meth:`write`, once the calls are answered.
    """

    def __init__(self, client: redis.Redis, keys: Keys, clock: Clock) -> None:
        self._client = client
        self._keys = keys
        self._clock = clock
        self._noted_at: dict[tuple[int, bool], float] = {}
        self._waiting: dict[tuple[int, bool], ConnectionNotes] = {}
        self._away_until = 0.0

    def add(self, connection_id: int, *, refusal: str = "") -> None:
        """Note a call.

        :param refusal: why it was refused; empty for one that passed its check.
        """
        now, kind = self._clock.now(), (connection_id, bool(refusal))
        if abs(now - self._noted_at.get(kind, 0.0)) < NOTE_SECONDS:
            return
        self._noted_at[kind] = now
        refused = ConnectionNotes(refused_at=now, refusal=refusal)
        self._waiting[kind] = refused if refusal else ConnectionNotes(called_at=now)

    def write(self) -> None:
        """Write what was noted. While Redis is away, the notes are dropped: they are only shown."""
        waiting, self._waiting = self._waiting, {}
        if not waiting or self._clock.now() < self._away_until:
            return
        try:
            for (connection_id, _), notes in waiting.items():
                write_notes(self._client, self._keys, connection_id, notes)
        except redis.RedisError as error:
            self._away_until = self._clock.now() + AWAY_SECONDS
            log.warning(
                "the time of the last webhook call cannot be noted (%s): pages show an older one", type(error).__name__
            )
