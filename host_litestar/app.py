"""The stand-alone application: the API routes at the root path, and the API reference under ``/schema``."""

from collections.abc import Sequence
from typing import Any

from litestar import Litestar
from litestar.plugins.pydantic import PydanticPlugin
from litestar.types import Guard

from host_litestar.auth import KeyGuard, LoopbackGuard
from host_litestar.openapi import openapi_config
from host_litestar.plugin import WABroadcastPlugin
from host_litestar.problems import handle_error
from host_litestar.routes.webhooks import WebhookEntry
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.settings import Settings


class _StandaloneApp(Litestar):
    """The application with the webhooks in front of it."""

    def __init__(self, broadcaster: Broadcaster, **options: Any) -> None:
        super().__init__(**options)
        self._webhooks = WebhookEntry(broadcaster)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # those of a request or of the lifespan
        """Answer a webhook call, or pass a request on to the framework."""
        if self._webhooks.takes(scope):
            await self._webhooks(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(
    broadcaster: Broadcaster | Settings | None = None, *, work: bool = False, guards: Sequence[Guard] = ()
) -> Litestar:
    """Create an ASGI application that serves the whole API.

    Without any API key, in the settings or in the store, and without guards, it serves only callers on this machine.

    :param broadcaster: the broadcaster, or the settings to create one from. By default the settings come from the
        environment.
    :param work: also run a worker in this process, so that the application sends messages itself.
    :param guards: the host's own access control. They run before every route but the probes and the webhooks, after the
        check of the API key if there are keys.
    """
    without_keys = None if guards else LoopbackGuard()
    broadcaster = broadcaster if isinstance(broadcaster, Broadcaster) else Broadcaster(broadcaster)
    return _StandaloneApp(
        broadcaster,
        plugins=[WABroadcastPlugin(broadcaster, path="/", work=work), PydanticPlugin(prefer_alias=True)],
        guards=[KeyGuard(broadcaster, without_keys=without_keys), *guards],
        exception_handlers={Exception: handle_error},
        openapi_config=openapi_config(has_keys=bool(broadcaster.settings.api_keys)),
        logging_config=None,
    )
