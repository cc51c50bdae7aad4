"""The probes as an ASGI application. They need no API key."""

import asyncio
import logging
from functools import partial

from wabroadcast_core.asgi.protocol import ASGIApp, Receive, Scope, Send, http_app, send_response
from wabroadcast_core.asgi.shared_call import SharedCall
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.inbound.webhook_answers import last_segment
from wabroadcast_core.models.base import Model
from wabroadcast_core.models.health import Liveness, Readiness, State
from wabroadcast_core.problems import problem_of

log = logging.getLogger(__name__)


def health_app(broadcaster: Broadcaster) -> ASGIApp:
    """Create an ASGI application of the probes, which any ASGI framework mounts under a path.

    It serves ``/live``, which is always 200, and ``/ready``, which is 503 with the causes while the store or Redis
    takes no writes. The broadcaster is started and closed by the host.
    """
    checks: SharedCall[Readiness] = SharedCall(asyncio.to_thread)  # so many probes take one thread

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        match last_segment(scope["path"]):
            case "live":
                await _send_model(send, 200, Liveness())
            case "ready":
                readiness = await checks.run(partial(check_readiness, broadcaster))
                await _send_model(send, readiness.http_status, readiness)
            case _:
                problem = problem_of(404, "not_found", "there are only the probes live and ready here")
                await send_response(send, problem.status, problem.headers, problem.body)

    return http_app(respond)


def check_readiness(broadcaster: Broadcaster) -> Readiness:
    """Return whether the store and Redis take writes. A failure is logged. It may take some seconds."""
    results = broadcaster.check()
    causes = {name: result for name, result in results.items() if result != "ok"}
    for name, cause in causes.items():
        log.warning("not ready, the probe answers 503: %s: %s", name, cause)
    checks: dict[str, State] = {name: "unavailable" if name in causes else "ok" for name in results}
    return Readiness(
        status="unavailable" if causes else "ok",
        checks=checks,
        causes=causes,
        quarantined={name: one.reason for name, one in broadcaster.plugins.quarantined.items()},
    )


async def _send_model(send: Send, status: int, model: Model) -> None:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    await send_response(send, status, headers, model.model_dump_json(by_alias=True).encode())
