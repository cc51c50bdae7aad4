"""The route of the webhooks: the core's ASGI application, mounted."""

from collections.abc import Mapping
from typing import Any, cast

from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import ASGIApp

from host_litestar.auth import PUBLIC
from wabroadcast_core.asgi.webhooks import webhook_app
from wabroadcast_core.broadcaster import Broadcaster


def webhook_route(broadcaster: Broadcaster, *, opt: Mapping[str, Any] = PUBLIC) -> ASGIRouteHandler:
    """Create the route of ``GET`` and ``POST /webhooks/{connection}``.

    It needs no API key: the sender verifies the provider's signature or token instead.
    """
    app = cast("ASGIApp", webhook_app(broadcaster))  # Litestar has ASGI types of its own
    # mounted, because Litestar does not find an ASGI handler whose path has a parameter
    return asgi("/webhooks", is_mount=True, opt=dict(opt), copy_scope=False)(app)
