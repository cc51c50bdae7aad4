"""Live progress by server-sent events: of one broadcast, and of all that runs."""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import HeaderParameter

from host_litestar.event_streams import EventStreamResponse, EventStreams
from host_litestar.openapi import OverviewStreamOperation, ProgressStreamOperation
from host_litestar.problems import problems
from host_litestar.request_reading import AnyRequest
from host_litestar.routes.controller import ApiController
from host_litestar.routes.parameters import JobId

StreamsDep = NamedDependency[EventStreams]
LastEventId = Annotated[
    str | None,
    HeaderParameter(
        name="Last-Event-ID",
        description="The id of the last event that the client has: it is not sent again if it is still true.",
    ),
]


class EventController(ApiController):
    """Routes for live progress."""

    path = "/"
    tags = ("Broadcasts",)

    @get(
        "/broadcast/{jobId:str}/events",
        operation_id="StreamBroadcast",
        operation_class=ProgressStreamOperation,
        responses=problems(404),
    )
    async def of_broadcast(
        self, request: AnyRequest, job_id: JobId, event_streams: StreamsDep, last_event_id: LastEventId = None
    ) -> EventStreamResponse:
        """Stream the progress of a broadcast as server-sent events: what `/status` returns, whenever it has changed.

        The first event comes at once, then at most two a second. Each has all of it, so a lost one does not matter, and
        its id is the version. A comment every 15 seconds shows that the last event is still true. The stream stays open
        after the broadcast has ended, because receipts still come. It ends when the key is revoked, when the server
        stops, when the store is away, and after an hour: browsers open it again by themselves.
        """
        return EventStreamResponse(await event_streams.open(request, job_id, last_event_id=last_event_id))

    @get("/events", operation_id="StreamRunning", operation_class=OverviewStreamOperation, responses=problems())
    async def of_all(
        self, request: AnyRequest, event_streams: StreamsDep, last_event_id: LastEventId = None
    ) -> EventStreamResponse:
        """Stream the progress of all broadcasts that are queued, sent or paused, as server-sent events.

        A broadcast that has ended stays for a minute. Everything else is as in `/broadcast/{jobId}/events`.
        """
        return EventStreamResponse(await event_streams.open(request, last_event_id=last_event_id))
