"""Health probes. They need no API key and disclose no details."""

import logging
from typing import Literal

from litestar import Controller, Response, get

from host_litestar.auth import PUBLIC
from host_litestar.openapi import answers
from host_litestar.routes.parameters import BroadcasterDep
from wabroadcast_core.models.base import Model

log = logging.getLogger(__name__)

State = Literal["ok", "unavailable"]


class Liveness(Model):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(Model):
    """Whether the store and Redis can be reached, together and each."""

    status: State
    checks: dict[str, State]


class HealthController(Controller):
    """Routes under ``/health``."""

    path = "/health"
    tags = ("Health",)
    opt = PUBLIC

    @get("/live", operation_id="IsLive", sync_to_thread=False)
    def live(self) -> Liveness:
        """Return 200: this process answers."""
        return Liveness()

    @get("/ready", operation_id="IsReady", sync_to_thread=True, responses=answers(503, Readiness))
    def ready(self, broadcaster: BroadcasterDep) -> Response[Readiness]:
        """Return 200 if the store and Redis can be reached, 503 otherwise."""
        results = broadcaster.check()
        for name, result in results.items():
            if result != "ok":
                log.warning("not ready, the probe answers 503: %s: %s", name, result)
        checks: dict[str, State] = {name: "ok" if result == "ok" else "unavailable" for name, result in results.items()}
        is_ready = set(checks.values()) == {"ok"}
        readiness = Readiness(status="ok" if is_ready else "unavailable", checks=checks)
        return Response(readiness, status_code=200 if is_ready else 503)
