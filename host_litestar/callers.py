"""Who calls: the API keys of the settings and of the store, found by the digest of a key or by a session."""

import hmac
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import SecretStr

from host_litestar.stored_keys import StoredKeys
from host_litestar.threads import KEY_READS
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.models.api_key import Scope
from wabroadcast_core.services.api_keys import digest_key
from wabroadcast_core.services.sessions import Session

log = logging.getLogger(__name__)

_ACTOR_LENGTH = 6  # hexadecimal digits


@dataclass(frozen=True, slots=True)
class Caller:
    """The owner of a valid key.

    ``actor`` is the name of a stored key; of a key of the settings, the first digits of its digest, so that a key
    itself is never stored.
    """

    actor: str
    scopes: tuple[Scope, ...]


class Callers:
    """The callers of a broadcaster's API, for the requests of one event loop. Keys of the settings have all scopes."""

    def __init__(self, broadcaster: Broadcaster) -> None:
        self._broadcaster = broadcaster
        self._digests = [digest_of(key) for key in broadcaster.settings.api_keys]
        self._stored = StoredKeys(broadcaster)

    async def has_keys(self) -> bool:
        """Return whether there is a key, or ever was one.

        :raises UnavailableError: the store cannot be reached.
        """
        return bool(self._digests) or await self._stored.has_any()

    async def find(self, digest: str, *, also: Iterable[str] = ()) -> Caller | None:
        """Return the caller whose key has this digest; None if it is unknown or revoked.

        :param also: digests of further keys that have all scopes.
        :raises UnavailableError: the store cannot be reached.
        """
        if self._has_all_scopes(digest, also):
            return Caller(digest[:_ACTOR_LENGTH], tuple(Scope))
        key = await self._stored.find(digest)
        if key is None:
            return None
        self._stored.note_use(key)
        return Caller(key.name, key.scopes)

    async def find_session(self, token: str) -> tuple[Session, Caller] | None:
        """Return a session and its caller; None if it has ended or expired, or its key was revoked.

        :raises UnavailableError: the store cannot be reached.
        """
        session = await self._read_session(token)
        digest = None if session is None else await self._key_of(session)
        caller = None if digest is None else await self.find(digest)
        return None if session is None or caller is None else (session, caller)

    async def is_valid(self, digest: str, *, also: Iterable[str] = ()) -> bool:
        """Return whether a key is still valid, which is no use of it. The scopes of a key never change.

        :param also: digests of further keys that are valid.
        :raises UnavailableError: the store cannot be reached.
        """
        return self._has_all_scopes(digest, also) or await self._stored.find(digest) is not None

    async def is_valid_session(self, token: str) -> bool:
        """Return whether a session and its key are still valid, which is no use of the key.

        :raises UnavailableError: the store cannot be reached.
        """
        session = await self._read_session(token)
        return session is not None and await self._key_of(session) is not None

    def _has_all_scopes(self, digest: str, also: Iterable[str]) -> bool:
        """Compare with every key, so that the time of the answer does not show which one matched."""
        matches = [hmac.compare_digest(digest, known) for known in (*self._digests, *also)]
        return any(matches)

    async def _key_of(self, session: Session) -> str | None:
        """Return the digest of a session's key; None if the key was revoked."""
        return session.find_key(self._digests) or await self._stored.find_digest(session)

    async def _read_session(self, token: str) -> Session | None:
        try:
            return await KEY_READS.run(self._broadcaster.sessions.find, token)
        except UnavailableError as error:  # its text names addresses, and the caller may be a stranger
            log.warning("sessions cannot be checked, requests get 503: %s", error)
            raise UnavailableError("the session cannot be checked now: call again in a few seconds") from error


def digest_of(key: SecretStr) -> str:
    """Return the digest by which a key of the settings is recognised."""
    return digest_key(key.get_secret_value())
