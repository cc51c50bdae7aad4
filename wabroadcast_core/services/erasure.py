"""Erasing a person: out of the contact book and out of every message, while all counts stay what they were."""

import contextlib
from collections import Counter
from collections.abc import Sequence

import redis
from sqlalchemy import Connection

from wabroadcast_core.audience.numbers import normal_number
from wabroadcast_core.context import Context
from wabroadcast_core.control.announcements import Announcement, announce
from wabroadcast_core.models.contact import ErasureReport
from wabroadcast_core.store import audit_log
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import contacts as contact_store
from wabroadcast_core.store import erased as erased_store
from wabroadcast_core.store import identities as identity_store
from wabroadcast_core.store.erased import Blanked
from wabroadcast_core.store.messages import Changes

STEP = 1_000  # messages in one transaction


class Erasure:
    """Of one number. What a crash leaves undone is done by erasing again.

    The blacklist is left alone, with its history: without the entry nobody would know whom not to message. So are
    files that were handed in, and what an import rejected of them.
    """

    def __init__(self, context: Context, number: str) -> None:
        """:raises NumberError: this is no number."""
        self._context = context
        self._number = normal_number(number, region=context.settings.default_region)
        self._report = ErasureReport(contact=False, messages=0, cancelled=0, under_way=0, pending=0)

    def erase(self, *, actor: str) -> ErasureReport:
        """Erase, and tell running turns. What was not there any more is not counted."""
        database = self._context.database
        self._report.contact = database.transact(
            lambda connection: contact_store.delete_contact(connection, self._number)
        )
        self._erase_sent_to()
        announce(self._context.redis, self._context.keys, Announcement(numbers=[self._number]))
        self._erase_skipped()
        self._forget_ids()
        if self._report.contact or self._report.messages:
            self._note(actor)
        return self._report

    def _erase_sent_to(self) -> None:
        """The messages that have the number, by its index."""
        after = 0
        while keys := self._keys_after(after):
            self._blank(keys)
            after = keys[-1]

    def _keys_after(self, after: int) -> Sequence[int]:
        with self._context.database.read() as conn:
            return erased_store.keys_to(conn, self._number, after=after, limit=STEP)

    def _erase_skipped(self) -> None:
        """The messages that were never to be tried, broadcast by broadcast."""
        with self._context.database.read() as conn:
            broadcasts = broadcast_store.with_skipped(conn)
        for broadcast_id in broadcasts:
            with self._context.database.read() as conn:
                keys = erased_store.skipped_keys_to(conn, self._number, broadcast_id=broadcast_id)
            for start in range(0, len(keys), STEP):
                self._blank(keys[start : start + STEP])

    def _blank(self, keys: Sequence[int]) -> None:
        def transaction(conn: Connection) -> tuple[Blanked, list[int]]:
            changes: Changes = Counter()
            blanked = erased_store.blank_messages(conn, keys, changes=changes)
            return blanked, broadcast_store.apply_changes(conn, changes, now=self._context.clock.now())

        blanked, changed = self._context.database.transact(transaction)
        self._report.messages += blanked.messages
        self._report.cancelled += blanked.cancelled
        self._report.under_way += blanked.claimed
        self._report.pending += blanked.pending
        self._context.changed(changed)

    def _forget_ids(self) -> None:
        """What WhatsApp calls the person, and whether it found them."""
        with self._context.database.write() as conn:
            identity_store.forget_identities(conn, self._number)
        with contextlib.suppress(redis.RedisError):  # it expires within days by itself
            self._context.redis.delete(self._context.keys.number_check(self._number))

    def _note(self, actor: str) -> None:
        """Keep that somebody was erased, not who."""
        with self._context.database.write() as conn:
            audit_log.record_act(
                conn,
                act="erase",
                actor=actor,
                now=self._context.clock.now(),
                detail=f"{self._report.messages} messages",
            )
