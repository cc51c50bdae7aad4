"""Health probes. They need no API key: the causes of failures that they give have no address and no secret in them."""

import logging
from typing import Literal

from litestar import Response, Router, get
from pydantic import Field

from host_litestar.auth import KEYLESS, PUBLIC
from host_litestar.openapi import answers
from host_litestar.routes.controller import ApiController
from host_litestar.routes.parameters import BroadcasterDep
from host_litestar.threads import PROBES, SharedCall
from wabroadcast_core.models.base import Model

log = logging.getLogger(__name__)

State = Literal["ok", "unavailable"]


class Liveness(Model):
    """The process answers."""

    status: Literal["ok"] = Field("ok", description="Always ok: the process answers.")


class Readiness(Model):
    """Whether the store and Redis take writes, together and each."""

    status: State = Field(description="ok if all checks are.")
    checks: dict[str, State] = Field(description="Whether the store and Redis take writes, by name.")
    causes: dict[str, str] = Field(default_factory=dict, description="Why a check failed, and what to do.")
    quarantined: dict[str, str] = Field(
        default_factory=dict, description="Plugins that cannot be used, each with the reason; the server works without."
    )


class HealthController(ApiController):
    """Routes under ``/health``."""

    path = "/health"
    tags = ("Health",)
    opt = PUBLIC
    security = ({},)  # no key

    def __init__(self, owner: Router) -> None:
        super().__init__(owner)
        self._check: SharedCall[dict[str, str]] = SharedCall(PROBES)

    @get("/live", operation_id="IsLive", sync_to_thread=False)
    def live(self) -> Liveness:
        """Return 200: this process answers."""
        return Liveness()

    @get("/ready", operation_id="IsReady", responses=answers(503, Readiness))
    async def ready(self, broadcaster: BroadcasterDep) -> Response[Readiness]:
        """Return 200 if the store and Redis take writes, 503 with the causes otherwise."""
        results = await self._check.run(broadcaster.check)
        for name, result in results.items():
            if result != "ok":
                log.warning("not ready, the probe answers 503: %s: %s", name, result)
        checks: dict[str, State] = {name: "ok" if result == "ok" else "unavailable" for name, result in results.items()}
        is_ready = set(checks.values()) == {"ok"}
        causes = {name: result for name, result in results.items() if result != "ok"}
        readiness = Readiness(
            status="ok" if is_ready else "unavailable",
            checks=checks,
            causes=causes,
            quarantined={name: one.reason for name, one in broadcaster.plugins.quarantined.items()},
        )
        return Response(readiness, status_code=200 if is_ready else 503)


class GuardedHealthController(HealthController):
    """The same routes inside the guards of the application."""

    opt = KEYLESS
