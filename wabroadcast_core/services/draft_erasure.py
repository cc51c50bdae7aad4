"""The erasure of a person from the audiences of drafts: an upload that has the person becomes a list without.

The audience of a broadcast is read once; that of a draft may wait for years, so it is searched.
"""

import logging
import uuid
from collections.abc import Iterator

from sqlalchemy import Connection, RowMapping

from wabroadcast_core.audience.inline_recipients import INLINE_TYPE, row_line
from wabroadcast_core.audience.numbers import normal_number
from wabroadcast_core.audience.sources import open_source, read_source, region_of
from wabroadcast_core.context import Context
from wabroadcast_core.errors import BroadcastError, NumberError, UnavailableError
from wabroadcast_core.models.draft import DraftFields
from wabroadcast_core.models.recipient import AudienceRow
from wabroadcast_core.plugin_faults import PLUGIN_FAULTS, describe_fault
from wabroadcast_core.services.draft_fields import read_fields
from wabroadcast_core.services.draft_rows import delete_unneeded, write_draft
from wabroadcast_core.store import drafts as draft_store
from wabroadcast_core.store.retention import uploads_named
from wabroadcast_core.store.uploads import store_upload

log = logging.getLogger(__name__)


class DraftErasure:
    """The erasure of one number from all drafts.

    :param number: in E.164.
    """

    def __init__(self, context: Context, number: str) -> None:
        self._context = context
        self._number = number
        self.erased = 0
        """Drafts whose audience had the person."""
        self.unread = 0
        """Drafts whose audience could not be read."""

    def erase(self, *, actor: str) -> None:
        """Erase the person from each draft that was not submitted."""
        with self._context.database.read() as conn:
            rows = draft_store.drafts_with_sources(conn)
        for row in rows:
            self._erase_from(row["id"], actor=actor)

    def _erase_from(self, draft_id: str, *, actor: str) -> None:
        """Replace the audience of a draft; again if it was changed meanwhile."""
        while (row := self._open_row(draft_id)) is not None:
            fields = read_fields(row)
            if not self._has_person(draft_id, fields):
                return
            list_id = self._list_without(fields)
            changed = fields.model_copy(update={"source": {"type": "inline", "uploadId": list_id}})
            if self._replace(row, changed, actor=actor):
                self.erased += 1
                for upload_id in sorted(uploads_named(row["fields"])):
                    delete_unneeded(self._context.database, upload_id)
                return
            delete_unneeded(self._context.database, list_id)

    def _open_row(self, draft_id: str) -> RowMapping | None:
        with self._context.database.read() as conn:
            row = draft_store.find_draft(conn, draft_id)
        return None if row is None or row["broadcast_id"] is not None else row

    def _has_person(self, draft_id: str, fields: DraftFields) -> bool:
        """Return whether the audience has the person; an audience that cannot be read is counted."""
        upload_id = (fields.source or {}).get("uploadId")
        if not isinstance(upload_id, str):
            return False
        with self._context.database.read() as conn:
            if draft_store.missing_uploads(conn, [upload_id]):
                return False
        try:
            return any(is_person for _, is_person in self._rows(fields))
        except UnavailableError:
            raise
        except PLUGIN_FAULTS as error:
            cause = str(error) if isinstance(error, BroadcastError) else describe_fault(error)
            log.warning("draft %s was not searched for a person who is erased: %s", draft_id, cause)
            self.unread += 1
            return False

    def _list_without(self, fields: DraftFields) -> str:
        """Store the audience without the person as a list.

        :returns: the id of the upload.
        """
        database = self._context.database
        now = self._context.clock.now()
        with store_upload(database, str(uuid.uuid4()), now=now, content_type=INLINE_TYPE) as writer:
            for row, is_person in self._rows(fields):
                if not is_person:
                    writer.write(row_line(row))
        return writer.key

    def _rows(self, fields: DraftFields) -> Iterator[tuple[AudienceRow, bool]]:
        """Yield each row of an audience, and whether it has the person's number."""
        source = open_source(self._context, fields.source or {})
        seconds = self._context.settings.source_seconds
        with read_source(self._context, source, seconds=seconds) as reader:
            for row in reader.rows():
                region = region_of(source, default=self._context.settings.default_region)
                yield row, self._has_number(row, region=region)

    def _has_number(self, row: AudienceRow, *, region: str) -> bool:
        try:
            return normal_number(row.number, region=region) == self._number
        except NumberError:
            return False

    def _replace(self, row: RowMapping, fields: DraftFields, *, actor: str) -> bool:
        def transaction(conn: Connection) -> bool:
            present = draft_store.find_draft(conn, row["id"], lock=True)
            if present is None or present["version"] != row["version"]:
                return False
            write_draft(conn, row["id"], fields, actor=actor, now=self._context.clock.now())
            return True

        return self._context.database.transact(transaction)
