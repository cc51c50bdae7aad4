"""The report of a broadcast: a file with a row for each message."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from sqlalchemy import Row as StoredRow

from wabroadcast_core.audience.cells import lasting_cell, lasting_number, safe_cell
from wabroadcast_core.audience.table_files import Row, csv_pieces
from wabroadcast_core.audience.workbook_files import LONGEST_CELL, workbook_pieces
from wabroadcast_core.errors import Fault, InvalidInputError
from wabroadcast_core.models.status import MessageStatus, ReceiptKind
from wabroadcast_core.services.batches import Batches
from wabroadcast_core.services.lookups import broadcast_row
from wabroadcast_core.store.connections import connection_names
from wabroadcast_core.store.message_pages import message_pages
from wabroadcast_core.store.messages import MessageFilter, position_of
from wabroadcast_core.store.tables import messages

FileFormat: TypeAlias = Literal["csv", "xlsx"]
Delimiter: TypeAlias = Literal[",", ";"]
_Cells: TypeAlias = Sequence[Any]
"""The cells of one column."""

HEADER = (
    "messageId",
    "number",
    "name",
    "status",
    "reason",
    "detail",
    "attempts",
    "batch",
    "connection",
    "providerId",
    "dueAt",
    "sentAt",
    "deliveredAt",
    "readAt",
)
_COLUMNS = (
    messages.c.id,
    messages.c.number,
    messages.c.raw,
    messages.c.name,
    messages.c.status,
    messages.c.reason,
    messages.c.detail,
    messages.c.attempts,
    messages.c.batch,
    messages.c.connection_id,
    messages.c.provider_id,
    messages.c.due_at,
    messages.c.sent_at,
    messages.c.delivered_at,
    messages.c.read_at,
)
KEPT_MOMENTS = 65_536  # seconds whose text is kept: neighbouring messages are sent and read at the same times


class Reports(Batches):
    """The method of :class:`Broadcaster` for reports. The broadcaster inherits it."""

    def report(
        self,
        job_id: str,
        file_format: FileFormat = "csv",
        *,
        status: MessageStatus | None = None,
        reason: str | None = None,
        query: str | None = None,
        batch: int | None = None,
        receipt: ReceiptKind | None = None,
        delimiter: Delimiter | None = None,
    ) -> Iterator[bytes]:
        """Return the messages of a broadcast as a file, in the order of its audience.

        The file is made while it is read: close the iterator to end the work. While the broadcast runs, each message
        has the state that it has when its part of the file is made; messages stored meanwhile are left out. A workbook
        with more messages than a sheet has rows goes on in a further sheet.

        :param reason: the exact reason of the messages.
        :param query: part of a number or a name.
        :param batch: only messages of this batch.
        :param receipt: only messages that were delivered, or read.
        :param delimiter: the character between the cells of a CSV file; by default a comma.
        :returns: the file, in pieces.
        :raises InvalidInputError: a delimiter is given for a workbook.
        :raises NotFoundError: no broadcast has this id.
        """
        if file_format == "xlsx" and delimiter is not None:
            raise InvalidInputError([Fault("delimiter", "a workbook has no delimiter: leave it out")])
        with self.context.database.read() as conn:
            key = broadcast_row(conn, job_id)["id"]
            names = connection_names(conn)
        chosen = MessageFilter(key, status=status, reason=reason, query=query, batch=batch, receipt=receipt)
        pages = message_pages(self.context.database, chosen, *_COLUMNS)
        if file_format == "csv":
            rows = _ReportRows(job_id, names, show_number=lasting_number, show_text=lasting_cell)
            return csv_pieces(HEADER, map(rows.of, pages), delimiter=delimiter or ",")
        rows = _ReportRows(job_id, names, show_number=str, show_text=_sheet_cell)
        return workbook_pieces("Messages", HEADER, map(rows.of, pages))


class _ReportRows:
    """Makes the rows of a report from those of the store, column by column, which takes half the time.

    :param connections: the names of connections by their ids.
    :param show_number: returns a valid number as the file shows it.
    :param show_text: returns any other text as the file shows it.
    """

    def __init__(
        self,
        job_id: str,
        connections: Mapping[int, str],
        *,
        show_number: Callable[[str], str],
        show_text: Callable[[str], str],
    ) -> None:
        self._job_id = job_id
        self._connections = {key: show_text(name) for key, name in connections.items()}
        self._show_number = show_number
        self._show_text = show_text

    def of(self, page: Sequence[StoredRow[Any]]) -> Iterator[Row]:
        """Return the rows of a page."""
        return zip(*self._columns(*zip(*page, strict=True)), strict=True) if page else iter(())

    def _columns(
        self, keys: _Cells, numbers: _Cells, raws: _Cells, names: _Cells, statuses: _Cells, reasons: _Cells,
        details: _Cells, attempts: _Cells, batches: _Cells, connections: _Cells, provider_ids: _Cells, *moments: _Cells,
    ) -> Sequence[_Cells]:  # fmt: skip
        show = self._show_number
        shown = [show(number) if number else "" for number in numbers]
        return (
            [f"{self._job_id}-{position_of(key)}" for key in keys],
            [number or raw for number, raw in zip(shown, self._texts(raws), strict=True)],
            self._texts(names),
            statuses,
            self._texts(reasons),
            self._texts(details),
            attempts,
            batches,
            [*map(self._connections.get, connections)],
            self._texts(provider_ids),
            *([None if moment is None else _moment_text(int(moment)) for moment in column] for column in moments),
        )

    def _texts(self, cells: _Cells) -> _Cells:
        show = self._show_text
        return [show(cell) if cell else None for cell in cells]


def _sheet_cell(text: str) -> str:
    return safe_cell(text)[:LONGEST_CELL]


@lru_cache(KEPT_MOMENTS)
def _moment_text(second: int) -> str:
    """Return a time (UNIX seconds) as the API writes it."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
