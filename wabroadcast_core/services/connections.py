"""Use cases of connections. Their settings are validated and encrypted; secrets are never shown again."""

import asyncio
import functools
import json
import logging
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import redis
from pydantic import ValidationError
from sqlalchemy import Connection, RowMapping

from wabroadcast_core.audience.capabilities import default_connections
from wabroadcast_core.control.announcements import Announcement, announce
from wabroadcast_core.errors import ConflictError, Fault, InvalidInputError, NotFoundError, PluginError
from wabroadcast_core.hookspecs import Sender
from wabroadcast_core.keys import Keys
from wabroadcast_core.models.base import DEFAULT_ACTOR, faults_of, parse_model
from wabroadcast_core.models.connection import (
    CONNECTION_NAME,
    ConnectionDetails,
    ConnectionDraft,
    ConnectionTest,
    ConnectionView,
    Limits,
)
from wabroadcast_core.models.page import Page
from wabroadcast_core.models.status import ConnectionState
from wabroadcast_core.pacing.pace import end_cool_down
from wabroadcast_core.plugin_faults import describe_fault
from wabroadcast_core.plugins.time_limits import ExitError, TimeLimitError, run_limited
from wabroadcast_core.redis_access.connection_notes import (
    NO_NOTES,
    ConnectionNotes,
    forget_notes,
    forget_test,
    write_notes,
)
from wabroadcast_core.sentence_texts import say
from wabroadcast_core.sentences import Sentence
from wabroadcast_core.services.accounts import account_of, names_by_account, problem_of
from wabroadcast_core.services.connection_reads import ConnectionReads, find_row, given_limits
from wabroadcast_core.services.connection_settings import address_faults, mask_faults, masked, unmasked
from wabroadcast_core.services.secret_settings import secret_fields
from wabroadcast_core.services.views import connection_view
from wabroadcast_core.snapshots import ConnectionSnapshot
from wabroadcast_core.store import audit_log
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.transport.connection_test import probe
from wabroadcast_core.waiting.causes import WaitingCauses
from wabroadcast_core.waiting.pauses import connection_pause
from wabroadcast_core.waiting.usage import uses_of

log = logging.getLogger(__name__)

SANDBOX = "sandbox"
OTHER_KEY = Sentence(
    "encrypted_with_other_key",
    "its settings were encrypted with another secret key: save the connection again, with all its settings",
)
TEST_SECONDS = 30.0  # that a test of a connection may take, whatever its sender allows a send
BLOCKED_SECONDS = 2.0  # after them the sender blocks its event loop: no time limit of a coroutine ends it


