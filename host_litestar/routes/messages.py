"""The messages of a broadcast: list them; show, pause, resume and cancel one."""

from collections.abc import Mapping
from typing import Annotated, TypeAlias

from litestar import get
from litestar.params import QueryParameter

from host_litestar.languages import AcceptLanguage, Lang, choose_language
from host_litestar.problems import problems
from host_litestar.routes.control import message_control
from host_litestar.routes.controller import ApiController
from host_litestar.routes.parameters import (
    BroadcasterDep,
    Cursor,
    JobId,
    MessageId,
    ReasonFilter,
    ReceiptFilter,
    SearchText,
    StatusFilter,
)
from wabroadcast_core.errors import Fault, InvalidInputError
from wabroadcast_core.models.message import MessageView
from wabroadcast_core.models.message_detail import MessageDetail
from wabroadcast_core.models.page import CursorPage

DEFAULT_SIZE = 100  # messages of a page

Limit: TypeAlias = Annotated[
    int | None, QueryParameter(ge=1, le=1_000, description="Most messages of a page, as pageSize.")
]
OptionalPage: TypeAlias = Annotated[
    int | None, QueryParameter(ge=1, le=1_000_000_000, description="The page; the first is 1.")
]
MessagesInPage: TypeAlias = Annotated[
    int | None, QueryParameter(name="pageSize", ge=1, le=1_000, description="Messages in a page.")
]
ToNumber: TypeAlias = Annotated[
    str | None,
    QueryParameter(min_length=1, max_length=100, description="Only messages to this number, in any spelling."),
]
WithRows: TypeAlias = Annotated[
    bool, QueryParameter(name="withRows", description="Add the rows of the file, which is read again for that.")
]


def _refuse_beside_number(others: Mapping[str, object]) -> None:
    """Check that a call with ``number`` has none of the filters that do not go with it.

    :raises InvalidInputError: it has some; each is named.
    """
    given = [name for name, value in others.items() if value is not None]
    if given:
        raise InvalidInputError([Fault(name, f"number and {name} are both given: leave one out") for name in given])


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
        status: StatusFilter = None,
        reason: ReasonFilter = None,
        receipt: ReceiptFilter = None,
        cursor: Cursor = None,
        limit: Limit = None,
        page: OptionalPage = None,
        page_size: MessagesInPage = None,
        number: ToNumber = None,
        *,
        with_rows: WithRows = False,
    ) -> CursorPage[MessageView]:
        """List the messages of a broadcast in the order of its audience.

        Page by cursor through a long list: `page`, as other lists have it, also counts all messages. With `number` they
        are found by an index, and those that were left out as duplicates are listed too, the last first.
        """
        if limit is not None and page_size is not None:
            raise InvalidInputError([Fault("limit", "both limit and pageSize are given: leave one of them out")])
        size = limit or page_size or DEFAULT_SIZE
        if number is not None:
            _refuse_beside_number({"q": search, "status": status, "reason": reason, "receipt": receipt, "page": page})
            found = broadcaster.messages_to(number, job_id=job_id, cursor=cursor, limit=size, with_rows=with_rows)
            return CursorPage(items=list(found.items), next_cursor=found.next_cursor, page_size=size)
        return broadcaster.messages(
            job_id,
            status=status,
            reason=reason,
            receipt=receipt,
            query=search,
            cursor=cursor,
            page=page,
            limit=size,
            with_rows=with_rows,
        )

    @get("/{messageId:str}", operation_id="GetMessage", sync_to_thread=True, responses=problems(404))
    def show(
        self,
        job_id: JobId,
        message_id: MessageId,
        broadcaster: BroadcasterDep,
        lang: Lang = None,
        accept_language: AcceptLanguage = None,
    ) -> MessageDetail:
        """Return one message: its text as it was or would be sent, its attempts, receipts and acts."""
        language = choose_language(lang, accept_language, available=broadcaster.reasons.languages)
        return broadcaster.message(job_id, message_id, language=language)

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
