"""The metrics of the whole installation, for Prometheus."""

from collections.abc import Sequence
from typing import Any

from litestar import Request, Response, Router, get

from host_litestar.auth import KEYLESS, KEYS_OF_ROUTE
from host_litestar.callers import digest_of
from host_litestar.problems import problems
from host_litestar.routes.controller import ApiController
from host_litestar.routes.parameters import BroadcasterDep
from host_litestar.threads import PROBES
from wabroadcast_core.asgi.shared_call import SharedCall
from wabroadcast_core.services.metrics import Family
from wabroadcast_core.settings import Settings


class MetricsController(ApiController):
    """``/metrics``."""

    path = "/metrics"
    tags = ("Health",)

    def __init__(self, owner: Router) -> None:
        super().__init__(owner)
        self._read: SharedCall[Sequence[Family]] = SharedCall(PROBES.run)

    @get(operation_id="ReadMetrics", media_type="text/plain", responses=problems())
    async def read(self, request: Request[Any, Any, Any], broadcaster: BroadcasterDep) -> Response[bytes]:
        """Return the metrics of all processes in a format of Prometheus. They are read anew every five seconds."""
        from host_litestar.exposition import write_metrics  # its imports take a tenth of a second

        families = await self._read.run(broadcaster.metrics.read)
        text, media_type = write_metrics(families, accept=request.headers.get("accept", ""))
        return Response(text, media_type=media_type)


def metrics_route(settings: Settings) -> type[ApiController]:
    """Return the controller, with the access that the settings give: a key, or none."""
    if settings.metrics_access == "public":
        return type("PublicMetrics", (MetricsController,), {"opt": KEYLESS, "security": ({},)})
    keys = [] if settings.metrics_key is None else [digest_of(settings.metrics_key)]
    return type("KeyedMetrics", (MetricsController,), {"opt": {KEYS_OF_ROUTE: keys}})
