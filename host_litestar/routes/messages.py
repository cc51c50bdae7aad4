"""The messages of a broadcast: what happened to whom, and control of one."""

from typing import Annotated

from litestar import Controller, get, post
from litestar.params import FromQuery, QueryParameter

from host_litestar.problems import problems
from host_litestar.routes.parameters import Actor, BroadcasterDep, JobId, MessageId, SearchText
from wabroadcast_core.models.message import MessageView
from wabroadcast_core.models.page import CursorPage
from wabroadcast_core.models.status import MessageStatus


class MessageController(Controller):
    path = "/broadcast/{jobId:str}/messages"
    tags = ("Messages",)

    @get(operation_id="ListMessages", sync_to_thread=True, responses=problems(404))
    def messages(
        self,
        job_id: JobId,
        broadcaster: BroadcasterDep,
        search: SearchText = None,
        status: FromQuery[MessageStatus | None] = None,
        reason: FromQuery[str | None] = None,
        cursor: Annotated[str | None, QueryParameter(description="nextCursor of the page before.")] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=1_000)] = 100,
    ) -> CursorPage[MessageView]:
        """List messages in the order of the audience, paged by cursor."""
        return broadcaster.messages(job_id, status=status, reason=reason, query=search, cursor=cursor, limit=limit)

    @post(
        "/{messageId:str}/pause",
        status_code=200,
        operation_id="PauseMessage",
        sync_to_thread=True,
        responses=problems(404, 409),
    )
    def pause(self, job_id: JobId, message_id: MessageId, broadcaster: BroadcasterDep, actor: Actor) -> MessageView:
        """Hold one message back until it is resumed."""
        return broadcaster.pause_message(job_id, message_id, actor=actor)

    @post(
        "/{messageId:str}/resume",
        status_code=200,
        operation_id="ResumeMessage",
        sync_to_thread=True,
        responses=problems(404, 409),
    )
    def resume(self, job_id: JobId, message_id: MessageId, broadcaster: BroadcasterDep, actor: Actor) -> MessageView:
        """Let one message go on."""
        return broadcaster.resume_message(job_id, message_id, actor=actor)

    @post(
        "/{messageId:str}/cancel",
        status_code=200,
        operation_id="CancelMessage",
        sync_to_thread=True,
        responses=problems(404, 409),
    )
    def cancel(self, job_id: JobId, message_id: MessageId, broadcaster: BroadcasterDep, actor: Actor) -> MessageView:
        """Never send one message."""
        return broadcaster.cancel_message(job_id, message_id, actor=actor)
