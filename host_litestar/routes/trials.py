"""Tests and rehearsals: one message of a body to one number; the whole audience through a simulated provider."""

from contextlib import closing
from typing import IO, Annotated, TypeAlias

from litestar import Response, get, post
from litestar.params import HeaderParameter, PathParameter

from host_litestar.languages import AcceptLanguage, Lang, choose_language
from host_litestar.openapi import SubmitOperation, TestOperation
from host_litestar.problems import problems
from host_litestar.request_bodies import body_pieces
from host_litestar.request_reading import STREAMS_BODY, AnyRequest
from host_litestar.routes.control import control_route
from host_litestar.routes.controller import ApiController
from host_litestar.routes.parameters import Actor, BroadcasterDep
from host_litestar.routes.submission import read_draft, read_recipients, spool_body
from host_litestar.threads import PREVIEWS, SUBMITS
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.broadcast_test import Rehearsal
from wabroadcast_core.models.message_detail import MessageDetail

TEST = "test"  # the field of a body beside those of a submit
Key: TypeAlias = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="A text of your choice. A repeated call with it and the same body sends no second time.",
    ),
]
TestId: TypeAlias = Annotated[str, PathParameter(name="testId", description="The `jobId` of the test.")]


class TrialController(ApiController):
    """Routes of tests and rehearsals under ``/broadcast``."""

    path = "/broadcast"
    tags = ("Tests and rehearsals",)

    @post(
        "/test",
        status_code=202,
        opt=STREAMS_BODY,
        operation_id="SendTest",
        operation_class=TestOperation,
        responses=problems(409, 413),
    )
    async def send_test(
        self, request: AnyRequest, broadcaster: BroadcasterDep, actor: Actor, idempotency_key: Key = None
    ) -> Response[MessageDetail]:
        """Send one message of a body to one number, rendered for one of its recipients.

        The message is in no list, count, report or metric of messages. It has the highest priority, keeps the limits
        and the send window of its connection, and is not delayed by the schedule, hold, batches, window and rate of
        the body. It calls no callback. A number that is opted out and a paused connection are refused. The header
        `Location` has the path of the result.
        """
        body = await spool_body(body_pieces(request))
        sent = await PREVIEWS.run(_send_test, broadcaster, body, idempotency_key, actor)
        return Response(sent, headers={"Location": f"{request.url.path.rstrip('/')}/{sent.job_id}"})

    @get("/test/{testId:str}", operation_id="GetTest", sync_to_thread=True, responses=problems(404))
    def show_test(
        self,
        test_id: TestId,
        broadcaster: BroadcasterDep,
        lang: Lang = None,
        accept_language: AcceptLanguage = None,
    ) -> MessageDetail:
        """Return the message of a test: whether it was sent, the reason if not, or why it waits."""
        language = choose_language(lang, accept_language, available=broadcaster.reasons.languages)
        return broadcaster.test_result(test_id, language=language)

    @control_route("/test/{testId:str}/cancel", operation_id="CancelTest")
    def cancel_test(self, test_id: TestId, broadcaster: BroadcasterDep, actor: Actor) -> MessageDetail:
        """Cancel a test: if its message has not left, it is never sent."""
        return broadcaster.cancel_test(test_id, actor=actor)

    @post(
        "/rehearsal",
        status_code=202,
        opt=STREAMS_BODY,
        operation_id="RehearseBroadcast",
        operation_class=SubmitOperation,
        responses=problems(409, 413),
    )
    async def rehearse(
        self, request: AnyRequest, broadcaster: BroadcasterDep, actor: Actor, idempotency_key: Key = None
    ) -> Response[Rehearsal]:
        """Submit a body through a connection of the sandbox, whatever connection it names: no phone gets a message.

        It starts now, without the hold and send window of the body, calls no callback, and opts no person out.
        Otherwise it is a broadcast whose `purpose` is `rehearsal`; the header `Location` has its path. `testNumbers`
        are the numbers whose messages end in a special way. A submit may use the same `Idempotency-Key`.
        """
        body = await spool_body(body_pieces(request))
        rehearsal = await SUBMITS.run(_rehearse, broadcaster, body, idempotency_key, actor)
        parent = request.url.path.rstrip("/").rpartition("/")[0]
        return Response(rehearsal, headers={"Location": f"{parent}/{rehearsal.job_id}"})


def _send_test(broadcaster: Broadcaster, body: IO[bytes], idempotency_key: str | None, actor: str) -> MessageDetail:
    with closing(body):
        draft, has_recipients = read_draft(body)
        test = draft.pop(TEST, {})
        recipients = read_recipients(body) if has_recipients else None
        return broadcaster.send_test(draft, recipients, test=test, idempotency_key=idempotency_key, actor=actor)


def _rehearse(broadcaster: Broadcaster, body: IO[bytes], idempotency_key: str | None, actor: str) -> Rehearsal:
    with closing(body):
        draft, has_recipients = read_draft(body)
        recipients = read_recipients(body) if has_recipients else None
        return broadcaster.rehearse(draft, recipients, idempotency_key=idempotency_key, actor=actor)
