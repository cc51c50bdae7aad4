"""The messages to a number, over all broadcasts."""

from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from host_litestar.problems import problems
from host_litestar.routes.controller import ApiController
from host_litestar.routes.parameters import BroadcasterDep, Cursor
from wabroadcast_core.models.message_detail import FoundMessage
from wabroadcast_core.models.page import CursorPage


class MessageSearchController(ApiController):
    """Routes under ``/messages``."""

    path = "/messages"
    tags = ("Messages",)

    @get(operation_id="FindMessages", sync_to_thread=True, responses=problems(404))
    def find_messages(
        self,
        number: Annotated[str, QueryParameter(min_length=1, max_length=100, description="A number in any spelling.")],
        broadcaster: BroadcasterDep,
        cursor: Cursor = None,
        limit: Annotated[int, QueryParameter(ge=1, le=200, description="Most messages of a page.")] = 50,
    ) -> CursorPage[FoundMessage]:
        """List the messages to a number over all broadcasts, the newest first.

        An index has them in this order: a page costs what it shows, whatever is stored.
        """
        return broadcaster.messages_to(number, cursor=cursor, limit=limit)
