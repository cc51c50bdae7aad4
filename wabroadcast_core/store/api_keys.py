"""API keys, as digests. The row of a revoked key stays, so that its name in the audit log can be explained."""

import json
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, RowMapping, insert, or_, select, update

from wabroadcast_core.models.api_key import Scope
from wabroadcast_core.store.tables import api_keys

_valid = api_keys.c.revoked_at.is_(None)


def add_key(
    conn: Connection, name: str, *, digest: str, start: str, scopes: Iterable[Scope], actor: str, now: float
) -> RowMapping:
    """Store a new key.

    :param start: the first characters of the key.
    :returns: its row.
    :raises IntegrityError: a key that is not revoked has this name.
    """
    values = {"name": name, "digest": digest, "start": start, "scopes": json.dumps(list(scopes))}
    statement = insert(api_keys).values(**values, created_by=actor, created_at=now).returning(*api_keys.c)
    return conn.execute(statement).mappings().one()


def list_keys(conn: Connection, *, revoked: bool = False) -> Sequence[RowMapping]:
    """Return the rows of the keys by name, then by age.

    :param revoked: the revoked ones too.
    """
    statement = select(api_keys).order_by(api_keys.c.name, api_keys.c.id)
    return conn.execute(statement if revoked else statement.where(_valid)).mappings().all()


def revoke_key(conn: Connection, name: str, *, now: float) -> bool:
    """Revoke a key.

    :returns: whether a key that was not revoked has this name.
    """
    statement = update(api_keys).where(api_keys.c.name == name, _valid).values(revoked_at=now)
    return conn.execute(statement).rowcount > 0


def has_any(conn: Connection) -> bool:
    """Return whether a key was ever made, revoked or not."""
    return conn.execute(select(api_keys.c.id).limit(1)).first() is not None


def note_use(conn: Connection, key_id: int, *, at: float, seconds: float) -> None:
    """Record a use of a key, unless another process recorded one less than ``seconds`` ago."""
    last = api_keys.c.last_used_at
    is_due = or_(last.is_(None), last <= at - seconds, last > at)
    conn.execute(update(api_keys).where(api_keys.c.id == key_id, is_due).values(last_used_at=at))
