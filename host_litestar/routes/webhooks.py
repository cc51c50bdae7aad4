"""The route of the webhooks: the core's ASGI application, mounted, or in front of an application of our own."""

import logging
from collections.abc import Mapping
from typing import Any, Final, cast

from litestar import asgi
from litestar.enums import ScopeType
from litestar.handlers import ASGIRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from host_litestar.auth import PUBLIC
from host_litestar.request_meter import RequestMeter
from wabroadcast_core.asgi.protocol import send_response
from wabroadcast_core.asgi.webhooks import webhook_app
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.inbound.webhook_answers import answer_error

log = logging.getLogger(__name__)

PATH: Final = "/webhooks"


def webhook_route(broadcaster: Broadcaster, *, mount: str = "/", opt: Mapping[str, Any] = PUBLIC) -> ASGIRouteHandler:
    """Create the route of ``GET`` and ``POST /webhooks/{connection}``.

    It needs no API key: the sender verifies the provider's signature or token instead.

    :param mount: the path in front of it, for the label of its metric.
    """
    app = cast("ASGIApp", webhook_app(broadcaster))  # Litestar has ASGI types of its own
    label = mount.rstrip("/") + PATH

    # mounted, because Litestar does not find an ASGI handler whose path has a parameter
    @asgi(PATH, is_mount=True, opt=dict(opt), copy_scope=False)
    async def webhooks(scope: Scope, receive: Receive, send: Send) -> None:
        scope["path_template"] = label  # Litestar has none for what is mounted
        await app(scope, receive, send)

    return webhooks


class WebhookEntry:
    """The webhooks in front of an application, whose way to a route costs more than all that is done for a call.

    Only for an application without guards and middleware of a host around its public routes.
    """

    def __init__(self, broadcaster: Broadcaster) -> None:
        self._app = cast("ASGIApp", webhook_app(broadcaster))
        self._meter = RequestMeter(broadcaster.meters)

    @staticmethod
    def takes(scope: Scope) -> bool:
        """Return whether a request is a call in its usual form; the route finds others, such as ``/webhooks//main``."""
        if scope["type"] != ScopeType.HTTP or scope.get("root_path"):
            return False
        mount, _, connection = scope["path"].rpartition("/")
        return mount == PATH and connection != ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call, and measure it as the route would be."""
        scope["path_template"] = PATH
        await self._meter.handle(scope, receive, send, self._answer)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            log.exception("%s %s failed", scope.get("method"), PATH)
            await send_response(cast("Any", send), *answer_error(error))
