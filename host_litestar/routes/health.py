"""Probes. They need no key and say nothing that a stranger could use."""

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
    status: Literal["ok"] = "ok"


class Readiness(Model):
    status: State
    checks: dict[str, State]


class HealthController(Controller):
    path = "/health"
    tags = ("Health",)
    opt = PUBLIC

    @get("/live", operation_id="IsLive", sync_to_thread=False)
    def live(self) -> Liveness:
        """Whether this process answers."""
        return Liveness()

    @get("/ready", operation_id="IsReady", sync_to_thread=True, responses=answers(503, Readiness))
    def ready(self, broadcaster: BroadcasterDep) -> Response[Readiness]:
        """Whether the store and Redis answer: 503 while one does not."""
        found = broadcaster.check()
        for name, state in found.items():
            if state != "ok":
                log.warning("not ready: %s: %s", name, state)
        checks: dict[str, State] = {name: "ok" if state == "ok" else "unavailable" for name, state in found.items()}
        is_ready = set(checks.values()) == {"ok"}
        readiness = Readiness(status="ok" if is_ready else "unavailable", checks=checks)
        return Response(readiness, status_code=200 if is_ready else 503)
