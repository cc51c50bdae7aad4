"""The report of a broadcast, which is its messages as a file, and its counts by minute."""

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from host_litestar.file_streams import FileStream
from host_litestar.openapi import FILE_TYPES, ExportOperation
from host_litestar.problems import problems
from host_litestar.routes.controller import ApiController
from host_litestar.routes.parameters import (
    Batch,
    BroadcasterDep,
    FileKind,
    JobId,
    ReasonFilter,
    ReceiptFilter,
    SearchText,
    Since,
    StatusFilter,
    Until,
    read_span,
)
from wabroadcast_core.models.rates import PeriodSeconds, Rates
from wabroadcast_core.services.reports import Delimiter


class ReportController(ApiController):
    """Routes under ``/broadcast/{jobId}`` for reports and rates."""

    path = "/broadcast/{jobId:str}"
    tags = ("Messages",)

    @get(
        "/report",
        operation_id="ReportBroadcast",
        operation_class=ExportOperation,
        sync_to_thread=True,
        responses=problems(404),
    )
    def report(
        self,
        job_id: JobId,
        broadcaster: BroadcasterDep,
        search: SearchText = None,
        status: StatusFilter = None,
        reason: ReasonFilter = None,
        receipt: ReceiptFilter = None,
        batch: Batch = None,
        format: FileKind = "csv",  # noqa: A002 - the parameter's name
        delimiter: Annotated[
            Delimiter | None, QueryParameter(description="Between the cells of a CSV file; by default a comma.")
        ] = None,
    ) -> FileStream:
        """Report the messages of a broadcast, or some of them, as CSV or as an Excel workbook (`format=xlsx`).

        The file is streamed while it is made. While the broadcast runs, each message has the state of that moment.
        """
        pieces = broadcaster.report(
            job_id,
            format,
            status=status,
            reason=reason,
            receipt=receipt,
            query=search,
            batch=batch,
            delimiter=delimiter,
        )
        headers = {"Content-Disposition": f'attachment; filename="broadcast-{job_id}.{format}"'}
        return FileStream(pieces, media_type=FILE_TYPES[format], headers=headers)

    @get("/rates", operation_id="GetBroadcastRates", sync_to_thread=True, responses=problems(404))
    def rates(
        self,
        job_id: JobId,
        broadcaster: BroadcasterDep,
        since: Since = None,
        until: Until = None,
        per_seconds: Annotated[
            PeriodSeconds | None,
            QueryParameter(name="perSeconds", description="By default the shortest with at most 1,440 periods."),
        ] = None,
    ) -> Rates:
        """Return how many messages were sent, failed, delivered and read, by minute and connection.

        Minutes are kept for 30 days, then hours. Periods in which nothing happened are left out, and those that begin
        outside `since` and `until`.
        """
        span = read_span(since, until)
        return broadcaster.rates(job_id, since=span.since, until=span.until, per_seconds=per_seconds)
