"""The API keys of the store, checked on an event loop that never waits for the store itself."""

import asyncio
import logging

from host_litestar.threads import KEY_READS, KEY_USES
from wabroadcast_core.asgi.shared_call import SharedCall
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import BroadcastError, UnavailableError
from wabroadcast_core.services.known_keys import KeySnapshot, KnownKey
from wabroadcast_core.services.sessions import Session

log = logging.getLogger(__name__)

LIFE_SECONDS = 1.0  # for which the keys that were read count as valid: a revoked one works so long at most
UNKNOWN_SECONDS = 0.1  # the same before a key is refused that another process may just have made


class StoredKeys:
    """The stored keys of a broadcaster, for the requests of one event loop."""

    def __init__(self, broadcaster: Broadcaster) -> None:
        self._broadcaster = broadcaster
        self._reading: SharedCall[KeySnapshot] = SharedCall(KEY_READS.run)
        self._writing: set[asyncio.Task[None]] = set()

    async def has_any(self) -> bool:
        """Return whether a key was ever made.

        :raises UnavailableError: the store cannot be reached.
        """
        return (await self._snapshot(LIFE_SECONDS)).has_any

    async def find(self, digest: str) -> KnownKey | None:
        """Return the key with this digest; None if it is unknown or revoked.

        :raises UnavailableError: the store cannot be reached.
        """
        key = (await self._snapshot(LIFE_SECONDS)).by_digest.get(digest)
        return key or (await self._snapshot(UNKNOWN_SECONDS)).by_digest.get(digest)

    async def find_digest(self, session: Session) -> str | None:
        """Return the digest of a session's key; None if the key is unknown or revoked.

        :raises UnavailableError: the store cannot be reached.
        """
        found = session.find_key((await self._snapshot(LIFE_SECONDS)).by_digest)
        return found or session.find_key((await self._snapshot(UNKNOWN_SECONDS)).by_digest)

    def note_use(self, key: KnownKey) -> None:
        """Note that a key was used. The request does not wait for the record."""
        if self._broadcaster.known_keys.note_use(key):
            task = asyncio.create_task(self._write_uses())
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def _snapshot(self, seconds: float) -> KeySnapshot:
        known = self._broadcaster.known_keys
        if (recent := known.recall(seconds=seconds)) is not None:
            return recent
        try:
            return await self._reading.run(known.read)
        except UnavailableError as error:  # its text names addresses, and the caller may be a stranger
            log.warning("API keys cannot be checked, requests get 503: %s", error)
            raise UnavailableError("the API keys cannot be checked now: call again in a few seconds") from error

    async def _write_uses(self) -> None:
        try:
            await KEY_USES.run(self._broadcaster.known_keys.write_uses)
        except BroadcastError as error:
            log.warning("the last use of API keys is not recorded, the next one is recorded in a minute: %s", error)
