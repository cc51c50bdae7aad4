"""Use cases of sessions: a person signs in with an API key, and has a token in its place until the session ends."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from wabroadcast_core.clock import Clock
from wabroadcast_core.models.activity import ActObject
from wabroadcast_core.models.base import as_utc
from wabroadcast_core.store import audit_log
from wabroadcast_core.store import sessions as session_store
from wabroadcast_core.store.database import Database

LIFE_SECONDS: Final = 12 * 3_600.0  # a working day
TOKEN_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session that has just begun."""

    token: str
    """The secret of the session: only its digest is stored."""
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A session that has neither ended nor expired."""

    token: str
    key_check: str
    expires_at: datetime

    def find_key(self, digests: Iterable[str]) -> str | None:
        """Return the digest of the session's key; None if it is none of these, because the key was revoked."""
        return next(
            (digest for digest in digests if hmac.compare_digest(self.key_check, _check(self.token, digest))), None
        )


class Sessions:
    """``broadcaster.sessions``: the sessions of people who signed in with an API key.

    A session does not say whether its key is still valid: :meth:`Session.find_key` does, at each request.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def begin(self, key_digest: str, *, actor: str) -> NewSession:
        """Begin a session of a key.

        :param key_digest: the digest of the key, which the caller has checked.
        :param actor: the name of the key, for the activity.
        """
        token, now = secrets.token_urlsafe(TOKEN_BYTES), self._clock.now()
        expires_at = now + LIFE_SECONDS

        def transaction(conn: Connection) -> None:
            check = _check(token, key_digest)
            session_store.add_session(conn, _digest(token), key_check=check, now=now, expires_at=expires_at)
            _record(conn, "sign_in", actor, now=now)

        self._database.transact(transaction)
        return NewSession(token, as_utc(expires_at))

    def find(self, token: str) -> Session | None:
        """Return the session with this token; None if there is none, or it has ended or expired."""
        with self._database.read() as conn:
            row = session_store.find_session(conn, _digest(token), now=self._clock.now())
        return None if row is None else Session(token, row["key_check"], as_utc(row["expires_at"]))

    def end(self, token: str, *, actor: str) -> None:
        """End a session, for all processes and at once. One that has ended stays so.

        :param actor: the name of its key, for the activity.
        """

        def transaction(conn: Connection) -> None:
            if session_store.delete_session(conn, _digest(token)):
                _record(conn, "sign_out", actor, now=self._clock.now())

        self._database.transact(transaction)


def csrf_token(token: str) -> str:
    """Return the token that each form and each changing call of a session must carry.

    Another site can neither read it nor compute it without the session's own token.
    """
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _check(token: str, key_digest: str) -> str:
    """Return what recognises the key of a session, and says nothing of the key to one who does not have the token."""
    return hmac.new(token.encode(), key_digest.encode(), hashlib.sha256).hexdigest()


def _record(conn: Connection, action: str, actor: str, *, now: float) -> None:
    audit_log.record_action(conn, action=action, actor=actor, now=now, other=ActObject.KEY, object_id=actor)
