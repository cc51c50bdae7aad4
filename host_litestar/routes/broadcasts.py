"""Broadcasts: submit, look, control."""

from contextlib import closing
from typing import IO, Annotated, Any

from litestar import Controller, Request, get, patch, post
from litestar.concurrency import sync_to_thread
from litestar.exceptions import HTTPException
from litestar.params import FromQuery, HeaderParameter, JSONBody, QueryParameter

from host_litestar.openapi import SUMMARY_EXAMPLE, SubmitOperation, answers
from host_litestar.problems import problems
from host_litestar.routes.parameters import Actor, Batch, BroadcasterDep, JobId, PageNumber, PageSize, SearchText
from host_litestar.routes.submission import read_draft, read_recipients, spool_body
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.broadcast import BroadcastDetail, BroadcastPatch, BroadcastProgress, BroadcastSummary
from wabroadcast_core.models.page import Page
from wabroadcast_core.models.preview import Preview
from wabroadcast_core.models.status import BroadcastStatus, MessageStatus, Priority

JSON = "application/json"

AnyRequest = Request[Any, Any, Any]


class BroadcastController(Controller):
    path = "/broadcast"
    tags = ("Broadcasts",)

    @post(
        status_code=202,
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
            str | None, HeaderParameter(name="Idempotency-Key", min_length=1, max_length=255)
        ] = None,
    ) -> BroadcastSummary:
        """Submit a broadcast: a message and an audience. It is stored when this answers."""
        body = await _spool_json(request)
        return await sync_to_thread(_submit, broadcaster, body, idempotency_key, actor)

    @post(
        "/preview",
        status_code=200,
        operation_id="PreviewBroadcast",
        operation_class=SubmitOperation,
        responses=problems(413),
    )
    async def preview(self, request: AnyRequest, broadcaster: BroadcasterDep) -> Preview:
        """Say what a submit of this body would do: who would get it, who not and why, how it looks, when it would end.

        Nothing is stored, nothing is sent.
        """
        body = await _spool_json(request)
        return await sync_to_thread(_preview, broadcaster, body)

    @get("/jobs", operation_id="ListBroadcasts", sync_to_thread=True, responses=problems())
    def jobs(
        self,
        broadcaster: BroadcasterDep,
        search: SearchText = None,
        status: FromQuery[BroadcastStatus | None] = None,
        priority: FromQuery[Priority | None] = None,
        connection: FromQuery[str | None] = None,
        page: PageNumber = 1,
        page_size: PageSize = 50,
    ) -> Page[BroadcastSummary]:
        """List broadcasts, newest first."""
        return broadcaster.list(
            status=status, priority=priority, connection=connection, query=search, page=page, page_size=page_size
        )

    @get("/{jobId:str}", operation_id="GetBroadcast", sync_to_thread=True, responses=problems(404))
    def show(self, job_id: JobId, broadcaster: BroadcasterDep) -> BroadcastDetail:
        """The whole of a broadcast, with every act on it."""
        return broadcaster.get(job_id)

    @get("/{jobId:str}/status", operation_id="GetBroadcastStatus", sync_to_thread=True, responses=problems(404))
    def status(self, job_id: JobId, broadcaster: BroadcasterDep) -> BroadcastProgress:
        """How far a broadcast is, what came of whom so far, and when it ends."""
        return broadcaster.status(job_id)

    @patch("/{jobId:str}", operation_id="RescheduleBroadcast", sync_to_thread=True, responses=problems(404, 409))
    def reschedule(
        self, job_id: JobId, data: JSONBody[BroadcastPatch], broadcaster: BroadcasterDep, actor: Actor
    ) -> BroadcastSummary:
        """Change the time or the name of a broadcast that has not started."""
        return broadcaster.reschedule(job_id, data, actor=actor)

    @post(
        "/pause/{jobId:str}",
        status_code=200,
        operation_id="PauseBroadcast",
        sync_to_thread=True,
        responses=problems(404, 409),
    )
    def pause(self, job_id: JobId, broadcaster: BroadcasterDep, actor: Actor, batch: Batch = None) -> BroadcastSummary:
        """Let nothing start any more until it is resumed."""
        return broadcaster.pause(job_id, batch=batch, actor=actor)

    @post(
        "/resume/{jobId:str}",
        status_code=200,
        operation_id="ResumeBroadcast",
        sync_to_thread=True,
        responses=problems(404, 409),
    )
    def resume(self, job_id: JobId, broadcaster: BroadcasterDep, actor: Actor, batch: Batch = None) -> BroadcastSummary:
        """Go on: nobody is sent to twice, nobody is forgotten."""
        return broadcaster.resume(job_id, batch=batch, actor=actor)

    @post(
        "/cancel/{jobId:str}",
        status_code=200,
        operation_id="CancelBroadcast",
        sync_to_thread=True,
        responses=problems(404, 409),
    )
    def cancel(self, job_id: JobId, broadcaster: BroadcasterDep, actor: Actor, batch: Batch = None) -> BroadcastSummary:
        """End it: what has not left yet never will."""
        return broadcaster.cancel(job_id, batch=batch, actor=actor)

    @post(
        "/retry/{jobId:str}",
        status_code=200,
        operation_id="RetryBroadcast",
        sync_to_thread=True,
        responses=problems(404, 409),
    )
    def retry(
        self,
        job_id: JobId,
        broadcaster: BroadcasterDep,
        actor: Actor,
        status: FromQuery[MessageStatus] = MessageStatus.FAILED,
        code: Annotated[str | None, QueryParameter(description="Only those with this reason.")] = None,
    ) -> BroadcastSummary:
        """Try failed messages again, or with `status=unknown` those whose outcome is not known."""
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


async def _spool_json(request: AnyRequest) -> IO[bytes]:
    if request.content_type[0] != JSON:
        raise HTTPException(f"send the broadcast as {JSON}", status_code=415)
    return await spool_body(request.stream())
