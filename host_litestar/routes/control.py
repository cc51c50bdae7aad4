"""Routes that pause, resume, cancel or retry: one decorator for all, one handler each for broadcasts and messages."""

from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeAlias

from litestar import Controller, post
from litestar.handlers import HTTPRouteHandler

from host_litestar.problems import problems
from host_litestar.routes.parameters import Actor, Batch, BroadcasterDep, JobId, MessageId
from host_litestar.threads import CONTROL
from wabroadcast_core.models.broadcast import BroadcastSummary
from wabroadcast_core.models.message import MessageView

Verb: TypeAlias = Literal["pause", "resume", "cancel"]


def control_route(path: str, **options: Any) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """Decorate a control route: 200 with the changed object, 404, or 409 if its status does not allow the change.

    It runs in the threads of control calls, so that it never waits for other work.
    """

    def decorate(call: Callable[..., Any]) -> HTTPRouteHandler:
        return post(path, status_code=200, responses=problems(404, 409), **options)(CONTROL(call))

    return decorate


class ControlsBroadcast(Protocol):
    """``Broadcaster.pause``, ``.resume`` and ``.cancel``."""

    def __call__(self, job_id: str, *, batch: int | None, actor: str) -> BroadcastSummary: ...


class ControlsMessage(Protocol):
    """``Broadcaster.pause_message``, ``.resume_message`` and ``.cancel_message``."""

    def __call__(self, job_id: str, message_id: str, *, actor: str) -> MessageView: ...


def broadcast_control(verb: Verb, *, operation_id: str, description: str) -> HTTPRouteHandler:
    """Create the handler of ``POST /broadcast/{verb}/{jobId}``. It calls the broadcaster's method of that name."""

    @control_route(
        f"/{verb}/{{jobId:str}}", operation_id=operation_id, summary=verb.capitalize(), description=description
    )
    def handler(
        self: Controller, job_id: JobId, broadcaster: BroadcasterDep, actor: Actor, batch: Batch = None
    ) -> BroadcastSummary:
        del self
        control: ControlsBroadcast = getattr(broadcaster, verb)
        return control(job_id, batch=batch, actor=actor)

    return handler


def message_control(verb: Verb, *, operation_id: str, description: str) -> HTTPRouteHandler:
    """Create the handler of ``POST /broadcast/{jobId}/messages/{messageId}/{verb}``.

    It calls ``pause_message``, ``resume_message`` or ``cancel_message`` of the broadcaster.
    """

    @control_route(
        f"/{{messageId:str}}/{verb}", operation_id=operation_id, summary=verb.capitalize(), description=description
    )
    def handler(
        self: Controller, job_id: JobId, message_id: MessageId, broadcaster: BroadcasterDep, actor: Actor
    ) -> MessageView:
        del self
        control: ControlsMessage = getattr(broadcaster, f"{verb}_message")
        return control(job_id, message_id, actor=actor)

    return handler
