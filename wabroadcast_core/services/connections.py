"""The connections, as operators see and change them: checked, their secrets sealed and never shown again."""

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError
from sqlalchemy import Connection, RowMapping

from wabroadcast_core.context import Context
from wabroadcast_core.control.announcements import Announcement, announce
from wabroadcast_core.errors import ConflictError, Fault, InvalidInputError, NotFoundError
from wabroadcast_core.hookspecs import Sender
from wabroadcast_core.models.base import DEFAULT_ACTOR, faults_of, parse_model
from wabroadcast_core.models.connection import (
    CONNECTION_NAME,
    HUMAN_PACE,
    ConnectionDraft,
    ConnectionKind,
    ConnectionTest,
    ConnectionView,
    Limits,
)
from wabroadcast_core.models.status import ConnectionState
from wabroadcast_core.services.views import connection_view
from wabroadcast_core.snapshots import ConnectionSnapshot
from wabroadcast_core.store import audit_log
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.transport.connection_test import probe

log = logging.getLogger(__name__)

FIRST_NAME = "sandbox"


class Connections:
    """``broadcaster.connections``: the accounts that send."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def ensure_first(self) -> None:
        """A fresh start has one connection, which plays a provider."""

        def make(conn: Connection) -> None:
            if not connection_store.list_connections(conn):
                self._save(conn, FIRST_NAME, ConnectionDraft(sender="sandbox"), {})

        if FIRST_NAME in self._context.plugins.senders:
            self._context.database.transact(make)

    def list(self) -> list[ConnectionView]:
        with self._context.database.read() as conn:
            rows = connection_store.list_connections(conn)
        return [self._view(row) for row in rows]

    def get(self, name: str) -> ConnectionView:
        """:raises NotFoundError: there is none."""
        with self._context.database.read() as conn:
            return self._view(_found(conn, name))

    def kinds(self) -> Sequence[ConnectionKind]:
        """The kinds of sender that are installed, each with the JSON schema of its settings."""
        return [
            ConnectionKind(kind=kind, settings_schema=sender.Settings.model_json_schema(by_alias=True))
            for kind, sender in sorted(self._context.plugins.senders.items())
        ]

    def save(self, name: str, draft: ConnectionDraft | Mapping[str, Any]) -> ConnectionView:
        """Create or change a connection; a change holds from the next claim on.

        A secret that is left out keeps its value.

        :raises InvalidInputError: the name, the sender or its settings do not fit.
        """
        draft = draft if isinstance(draft, ConnectionDraft) else parse_model(ConnectionDraft, draft)
        if not re.fullmatch(CONNECTION_NAME, name):
            raise InvalidInputError([Fault("name", "small letters, digits, - and _ make a connection's name")])
        sender = self._context.plugins.senders.get(draft.sender)
        if sender is None:
            known = ", ".join(sorted(self._context.plugins.senders))
            raise InvalidInputError([Fault("sender", f"no sender is called {draft.sender!r}; there are: {known}")])
        settings = self._complete(name, draft, sender)

        def transaction(conn: Connection) -> None:
            self._save(conn, name, draft, settings)

        self._context.database.transact(transaction)
        self._wake()
        return self.get(name)

    def delete(self, name: str) -> None:
        """:raises NotFoundError: there is none. :raises ConflictError: broadcasts name it."""
        with self._context.database.write() as conn:
            row = _found(conn, name)
            if connection_store.is_used(conn, row["id"]):
                raise ConflictError(f"broadcasts name connection {name!r}: pause it instead", status=row["state"])
            connection_store.delete_connection(conn, name)

    def pause(self, name: str, *, actor: str = DEFAULT_ACTOR) -> ConnectionView:
        """Start nothing more through a connection until it is resumed.

        :raises NotFoundError: no connection has this name.
        :raises ConflictError: a person paused it before.
        """
        return self._set_state(name, ConnectionState.PAUSED, actor=actor)

    def resume(self, name: str, *, actor: str = DEFAULT_ACTOR) -> ConnectionView:
        """Send through a paused connection again.

        :raises NotFoundError: no connection has this name.
        :raises ConflictError: it is active already.
        """
        return self._set_state(name, ConnectionState.ACTIVE, actor=actor)

    def _set_state(self, name: str, state: ConnectionState, *, actor: str) -> ConnectionView:
        act = "pause" if state is ConnectionState.PAUSED else "resume"
        with self._context.database.write() as conn:
            row = _found(conn, name)
            now = self._context.clock.now()
            changed = connection_store.set_state(conn, row["id"], state, reason=None, now=now)
            if not changed and state is ConnectionState.PAUSED:
                changed = connection_store.take_over_pause(conn, row["id"])
            if not changed:
                raise ConflictError(f"connection {name!r} is {state} already", status=state)
            audit_log.record_act(conn, act=act, actor=actor, now=now, connection_id=row["id"])
        if state is ConnectionState.PAUSED:
            announce(self._context.redis, self._context.keys, Announcement(connection=row["id"]))
        self._wake()
        return self.get(name)

    def test(self, name: str) -> ConnectionTest:
        """Ask the provider whether this account can send; nothing is sent, and nothing is changed.

        :raises NotFoundError: there is none.
        """
        with self._context.database.read() as conn:
            snapshot = ConnectionSnapshot.of(_found(conn, name), now=self._context.clock.now())
        return asyncio.run(probe(self._context, snapshot))

    def _save(self, conn: Connection, name: str, draft: ConnectionDraft, settings: dict[str, Any]) -> None:
        connection_store.save_connection(
            conn,
            name,
            sender=draft.sender,
            settings=self._context.vault.seal(settings),
            limits=self._limits(draft),
            now=self._context.clock.now(),
        )

    def _limits(self, draft: ConnectionDraft) -> dict[str, Any]:
        """The limits as given; those left out are what is usual for the sender."""
        capabilities = self._context.plugins.senders[draft.sender].capabilities
        careful = _given(HUMAN_PACE) if capabilities.ban_risk else {}
        limits = Limits.model_validate({**careful, **_given(capabilities.limits), **_given(draft)})
        return limits.model_dump(mode="json", by_alias=True)

    def _complete(self, name: str, draft: ConnectionDraft, sender: type[Sender]) -> dict[str, Any]:
        """The settings to keep: those given, and the secrets that stand already. :raises InvalidInputError: no fit."""
        settings = dict(draft.settings)
        with self._context.database.read() as conn:
            present = connection_store.find_connection(conn, name)
        if present is not None and present["sender"] == draft.sender:
            kept = self._context.vault.open(present["settings"])
            for names in _secret_fields(sender.Settings):
                if names.isdisjoint(settings):
                    settings |= {name: kept[name] for name in names & kept.keys()}
        try:
            sender.Settings.model_validate(settings)
        except ValidationError as error:
            raise InvalidInputError(faults_of(error, prefix="settings")) from error
        return settings

    def _view(self, row: RowMapping) -> ConnectionView:
        settings = self._context.vault.open(row["settings"])
        sender = self._context.plugins.senders.get(row["sender"])
        hidden = settings.keys() if sender is None else frozenset().union(*_secret_fields(sender.Settings))
        return connection_view(row, {key: value for key, value in settings.items() if key not in hidden})

    def _wake(self) -> None:
        """Whoever may have work by a change takes a turn: the connection itself, or the others of its pools."""
        with self._context.database.read() as conn:
            working = broadcast_store.working_connections(conn)
        for key, rank in working:
            self._context.work_queue.turn(key, rank=rank)


def _found(conn: Connection, name: str) -> RowMapping:
    row = connection_store.find_connection(conn, name)
    if row is None:
        raise NotFoundError("connection", name)
    return row


def _given(limits: Limits) -> dict[str, Any]:
    """The fields that somebody set, null among them."""
    return {name: getattr(limits, name) for name in limits.model_fields_set & Limits.model_fields.keys()}


def _secret_fields(settings: type[BaseModel]) -> list[frozenset[str]]:
    """The names that each secret of a settings model may be given by; a field with secrets inside is one whole."""
    return [
        frozenset(filter(None, (name, field.alias, _text(field.validation_alias))))
        for name, field in settings.model_fields.items()
        if _holds_secret(field.annotation)
    ]


def _text(alias: object) -> str | None:
    return alias if isinstance(alias, str) else None


def _holds_secret(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return any(_holds_secret(field.annotation) for field in annotation.model_fields.values())
    return annotation in {SecretStr, SecretBytes} or any(map(_holds_secret, get_args(annotation)))
