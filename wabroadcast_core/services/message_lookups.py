"""One message as a whole, and the messages to a number."""

from sqlalchemy import Connection, RowMapping

from wabroadcast_core.audience.numbers import normal_number
from wabroadcast_core.errors import NotFoundError
from wabroadcast_core.models.message_detail import FoundMessage, MessageDetail
from wabroadcast_core.models.page import CursorPage
from wabroadcast_core.reasons.catalogue import DEFAULT_LANGUAGE, Catalogue
from wabroadcast_core.services.batches import Batches
from wabroadcast_core.services.lookups import broadcast_row, message_key
from wabroadcast_core.services.message_details import detail_of_message
from wabroadcast_core.services.message_views import message_views, with_file_rows
from wabroadcast_core.store import attempts as attempt_store
from wabroadcast_core.store import audit_log, message_search
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store import messages as message_store
from wabroadcast_core.store.messages import position_of


class MessageLookups(Batches):
    """The methods of :class:`Broadcaster` that look messages up. The broadcaster inherits them."""

    reasons: Catalogue

    def message(self, job_id: str, message_id: str, *, language: str = DEFAULT_LANGUAGE) -> MessageDetail:
        """Return one message: its text as it was or would be sent, its attempts, receipts and acts.

        It costs a few reads by keys, whatever the size of the broadcast.

        :param language: of the explanation of its reason.
        :raises NotFoundError: no broadcast or message has this id.
        """
        with self.context.database.read() as conn:
            broadcast = broadcast_row(conn, job_id)
            return self._detail(conn, broadcast, message_key(broadcast, message_id), language=language)

    def messages_to(
        self,
        number: str,
        *,
        job_id: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
        with_rows: bool = False,
    ) -> CursorPage[FoundMessage]:
        """Return a page of the messages to a number over all broadcasts, the newest first.

        Two indexes have them in this order: a page costs what it shows, whatever is stored.

        :param number: in any spelling.
        :param job_id: only messages of this broadcast.
        :param cursor: the ``next_cursor`` of the page before.
        :param with_rows: with ``job_id``: whether to add the rows of its file, which is read again for that.
        :raises NumberError: the number is not valid.
        :raises NotFoundError: no broadcast has this id, or the cursor is no message.
        """
        normal = normal_number(number, region=self.context.settings.default_region)
        with self.context.database.read() as conn:
            broadcast = None if job_id is None else broadcast_row(conn, job_id)
            broadcast_id = None if broadcast is None else broadcast["id"]
            before = None if cursor is None else _key_of(conn, cursor)
            rows = message_search.messages_to(conn, normal, broadcast_id=broadcast_id, before=before, limit=limit + 1)
            items = self._found(conn, rows[:limit])
        if with_rows and broadcast is not None:
            items = with_file_rows(self.context, broadcast, items, rows[:limit])
        next_cursor = items[-1].message_id if len(rows) > limit else None
        return CursorPage(items=items, next_cursor=next_cursor, page_size=limit)

    def _detail(self, conn: Connection, broadcast: RowMapping, key: int, *, language: str) -> MessageDetail:
        """Return a message as a whole.

        :param broadcast: the row of its broadcast.
        :raises NotFoundError: there is no such message.
        """
        row = message_store.find_message(conn, key)
        if row is None:
            raise NotFoundError("message", f"{broadcast['job_id']}-{position_of(key)}")
        [view] = message_views(self.context, conn, [row], {broadcast["id"]: broadcast})
        connection = connection_store.get_connection(conn, row["connection_id"] or 0)
        sender = None if connection is None else connection["sender"]
        reason = view.reason
        return detail_of_message(
            view,
            broadcast=broadcast,
            row=row,
            attempts=attempt_store.attempts_of(conn, key),
            acts=audit_log.actions_on_message(conn, broadcast["id"], position=position_of(key), batch=row["batch"]),
            connections=connection_store.connection_names(conn),
            explanation=None if reason is None else self.reasons.explain(reason, language=language, sender=sender),
        )

    def _found(self, conn: Connection, rows: list[RowMapping]) -> list[FoundMessage]:
        broadcasts = message_search.broadcasts_of(conn, [row["id"] for row in rows])
        found = []
        for row, view in zip(rows, message_views(self.context, conn, rows, broadcasts), strict=True):
            broadcast = broadcasts[row["broadcast_id"]]
            found.append(FoundMessage(**dict(view), job_id=broadcast["job_id"], broadcast=broadcast["name"]))
        return found


def _key_of(conn: Connection, message_id: str) -> int:
    """Return the key of a message by its public id, whose first part is the id of its broadcast.

    :raises NotFoundError: there is no such broadcast, or the id is none of a message.
    """
    job_id, _, _ = message_id.rpartition("-")
    return message_key(broadcast_row(conn, job_id), message_id)
