"""Sessions of people who signed in with an API key. Neither the token nor the key can be computed from a row."""

from sqlalchemy import Connection, RowMapping, delete, insert, select

from wabroadcast_core.store.tables import sessions


def add_session(conn: Connection, digest: str, *, key_check: str, now: float, expires_at: float) -> None:
    """Store a new session, and delete those that have expired.

    :param digest: of its token.
    :param key_check: the digest by which the key of the session is recognised.
    """
    conn.execute(delete(sessions).where(sessions.c.expires_at <= now))
    values = {"digest": digest, "key_check": key_check, "created_at": now, "expires_at": expires_at}
    conn.execute(insert(sessions).values(values))


def find_session(conn: Connection, digest: str, *, now: float) -> RowMapping | None:
    """Return the row of a session that has not expired, or None."""
    statement = select(sessions).where(sessions.c.digest == digest, sessions.c.expires_at > now)
    return conn.execute(statement).mappings().one_or_none()


def delete_session(conn: Connection, digest: str) -> bool:
    """Delete a session.

    :returns: whether it was stored.
    """
    return conn.execute(delete(sessions).where(sessions.c.digest == digest)).rowcount > 0
