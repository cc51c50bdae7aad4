"""Use cases of API keys: make, list and revoke them."""

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, RowMapping
from sqlalchemy.exc import IntegrityError

from wabroadcast_core.clock import Clock
from wabroadcast_core.errors import ConflictError, NotFoundError
from wabroadcast_core.models.activity import ActObject
from wabroadcast_core.models.api_key import ApiKeyDraft, ApiKeyView, NewApiKey
from wabroadcast_core.models.base import DEFAULT_ACTOR, as_utc, parse_model
from wabroadcast_core.sentence_texts import say
from wabroadcast_core.sentences import Sentence
from wabroadcast_core.store import api_keys as key_store
from wabroadcast_core.store import audit_log
from wabroadcast_core.store.database import Database

PREFIX: Final = "wab_"  # secret scanners find a key by it: wab_[0-9a-f]{64}
KEY_BYTES: Final = 32
SHOWN_CHARACTERS: Final = len(PREFIX) + 6  # too few of the 64 digits to help in guessing the others


def digest_key(key: str) -> str:
    """Return the digest under which a key is stored.

    One round of SHA-256 is enough. A slow hash with a salt protects passwords, which people choose and an attacker can
    guess; the 256 random bits of a key can be neither guessed nor listed, and a slow hash would delay every request.
    """
    return hashlib.sha256(key.encode()).hexdigest()


class ApiKeys:
    """``broadcaster.api_keys``: the keys of callers of the API.

    :param changed: called after each change.
    """

    def __init__(self, database: Database, clock: Clock, *, changed: Callable[[], None] = lambda: None) -> None:
        self._database = database
        self._clock = clock
        self._changed = changed

    def create(self, draft: ApiKeyDraft | Mapping[str, Any], *, actor: str = DEFAULT_ACTOR) -> NewApiKey:
        """Create a key.

        :returns: the key; it cannot be shown again.
        :raises InvalidInputError: the name or a scope is not valid.
        :raises ConflictError: another key has this name.
        """
        draft = draft if isinstance(draft, ApiKeyDraft) else parse_model(ApiKeyDraft, draft)
        key = PREFIX + secrets.token_hex(KEY_BYTES)

        def transaction(conn: Connection) -> RowMapping:
            now, start = self._clock.now(), key[:SHOWN_CHARACTERS]
            row = key_store.add_key(
                conn, draft.name, digest=digest_key(key), start=start, scopes=draft.scopes, actor=actor, now=now
            )
            _record(conn, "create", draft.name, actor=actor, now=now, detail=say("scopes", scopes=list(draft.scopes)))
            return row

        try:
            row = self._database.transact(transaction)
        except IntegrityError:
            text = "there is a key {name!r} already: choose another name, or revoke that key first"
            raise ConflictError(Sentence("key_exists", text, name=draft.name)) from None
        self._changed()
        return NewApiKey(**_fields(row), key=key)

    def list(self, *, revoked: bool = False) -> Sequence[ApiKeyView]:
        """Return the keys in the order of their names.

        :param revoked: the revoked ones too.
        """
        with self._database.read() as conn:
            return [ApiKeyView(**_fields(row)) for row in key_store.list_keys(conn, revoked=revoked)]

    def revoke(self, name: str, *, actor: str = DEFAULT_ACTOR) -> None:
        """Revoke a key: within a second or two no process accepts it. Its name becomes free.

        :raises NotFoundError: no key has this name.
        """

        def transaction(conn: Connection) -> None:
            now = self._clock.now()
            if not key_store.revoke_key(conn, name, now=now):
                raise NotFoundError("API key", name)
            _record(conn, "revoke", name, actor=actor, now=now)

        self._database.transact(transaction)
        self._changed()


def _record(conn: Connection, action: str, name: str, *, actor: str, now: float, detail: str | None = None) -> None:
    audit_log.record_action(
        conn, action=action, actor=actor, now=now, other=ActObject.KEY, object_id=name, detail=detail
    )


def _fields(row: RowMapping) -> dict[str, Any]:
    times = ("created_at", "last_used_at", "revoked_at")
    texts = {name: row[name] for name in ("name", "start", "created_by")}
    return {**texts, "scopes": json.loads(row["scopes"]), **{name: as_utc(row[name]) for name in times}}
