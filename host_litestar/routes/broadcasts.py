"""Broadcasts: submit, preview, list, show, change, pause, resume, cancel, retry."""

from contextlib import closing
from typing import IO, Annotated

from litestar import Response, get, patch, post
from litestar.params import HeaderParameter, JSONBody, QueryParameter

from host_litestar.openapi import SUMMARY_EXAMPLE, SubmitOperation, answers
from host_litestar.problems import problems
from host_litestar.request_bodies import body_pieces
from host_litestar.request_reading import STREAMS_BODY, AnyRequest
from host_litestar.routes.control import broadcast_control, control_route
from host_litestar.routes.controller import ApiController
from host_litestar.routes.parameters import Actor, BroadcasterDep, JobId, PageNumber, PageSize, SearchText
from host_litestar.routes.submission import read_draft, read_recipients, spool_body
from host_litestar.threads import CONTROL, PREVIEWS, SUBMITS
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.broadcast import (
    BatchView,
    BroadcastDetail,
    BroadcastPatch,
    BroadcastProgress,
    BroadcastSummary,
    ListedBroadcast,
)
from wabroadcast_core.models.page import Page
from wabroadcast_core.models.preview import Preview
from wabroadcast_core.models.status import BroadcastStatus, MessageStatus, Priority


class BroadcastController(ApiController):
    """Routes under ``/broadcast``."""

    path = "/broadcast"
    tags = ("Broadcasts",)

    @post(
        status_code=202,
        opt=STREAMS_BODY,
        operation_id="SubmitBroadcast",
        operation_class=SubmitOperation,
        responses=problems(409, 413) | answers(202, BroadcastSummary, SUMMARY_EXAMPLE),
    )
    async def submit(
        self,
        request: AnyRequest,
        broadcaster: BroadcasterDep,
        actor: Actor,
        idempotency_key: Annotated[
            str | None,
            HeaderParameter(
                name="Idempotency-Key",
                min_length=1,
                max_length=255,
                description="A text of your choice. A repeated submit with it and the same body is the same broadcast.",
            ),
        ] = None,
    ) -> Response[BroadcastSummary]:
        """Submit a broadcast: a message and its audience. The broadcast is stored before the response is sent.

        The header `Location` of the response has the path of the broadcast.
        """
        body = await spool_body(body_pieces(request))
        broadcast = await SUBMITS.run(_submit, broadcaster, body, idempotency_key, actor)
        return Response(broadcast, headers={"Location": f"{request.url.path.rstrip('/')}/{broadcast.job_id}"})

    @post(
        "/preview",
        status_code=200,
        opt=STREAMS_BODY,
        operation_id="PreviewBroadcast",
        operation_class=SubmitOperation,
        responses=problems(413),
    )
    async def preview(self, request: AnyRequest, broadcaster: BroadcasterDep) -> Preview:
        """Preview a submit of the same body. Nothing is stored and nothing is sent.

        The response has the number of recipients, those who are left out with the reasons, some rendered messages and
        the estimated end.
        """
        body = await spool_body(body_pieces(request))
        return await PREVIEWS.run(_preview, broadcaster, body)

    @get("/jobs", operation_id="ListBroadcasts", sync_to_thread=True, responses=problems())
    def list_broadcasts(
        self,
        broadcaster: BroadcasterDep,
        search: SearchText = None,
        status: Annotated[
            BroadcastStatus | None, QueryParameter(description="Only broadcasts with this status.")
        ] = None,
        priority: Annotated[Priority | None, QueryParameter(description="Only broadcasts of this priority.")] = None,
        connection: Annotated[
            str | None, QueryParameter(description="Only broadcasts through this connection.")
        ] = None,
        id_prefix: Annotated[
            str | None, QueryParameter(name="idPrefix", max_length=200, description="The beginning of a job id.")
        ] = None,
        page: PageNumber = 1,
        page_size: PageSize = 50,
    ) -> Page[ListedBroadcast]:
        """List broadcasts, the newest first."""
        return broadcaster.list(
            status=status,
            priority=priority,
            connection=connection,
            query=search,
            id_prefix=id_prefix,
            page=page,
            page_size=page_size,
        )

    @get("/{jobId:str}", operation_id="GetBroadcast", sync_to_thread=True, responses=problems(404))
    def show(self, job_id: JobId, broadcaster: BroadcasterDep) -> BroadcastDetail:
        """Return a broadcast as it was submitted, with its progress and its audit log."""
        return broadcaster.get(job_id)

    @get("/{jobId:str}/status", operation_id="GetBroadcastStatus", responses=problems(404))
    @CONTROL
    def status(self, job_id: JobId, broadcaster: BroadcasterDep) -> BroadcastProgress:
        """Return the progress of a broadcast: counts by status and reason, why it waits, rate and estimated end."""
        return broadcaster.status(job_id)

    @get("/{jobId:str}/batches", operation_id="ListBatches", sync_to_thread=True, responses=problems(404))
    def list_batches(
        self, job_id: JobId, broadcaster: BroadcasterDep, page: PageNumber = 1, page_size: PageSize = 50
    ) -> Page[BatchView]:
        """List the batches of a broadcast, each with its state; none if the broadcast is not sent in batches."""
        return broadcaster.batches(job_id, page=page, page_size=page_size)

    @patch("/{jobId:str}", operation_id="RescheduleBroadcast", sync_to_thread=True, responses=problems(404, 409))
    def reschedule(
        self, job_id: JobId, data: JSONBody[BroadcastPatch], broadcaster: BroadcasterDep, actor: Actor
    ) -> BroadcastSummary:
        """Change the start time or the name of a broadcast that has not started."""
        return broadcaster.reschedule(job_id, data, actor=actor)

    pause = broadcast_control(
        "pause",
        operation_id="PauseBroadcast",
        description="Pause a broadcast, or one batch: no message of it starts until it is resumed.",
    )
    resume = broadcast_control(
        "resume",
        operation_id="ResumeBroadcast",
        description="Continue a paused broadcast or batch. No message is sent twice, and none is lost.",
    )
    cancel = broadcast_control(
        "cancel",
        operation_id="CancelBroadcast",
        description="End a broadcast, or one batch: messages that have not left yet are never sent.",
    )

    @control_route("/retry/{jobId:str}", operation_id="RetryBroadcast")
    def retry(
        self,
        job_id: JobId,
        broadcaster: BroadcasterDep,
        actor: Actor,
        status: Annotated[
            MessageStatus, QueryParameter(description="Which messages are sent again: failed or unknown.")
        ] = MessageStatus.FAILED,
        code: Annotated[str | None, QueryParameter(description="Only messages with this reason.")] = None,
    ) -> BroadcastSummary:
        """Send failed messages again, or with `status=unknown` messages whose outcome is unknown."""
        return broadcaster.retry(job_id, status=status, code=code, actor=actor)


def _submit(broadcaster: Broadcaster, body: IO[bytes], idempotency_key: str | None, actor: str) -> BroadcastSummary:
    with closing(body):
        draft, has_recipients = read_draft(body)
        recipients = read_recipients(body) if has_recipients else None
        return broadcaster.submit(draft, recipients, idempotency_key=idempotency_key, actor=actor)


def _preview(broadcaster: Broadcaster, body: IO[bytes]) -> Preview:
    with closing(body):
        draft, has_recipients = read_draft(body)
        return broadcaster.preview(draft, read_recipients(body) if has_recipients else None)