class Connections(ConnectionReads):
    """``broadcaster.connections``: the WhatsApp accounts that send."""

    def ensure_first(self) -> None:
        """Create the connection ``sandbox``, whose sender simulates a provider, if there is no connection yet."""

        def create(conn: Connection) -> None:
            if not connection_store.list_connections(conn):
                self._save(conn, SANDBOX, ConnectionDraft(sender=SANDBOX), {})

        if SANDBOX in self._context.plugins.senders:
            self._context.database.transact(create)

    def list(self) -> list[ConnectionView]:
        """Return all connections, without their secrets."""
        return self.page(page_size=sys.maxsize).items

    def page(self, *, page: int = 1, page_size: int = 50) -> Page[ConnectionView]:
        """Return a page of the connections by name, without their secrets."""
        with self._context.database.read() as conn:
            rows = connection_store.list_connections(conn)
            items = self._views(conn, rows[(page - 1) * page_size : page * page_size], among=rows)
        return Page(items=[*items], total=len(rows), page=page, page_size=page_size)

    def get(self, name: str) -> ConnectionView:
        """Return a connection, without its secrets.

        :raises NotFoundError: no connection has this name.
        """
        with self._context.database.read() as conn:
            return self._read(conn, name)[1]

    def details(self, name: str, *, zone: str) -> ConnectionDetails:
        """Return a connection, what it sent on each of the last 30 days, what waits, who uses it, and its secrets.

        :param zone: the time zone whose days these are.
        :raises NotFoundError: no connection has this name.
        """
        with self._context.database.read() as conn:
            row, view = self._read(conn, name)
            return self._details(conn, row, view, zone=ZoneInfo(zone))

    def _read(self, conn: Connection, name: str) -> tuple[RowMapping, ConnectionView]:
        rows = connection_store.list_connections(conn)
        chosen = [row for row in rows if row["name"] == name]
        if not chosen:
            raise NotFoundError("connection", name)
        return chosen[0], self._views(conn, chosen, among=rows)[0]

    def save(
        self, name: str, draft: ConnectionDraft | Mapping[str, Any], *, actor: str = DEFAULT_ACTOR
    ) -> ConnectionView:
        """Create or change a connection. A change takes effect at the next claim.

        A secret that is left out keeps its value. A save of what is stored already changes nothing and is no act.

        :raises InvalidInputError: the name, the sender or its settings are not valid, or another connection sends
            through the same account.
        """
        draft = draft if isinstance(draft, ConnectionDraft) else parse_model(ConnectionDraft, draft)
        if not re.fullmatch(CONNECTION_NAME, name):
            text = "not a valid name: use at most 63 small letters, digits, - and _, beginning with a letter or digit"
            raise InvalidInputError([Fault("name", Sentence("no_connection_name", text))])
        sender = self._context.plugins.senders.get(draft.sender)
        if sender is None:
            known = ", ".join(sorted(self._context.plugins.senders))
            text = "there is no sender {name!r}: use one of {names}, or install the plugin that provides it"
            raise InvalidInputError([Fault("sender", Sentence("no_sender", text, name=draft.sender, names=known))])
        settings = self._complete(name, draft, sender)

        def transaction(conn: Connection) -> int | None:
            self._check_account(conn, name, draft.sender, settings)
            if (row := self._save(conn, name, draft, settings)) is None:
                return None
            self._record(conn, "save", row, actor=actor)
            return int(row["id"])

        if (changed := self._context.database.transact(transaction)) is not None:
            self._forget(forget_test, changed)
            self._wake()
        return self.get(name)

    def delete(self, name: str, *, actor: str = DEFAULT_ACTOR) -> None:
        """Delete a connection, with its settings. What ended broadcasts sent through it stays in their history.

        :raises NotFoundError: no connection has this name.
        :raises ConflictError: broadcasts that have not ended use it.
        """
        with self._context.database.write() as conn:
            row = find_row(conn, name)
            if connection_store.is_needed(conn, row["id"]):
                raise ConflictError(
                    f"connection {name!r} cannot be deleted, because broadcasts that have not ended use it: "
                    "wait for their end, or cancel them",
                    status=row["state"],
                )
            self._record(conn, "delete", row, actor=actor)
            audit_log.keep_name(conn, row["id"], name)
            if connection_store.is_used(conn, row["id"]):
                now = self._context.clock.now()
                connection_store.hide_connection(conn, row["id"], settings=self._context.vault.seal({}), now=now)
            else:
                connection_store.delete_connection(conn, row["id"])
        self._forget(forget_notes, row["id"])

    def set_default(self, name: str, *, actor: str = DEFAULT_ACTOR) -> ConnectionView:
        """Make a connection the default: broadcasts that name no connection use it.

        :raises NotFoundError: no connection has this name.
        """
        with self._context.database.write() as conn:
            row, present = find_row(conn, name), connection_store.find_default(conn)
            if present is None or present["id"] != row["id"]:
                self._record(conn, connection_store.DEFAULT_ACT, row, actor=actor)
        return self.get(name)

    def pause(self, name: str, *, actor: str = DEFAULT_ACTOR) -> ConnectionView:
        """Pause a connection: no message starts through it until it is resumed.

        :raises NotFoundError: no connection has this name.
        :raises ConflictError: it was paused by a person already.
        """
        return self._set_state(name, ConnectionState.PAUSED, actor=actor)

    def resume(self, name: str, *, actor: str = DEFAULT_ACTOR) -> ConnectionView:
        """Resume a paused connection. A wait that its provider asked for ends too.

        :raises NotFoundError: no connection has this name.
        :raises ConflictError: it is active already.
        """
        return self._set_state(name, ConnectionState.ACTIVE, actor=actor)

    def _set_state(self, name: str, state: ConnectionState, *, actor: str) -> ConnectionView:
        act = "pause" if state is ConnectionState.PAUSED else "resume"
        with self._context.database.write() as conn:
            row = find_row(conn, name)
            now = self._context.clock.now()
            changed = connection_store.set_state(conn, row["id"], state, reason=None, now=now)
            if not changed and state is ConnectionState.PAUSED:
                changed = connection_store.take_over_pause(conn, row["id"])
            if not changed:
                raise ConflictError(f"connection {name!r} is {state} already", status=state)
            self._record(conn, act, row, actor=actor)
        if state is ConnectionState.PAUSED:
            announce(self._context.redis, self._context.keys, Announcement(connection=row["id"]))
        else:
            self._end_waits(name, row["id"])
        self._wake()
        return self.get(name)

    def _end_waits(self, name: str, key: int) -> None:
        """End a wait that the provider asked for: a person may end it before its time."""
        try:
            end_cool_down(self._context.redis, self._context.keys, key)
        except redis.RedisError as error:
            log.warning(
                "connection %s is resumed, but Redis is away (%s): a wait that its provider asked for goes on; pause "
                "and resume it again to end the wait",
                name,
                type(error).__name__,
            )
        announce(self._context.redis, self._context.keys, Announcement(resumed=key))

    def test(self, name: str) -> ConnectionTest:
        """Check with the provider whether the account can send. Nothing is sent; the result is noted.

        :raises NotFoundError: no connection has this name.
        """
        with self._context.database.read() as conn:
            row = find_row(conn, name)
            snapshot = ConnectionSnapshot.of(row, now=self._context.clock.now())
            pausers = audit_log.pausers_of_connections(conn, [row["id"]])
            pause = None if snapshot.active else connection_pause(row, pausers.get(row["id"]))
        test = self._probe(snapshot)
        self._note_test(snapshot, test)
        return test.model_copy(update={"paused": pause})

    def _forget(self, forget: Callable[[redis.Redis, Keys, int], None], key: int) -> None:
        """Forget notes of a connection that was saved or deleted."""
        try:
            forget(self._context.redis, self._context.keys, key)
        except redis.RedisError as error:
            log.warning(
                "Redis is away (%s): an older test of a connection that was saved or deleted may still be shown",
                type(error).__name__,
            )

    def _note_test(self, snapshot: ConnectionSnapshot, test: ConnectionTest) -> None:
        notes = ConnectionNotes(tested_at=self._context.clock.now(), test_state=test.state, test_reason=test.reason)
        try:
            write_notes(self._context.redis, self._context.keys, snapshot.id, notes)
        except redis.RedisError as error:
            log.warning(
                "connection %s was tested, but Redis is away (%s): its pages do not show this test",
                snapshot.name,
                type(error).__name__,
            )

    def _probe(self, snapshot: ConnectionSnapshot) -> ConnectionTest:
        """Check an account in a thread of plugins: a sender may block its event loop."""
        seconds, threads = TEST_SECONDS + BLOCKED_SECONDS, self._context.plugins.threads

        def test() -> ConnectionTest:
            return asyncio.run(probe(self._context, snapshot, within=TEST_SECONDS))

        try:
            return run_limited(test, seconds=seconds, owner=f"sender-{snapshot.sender}", threads=threads)
        except TimeLimitError:
            fact = say("test_blocked", sender=snapshot.sender, seconds=seconds)
        except ExitError as error:
            fact = say("test_exited", sender=snapshot.sender, error=str(error))
        return ConnectionTest(state="unknown", reason=fact)

    def _save(self, conn: Connection, name: str, draft: ConnectionDraft, settings: dict[str, Any]) -> RowMapping | None:
        """Store a connection. Return its row; None if that changes nothing."""
        limits, sealed, kind = self._limits(draft), self._context.vault.seal(settings), draft.sender
        now = self._context.clock.now()
        if connection_store.add_connection(conn, name, sender=kind, settings=sealed, limits=limits, now=now):
            return find_row(conn, name)
        row = find_row(conn, name)
        if (row["sender"], json.loads(row["limits"]), self._stored(row)) == (kind, limits, settings):
            return None
        connection_store.change_connection(conn, row["id"], sender=kind, settings=sealed, limits=limits)
        return row

    def _record(self, conn: Connection, action: str, row: RowMapping, *, actor: str) -> None:
        now = self._context.clock.now()
        audit_log.record_action(conn, action=action, actor=actor, now=now, connection_id=row["id"])

    def _check_account(self, conn: Connection, name: str, kind: str, settings: Mapping[str, Any]) -> None:
        """Check that no other connection has the account. Those that had it already may be changed.

        :raises InvalidInputError: another connection has it.
        """
        account = account_of(self._context, kind, settings)
        if account is None:
            return
        names = names_by_account(self._context, connection_store.list_connections(conn)).get(account, [])
        if names and name not in names:
            text = (
                "connection {name!r} sends through this account already, and two would pass its limits together: "
                "use that one, or delete it first"
            )
            raise InvalidInputError([Fault("settings", Sentence("account_in_use", text, name=names[0]))])

    def _limits(self, draft: ConnectionDraft) -> dict[str, Any]:
        """Return the limits to store: those of the draft, and for the others the sender's defaults."""
        limits = Limits.model_validate({**dict(self.default_limits(draft.sender)), **given_limits(draft)})
        return limits.model_dump(mode="json", by_alias=True)

    def _complete(self, name: str, draft: ConnectionDraft, sender: type[Sender]) -> dict[str, Any]:
        """Return the settings to store: those of the draft, and the stored secrets that it leaves out.

        :raises InvalidInputError: the settings are not valid.
        """
        settings = dict(draft.settings)
        with self._context.database.read() as conn:
            present = connection_store.find_connection(conn, name)
        if present is not None and present["sender"] == draft.sender:
            stored = self._stored(present) or {}
            settings = unmasked(settings, stored)
            for names in secret_fields(sender.Settings).values():
                if names.isdisjoint(settings):
                    settings |= {name: stored[name] for name in names & stored.keys()}
        is_allowed = self._context.settings.provider_addresses.allow
        if faults := [*address_faults(settings, is_allowed=is_allowed), *mask_faults(settings)]:
            raise InvalidInputError(faults)
        self._check_settings(sender, settings)
        return settings

    def _check_settings(self, sender: type[Sender], settings: Mapping[str, Any]) -> None:
        """Check the settings of a connection with the model of its sender, which is code of a plugin.

        :raises InvalidInputError: they are not valid.
        :raises PluginError: the model fails or hangs.
        """
        seconds, kind, threads = self._context.settings.plugin_seconds, sender.kind, self._context.plugins.threads
        check = functools.partial(sender.Settings.model_validate, settings)
        try:
            run_limited(check, seconds=seconds, owner=f"sender-{kind}", threads=threads)
        except ValidationError as error:
            raise InvalidInputError(faults_of(error, prefix="settings")) from error
        except Exception as error:
            fault = str(error) if isinstance(error, TimeLimitError | ExitError) else describe_fault(error)
            log.error("the sender %s failed to check the settings of a connection: %s", kind, fault)  # noqa: TRY400 - its text may hold anything
            raise PluginError(
                f"the sender plugin {kind} failed to check the settings (see the log): repair it, then save again"
            ) from error

    def _views(
        self, conn: Connection, chosen: Sequence[RowMapping], *, among: Sequence[RowMapping]
    ) -> Sequence[ConnectionView]:
        """Return connections as they are shown.

        :param chosen: their rows.
        :param among: the rows of all connections.
        """
        default, causes = default_connections(self._context, conn, among=among), WaitingCauses(self._context, conn)
        sharing, facts = names_by_account(self._context, among), causes.facts
        facts.load_broadcasts_on([row["id"] for row in chosen])
        facts.load_connection_pausers(chosen)
        notes = facts.notes([row["id"] for row in chosen])
        uses = uses_of(facts, [facts.connection(row) for row in chosen], notes)
        return [
            connection_view(
                row,
                self._shown(row["sender"], settings := self._stored(row)),
                default=default == [row["name"]],
                problem=OTHER_KEY if settings is None else problem_of(row["name"], sharing),
                waiting_for=causes.of_connection(row),
                use=use,
                notes=notes.get(row["id"], NO_NOTES),
            )
            for row, use in zip(chosen, uses, strict=True)
        ]

    def _shown(self, kind: str, settings: dict[str, Any] | None) -> dict[str, Any]:
        """Return settings without their secrets; none if they cannot be decrypted."""
        if settings is None:
            return {}
        sender = self._context.plugins.senders.get(kind)
        hidden = settings.keys() if sender is None else frozenset().union(*secret_fields(sender.Settings).values())
        return masked({key: value for key, value in settings.items() if key not in hidden})

    def _wake(self) -> None:
        """Queue turns where a change may have made work due: at the connection, or at the others of its pools."""
        with self._context.database.read() as conn:
            working = broadcast_store.working_connections(conn)
        for key, rank in working:
            self._context.work_queue.turn(key, rank=rank)
