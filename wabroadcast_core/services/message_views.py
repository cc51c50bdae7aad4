"""Messages of one broadcast as they are shown, each with the cause for which it waits."""

from collections.abc import Iterable

from sqlalchemy import Connection, RowMapping

from wabroadcast_core.context import Context
from wabroadcast_core.models.message import MessageView
from wabroadcast_core.services.lookups import connection_names
from wabroadcast_core.services.views import message_view
from wabroadcast_core.waiting.causes import WaitingCauses


def message_views(
    context: Context, conn: Connection, broadcast: RowMapping, rows: Iterable[RowMapping]
) -> list[MessageView]:
    """Return messages as they are shown.

    :param broadcast: the row of their broadcast.
    :param rows: of the table ``messages``.
    """
    names, causes = connection_names(conn), WaitingCauses(context, conn)
    return [
        message_view(row, job_id=broadcast["job_id"], connections=names, waiting_for=causes.of_message(broadcast, row))
        for row in rows
    ]
