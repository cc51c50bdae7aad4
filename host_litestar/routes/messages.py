"""The messages of a broadcast: list them; pause, resume and cancel one."""

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from host_litestar.problems import problems
from host_litestar.routes.control import message_control
from host_litestar.routes.controller import ApiController
from host_litestar.routes.parameters import BroadcasterDep, JobId, SearchText
from wabroadcast_core.errors import Fault, InvalidInputError
from wabroadcast_core.models.message import MessageView
from wabroadcast_core.models.page import CursorPage
from wabroadcast_core.models.status import MessageStatus

DEFAULT_SIZE = 100  # messages of a page


class MessageController(ApiController):
    """Routes under ``/broadcast/{jobId}/messages``."""

    path = "/broadcast/{jobId:str}/messages"
    tags = ("Messages",)

    @get(operation_id="ListMessages", sync_to_thread=True, responses=problems(404))
    def list_messages(
        self,
        job_id: JobId,
        broadcaster: BroadcasterDep,
        search: SearchText = None,
        status: Annotated[MessageStatus | None, QueryParameter(description="Only messages with this status.")] = None,
        reason: Annotated[str | None, QueryParameter(description="Only messages with this reason.")] = None,
        cursor: Annotated[str | None, QueryParameter(description="nextCursor of the previous page.")] = None,
        limit: Annotated[
            int | None, QueryParameter(ge=1, le=1_000, description="Most messages of a page, as pageSize.")
        ] = None,
        page: Annotated[
            int | None, QueryParameter(ge=1, le=1_000_000_000, description="The page; the first is 1.")
        ] = None,
        page_size: Annotated[
            int | None, QueryParameter(name="pageSize", ge=1, le=1_000, description="Messages in a page.")
        ] = None,
        *,
        with_rows: Annotated[
            bool, QueryParameter(name="withRows", description="Add the rows of the file, which is read again for that.")
        ] = False,
    ) -> CursorPage[MessageView]:
        """List the messages of a broadcast in the order of its audience.

        Page by cursor through a long list: `page`, as other lists have it, also counts all messages.
        """
        if limit is not None and page_size is not None:
            raise InvalidInputError([Fault("limit", "both limit and pageSize are given: leave one of them out")])
        return broadcaster.messages(
            job_id,
            status=status,
            reason=reason,
            query=search,
            cursor=cursor,
            page=page,
            limit=limit or page_size or DEFAULT_SIZE,
            with_rows=with_rows,
        )

    pause = message_control(
        "pause",
        operation_id="PauseMessage",
        description="Pause one message: it does not start until it is resumed.",
    )
    resume = message_control(
        "resume",
        operation_id="ResumeMessage",
        description="Put one paused message back into the queue.",
    )
    cancel = message_control(
        "cancel",
        operation_id="CancelMessage",
        description="Cancel one message that has not left yet: it is never sent.",
    )
