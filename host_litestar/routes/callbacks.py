"""Callbacks: the deliveries of their events, the retry of one, and the test of a receiver."""

from typing import Annotated, TypeAlias

from litestar import get, post
from litestar.params import JSONBody, PathParameter, QueryParameter

from host_litestar.problems import problems
from host_litestar.routes.controller import ApiController
from host_litestar.routes.parameters import Actor, BroadcasterDep, PageNumber, PageSize
from host_litestar.threads import CONTROL, RECEIVER_TESTS
from wabroadcast_core.models.callback import CallbackDelivery, CallbackState, CallbackTest, CallbackTestDraft
from wabroadcast_core.models.page import Page

EventId: TypeAlias = Annotated[
    str, PathParameter(name="id", description="The id of the event, as in the list and in the header `webhook-id`.")
]


class CallbackController(ApiController):
    """Routes under ``/callbacks``."""

    path = "/callbacks"
    tags = ("Callbacks",)

    @get(operation_id="ListCallbacks", sync_to_thread=True, responses=problems(404))
    def list_callbacks(
        self,
        broadcaster: BroadcasterDep,
        status: Annotated[
            CallbackState | None, QueryParameter(description="Only events that are pending, delivered or given up.")
        ] = None,
        job_id: Annotated[
            str | None, QueryParameter(name="jobId", max_length=200, description="Only events of this broadcast.")
        ] = None,
        page: PageNumber = 1,
        page_size: PageSize = 50,
    ) -> Page[CallbackDelivery]:
        """List the events of callbacks, the newest first, with their tries and why the last one failed."""
        return broadcaster.callbacks.list(status=status, job_id=job_id, page=page, page_size=page_size)

    @post("/{id:str}/retry", operation_id="RetryCallback", status_code=202, responses=problems(404))
    @CONTROL
    def retry(self, id: EventId, broadcaster: BroadcasterDep, actor: Actor) -> CallbackDelivery:  # noqa: A002 - the parameter's name
        """Send an event again, under the same id. Older events of its broadcast that wait go before it."""
        return broadcaster.callbacks.retry(id, actor=actor)

    @post("/test", operation_id="TestCallbacks", status_code=200, responses=problems(409))
    @RECEIVER_TESTS
    def test(self, data: JSONBody[CallbackTestDraft], broadcaster: BroadcasterDep) -> CallbackTest:
        """Send an event of the type `callback.test` to a receiver, signed as all are.

        If the receiver takes it, it is sent again with a wrong signature, which a receiver that verifies signatures
        refuses with 4xx. The result has what was signed. Nothing is stored, and no other event waits for it.
        """
        return broadcaster.callbacks.test(data)
