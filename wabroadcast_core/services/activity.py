"""Use cases of the activity: who did what, to all objects, as pages and as a file."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from pydantic.alias_generators import to_camel
from sqlalchemy import RowMapping

from wabroadcast_core.audience.cells import lasting_cell
from wabroadcast_core.audience.numbers import normal_number
from wabroadcast_core.audience.table_files import csv_pieces
from wabroadcast_core.context import Context
from wabroadcast_core.errors import Fault, InvalidInputError, NumberError
from wabroadcast_core.models.activity import Activity, ActivityFilter, ActObject
from wabroadcast_core.models.base import as_utc, parse_model
from wabroadcast_core.models.page import CursorPage
from wabroadcast_core.store import activity as activity_store
from wabroadcast_core.store.activity import Place
from wabroadcast_core.store.blacklist import REMARK

EXPORT_PAGE = 1_000
_CURSOR = re.compile(r"(\d{1,18}(?:\.\d{1,18})?)-(\d{1,18})", re.ASCII)
TITLES = [to_camel(name) for name in Activity.model_fields]


class ActivityLog:
    """``broadcaster.activity``: all acts on all objects, newest first."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def list(
        self,
        *,
        object: ActObject | str | None = None,  # noqa: A002 - the name in the API
        object_id: str | None = None,
        actor: str | None = None,
        action: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> CursorPage[Activity]:
        """Return a page of acts: of all, or those for which all that is given holds.

        :param object: the kind of what was changed.
        :param object_id: its job id, draft id, name or number.
        :param since: acts at this time or later; with an offset.
        :param until: acts before this time; with an offset.
        :param cursor: the ``next_cursor`` of the page before.
        :raises InvalidInputError: an argument is not valid.
        """
        chosen = self._parse(object=object, object_id=object_id, actor=actor, action=action, since=since, until=until)
        rows = self._rows(chosen, None if cursor is None else _read_cursor(cursor), limit + 1)
        next_cursor = _cursor_of(rows[limit - 1]) if len(rows) > limit else None
        return CursorPage(items=[_activity(row) for row in rows[:limit]], next_cursor=next_cursor, page_size=limit)

    def export(
        self,
        *,
        object: ActObject | str | None = None,  # noqa: A002 - the name in the API
        object_id: str | None = None,
        actor: str | None = None,
        action: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
    ) -> Iterator[bytes]:
        """Export the acts that :meth:`list` returns, as CSV. The use of memory does not grow with their number.

        :returns: the pieces of the file.
        :raises InvalidInputError: an argument is not valid.
        """
        chosen = self._parse(object=object, object_id=object_id, actor=actor, action=action, since=since, until=until)
        return csv_pieces(TITLES, self._pages(chosen))

    def _pages(self, chosen: ActivityFilter) -> Iterator[Sequence[Sequence[str]]]:
        before = None
        while rows := self._rows(chosen, before, EXPORT_PAGE):
            yield [_cells(_activity(row)) for row in rows]
            before = _place_of(rows[-1])

    def _rows(self, chosen: ActivityFilter, before: Place | None, limit: int) -> Sequence[RowMapping]:
        with self._context.database.read() as conn:
            return activity_store.list_acts(conn, chosen, before=before, limit=limit)

    def _parse(self, **chosen: object) -> ActivityFilter:
        """Return the filter, with a number of the blacklist in E.164."""
        parsed = parse_model(ActivityFilter, chosen)
        if parsed.object is not ActObject.BLACKLIST or parsed.object_id is None:
            return parsed
        try:
            number = normal_number(parsed.object_id, region=self._context.settings.default_region)
        except NumberError as error:
            raise InvalidInputError([Fault("objectId", error.reason)]) from None
        return parsed.model_copy(update={"object_id": number})


def _activity(row: RowMapping) -> Activity:
    kind = ActObject(row["kind"])
    object_id, detail = row["object_id"], row["detail"]
    if kind is ActObject.BLACKLIST:
        object_id, _, detail = detail.partition(REMARK)
    return Activity(
        at=as_utc(row["at"]),
        actor=row["actor"],
        action=row["act"],
        object=kind,
        object_id=object_id or row["job_id"] or row["connection"],
        object_name=row["broadcast"],
        detail=detail or None,
    )


def _place_of(row: RowMapping) -> Place:
    return Place(row["at"], row["id"])


def _cursor_of(row: RowMapping) -> str:
    return f"{row['at']!r}-{row['id']}"


def _read_cursor(cursor: str) -> Place:
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise InvalidInputError([Fault("cursor", "not a cursor: use the nextCursor of the page before")])
    return Place(float(found[1]), int(found[2]))


def _cells(activity: Activity) -> list[str]:
    return [lasting_cell(cell) for cell in activity.model_dump(mode="json").values()]
