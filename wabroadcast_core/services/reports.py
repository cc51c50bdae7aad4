"""The report of a broadcast: a file with a row for each message."""

from collections.abc import Iterator
from itertools import chain
from typing import Literal, TypeAlias

from wabroadcast_core.audience.sheet_cells import SheetColumns
from wabroadcast_core.audience.table_files import CsvColumns, csv_page, encode_pages
from wabroadcast_core.audience.workbook_files import sheet_pieces
from wabroadcast_core.errors import Fault, InvalidInputError
from wabroadcast_core.models.status import MessageStatus, ReceiptKind
from wabroadcast_core.services.batches import Batches
from wabroadcast_core.services.lookups import broadcast_row
from wabroadcast_core.services.report_columns import HEADER, STORED, ReportColumns
from wabroadcast_core.store.connections import connection_names
from wabroadcast_core.store.message_pages import message_pages
from wabroadcast_core.store.messages import MessageFilter

FileFormat: TypeAlias = Literal["csv", "xlsx"]
Delimiter: TypeAlias = Literal[",", ";"]


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
        pages = message_pages(self.context.database, chosen, *STORED)
        if file_format == "xlsx":
            sheet = SheetColumns()
            columns = map(ReportColumns(job_id, names, sheet).of, pages)
            return sheet_pieces("Messages", HEADER, map(sheet.page, columns))
        lines = CsvColumns(delimiter or ",")
        columns = map(ReportColumns(job_id, names, lines).of, pages)
        header = csv_page([HEADER], delimiter=delimiter or ",")
        return encode_pages(chain([header], map(lines.page, columns)))
