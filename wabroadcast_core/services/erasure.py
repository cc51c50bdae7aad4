"""The erasure of a person from the contact book and from all messages. The counts of broadcasts do not change."""

import contextlib
from collections import defaultdict
from collections.abc import Sequence

import phonenumbers
import redis
from sqlalchemy import Connection

from wabroadcast_core.audience.numbers import normal_number
from wabroadcast_core.context import Context
from wabroadcast_core.control.announcements import Announcement, announce
from wabroadcast_core.models.activity import ActObject
from wabroadcast_core.models.contact import ErasureReport
from wabroadcast_core.sentence_texts import say
from wabroadcast_core.services.draft_erasure import DraftErasure
from wabroadcast_core.store import audit_log
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import contacts as contact_store
from wabroadcast_core.store import erased as erased_store
from wabroadcast_core.store import identities as identity_store
from wabroadcast_core.store import retention as retention_store
from wabroadcast_core.store.changes import Changes
from wabroadcast_core.store.erased import Blanked

STEP = 1_000  # messages or rows in one transaction


class Erasure:
    """The erasure of one number. After a crash, a second erasure completes the first one.

    The blacklist and its history stay: without the entry, the opt-out would be lost. The copy of an audience is deleted
    once it was read. The audiences of drafts are searched. Other uploaded files are not: they are deleted some days
    after their last use (``keep_files_days``), or at once with ``uploads.delete``.

    :raises NumberError: the number is not valid.
    """

    def __init__(self, context: Context, number: str) -> None:
        self._context = context
        self._number = normal_number(number, region=context.settings.default_region)
        self._report = ErasureReport(contact=False, messages=0, cancelled=0, under_way=0, pending=0)

    def erase(self, *, actor: str) -> ErasureReport:
        """Erase the person and announce the number to the running turns.

        :returns: the report; data that was erased before is not counted.
        """
        database = self._context.database
        self._report.contact = database.transact(lambda conn: contact_store.delete_contact(conn, self._number))
        self._erase_by_number()
        announce(self._context.redis, self._context.keys, Announcement(numbers=[self._number]))
        self._erase_skipped()
        self._erase_rejected_rows()
        self._erase_from_drafts(actor)
        self._delete_ids()
        if self._report.contact or self._report.messages or self._report.drafts:
            self._record(actor)
        return self._report

    def _erase_by_number(self) -> None:
        """Erase the messages that were prepared for the number."""
        after = 0
        while keys := self._keys_after(after):
            self._blank(keys)
            after = keys[-1]

    def _keys_after(self, after: int) -> Sequence[int]:
        with self._context.database.read() as conn:
            return erased_store.keys_to(conn, self._number, after=after, limit=STEP)

    def _erase_skipped(self) -> None:
        """Erase the messages that the preparation skipped, and tests that were rendered for the person.

        A message that is erased has the number no more.
        """
        while keys := self._skipped_keys():
            self._blank(keys)

    def _skipped_keys(self) -> Sequence[int]:
        with self._context.database.read() as conn:
            return erased_store.skipped_keys_to(conn, self._number, limit=STEP)

    def _erase_rejected_rows(self) -> None:
        """Blank the rejected rows of imports that have the number, in any notation."""
        country = phonenumbers.parse(self._number).country_code
        rows: dict[str, list[int]] = defaultdict(list)
        with self._context.database.read() as conn:
            for import_id, row in retention_store.rejections_with(conn, self._number.removeprefix(f"+{country}")):
                rows[import_id].append(row)
        for import_id, found in rows.items():
            for start in range(0, len(found), STEP):
                with self._context.database.write() as conn:
                    retention_store.blank_rejections(conn, import_id, found[start : start + STEP])

    def _erase_from_drafts(self, actor: str) -> None:
        drafts = DraftErasure(self._context, self._number)
        drafts.erase(actor=actor)
        self._report.drafts, self._report.unread_drafts = drafts.erased, drafts.unread

    def _blank(self, keys: Sequence[int]) -> None:
        def transaction(conn: Connection) -> tuple[Blanked, list[int]]:
            changes = Changes()
            blanked = erased_store.blank_messages(conn, keys, changes=changes)
            return blanked, broadcast_store.apply_changes(conn, changes, now=self._context.clock.now())

        blanked, changed = self._context.database.transact(transaction)
        self._report.messages += blanked.messages
        self._report.cancelled += blanked.cancelled
        self._report.under_way += blanked.claimed
        self._report.pending += blanked.pending
        self._context.changed(changed)

    def _delete_ids(self) -> None:
        """Delete WhatsApp's ids of the person and the result of the number check."""
        with self._context.database.write() as conn:
            identity_store.delete_identities(conn, self._number)
        with contextlib.suppress(redis.RedisError):  # it expires within days by itself
            self._context.redis.delete(self._context.keys.number_check(self._number))

    def _record(self, actor: str) -> None:
        """Record that a person was erased, but not which one."""
        with self._context.database.write() as conn:
            audit_log.record_action(
                conn,
                action="erase",
                actor=actor,
                now=self._context.clock.now(),
                other=ActObject.CONTACT,
                detail=say("messages", n=self._report.messages),
            )
