"""Health probes. They need no API key: the causes of failures that they give have no address and no secret in them."""

from functools import partial

from litestar import Response, Router, get

from host_litestar.auth import KEYLESS, PUBLIC
from host_litestar.openapi import answers
from host_litestar.routes.controller import ApiController
from host_litestar.routes.parameters import BroadcasterDep
from host_litestar.threads import PROBES
from wabroadcast_core.asgi.health import check_readiness
from wabroadcast_core.asgi.shared_call import SharedCall
from wabroadcast_core.models.health import Liveness, Readiness


class HealthController(ApiController):
    """Routes under ``/health``."""

    path = "/health"
    tags = ("Health",)
    opt = PUBLIC
    security = ({},)  # no key

    def __init__(self, owner: Router) -> None:
        super().__init__(owner)
        self._check: SharedCall[Readiness] = SharedCall(PROBES.run)

    @get("/live", operation_id="IsLive", sync_to_thread=False)
    def live(self) -> Liveness:
        """Return 200: this process answers."""
        return Liveness()

    @get("/ready", operation_id="IsReady", responses=answers(503, Readiness))
    async def ready(self, broadcaster: BroadcasterDep) -> Response[Readiness]:
        """Return 200 if the store and Redis take writes, 503 with the causes otherwise."""
        readiness = await self._check.run(partial(check_readiness, broadcaster))
        return Response(readiness, status_code=readiness.http_status)


class GuardedHealthController(HealthController):
    """The same routes inside the guards of the application."""

    opt = KEYLESS
