"""The stand-alone application: the routes at the root, with the API reference."""

from litestar import Litestar
from litestar.plugins.pydantic import PydanticPlugin

from host_litestar.auth import KeyGuard, LoopbackGuard
from host_litestar.openapi import openapi_config
from host_litestar.plugin import WABroadcastPlugin
from host_litestar.problems import handle_error
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.settings import Settings


def create_app(broadcaster: Broadcaster | Settings | None = None, *, work: bool = False) -> Litestar:
    """The whole API as an ASGI application. Without API keys it serves callers on this machine only.

    :param broadcaster: a broadcaster, or the settings to make one of; from the environment without either.
    :param work: whether this process also sends.
    """
    broadcaster = broadcaster if isinstance(broadcaster, Broadcaster) else Broadcaster(broadcaster)
    keys = broadcaster.settings.api_keys
    guard = KeyGuard(keys) if keys else LoopbackGuard()
    return Litestar(
        plugins=[WABroadcastPlugin(broadcaster, path="/", work=work), PydanticPlugin(prefer_alias=True)],
        guards=[guard],
        exception_handlers={Exception: handle_error},
        openapi_config=openapi_config(has_keys=bool(keys)),
        logging_config=None,
    )
