"""Messages as they are shown, each with the cause for which it waits."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from sqlalchemy import Connection, RowMapping

from wabroadcast_core.audience.source_rows import find_rows
from wabroadcast_core.context import Context
from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.message import MessageView
from wabroadcast_core.models.status import BroadcastStatus
from wabroadcast_core.services.views import message_view
from wabroadcast_core.store.connections import connection_names
from wabroadcast_core.store.messages import position_of
from wabroadcast_core.waiting.causes import WaitingCauses

AnyView = TypeVar("AnyView", bound=MessageView)


def message_views(
    context: Context, conn: Connection, rows: Iterable[RowMapping], broadcasts: Mapping[int, RowMapping]
) -> list[MessageView]:
    """Return messages as they are shown.

    :param rows: of the table ``messages``.
    :param broadcasts: the rows of their broadcasts by id.
    """
    return views_with(WaitingCauses(context, conn), rows, broadcasts, connections=connection_names(conn))


def views_with(
    causes: WaitingCauses,
    rows: Iterable[RowMapping],
    broadcasts: Mapping[int, RowMapping],
    *,
    connections: Mapping[int, str],
) -> list[MessageView]:
    """Return messages as they are shown, with the causes that ``causes`` finds.

    :param connections: the names of connections by their ids.
    """
    causes.facts.load_pools(row for row in broadcasts.values() if row["status"] == BroadcastStatus.PROCESSING)
    views = []
    for row in rows:
        broadcast = broadcasts[row["broadcast_id"]]
        cause = causes.of_message(broadcast, row)
        views.append(message_view(row, job_id=broadcast["job_id"], connections=connections, waiting_for=cause))
    return views


def with_file_rows(
    context: Context, broadcast: RowMapping, views: Sequence[AnyView], messages: Sequence[RowMapping]
) -> list[AnyView]:
    """Return messages with the rows of the audience's file that they come from, where these are known.

    :param broadcast: the row of their broadcast.
    :param messages: the rows of the messages, in the order of the views.
    """
    draft = BroadcastDraft.model_validate_json(broadcast["draft"])
    positions = [position_of(message["id"]) for message in messages]
    rows = find_rows(context, draft.source or {}, set(positions))
    return [
        view.model_copy(update={"row": rows.get(position)}) for view, position in zip(views, positions, strict=True)
    ]
