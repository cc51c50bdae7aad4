"""The routes as a plugin of a Litestar application: mounted under a path, with the engine's life tied to the app's."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from anyio import to_thread
from litestar import Litestar, Router
from litestar.config.app import AppConfig
from litestar.di import Provide
from litestar.plugins import InitPlugin
from litestar.types import Guard
from pydantic import SecretStr

from host_litestar.auth import KeyGuard, provide_actor
from host_litestar.problems import handle_error
from host_litestar.routes import HANDLERS
from host_litestar.routes.webhooks import webhook_route
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.base import Model
from wabroadcast_core.settings import Settings
from wabroadcast_core.worker import Worker


class WABroadcastPlugin(InitPlugin):
    """Mounts the API under ``path`` of a Litestar application.

    The engine starts and stops with the application.

    :param broadcaster: a broadcaster, or the settings to make one of; from the environment without either.
    :param guards: asked in front of every route but the probes, after the API key if the settings have keys.
        Without keys and guards whoever reaches the application reaches these routes.
    :param work: whether this process also sends; otherwise run ``wabroadcast worker`` beside it.
    """

    def __init__(
        self,
        broadcaster: Broadcaster | Settings | None = None,
        *,
        path: str = "/wabroadcast",
        guards: Sequence[Guard] = (),
        work: bool = False,
    ) -> None:
        self.broadcaster = broadcaster if isinstance(broadcaster, Broadcaster) else Broadcaster(broadcaster)
        self._path = path
        self._guards = guards
        self._work = work

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        app_config.route_handlers.append(self._router())
        app_config.lifespan = [*(app_config.lifespan or []), self._run]
        return app_config

    def _router(self) -> Router:
        settings = self.broadcaster.settings
        return Router(
            self._path,
            route_handlers=[*HANDLERS, webhook_route(self.broadcaster)],
            dependencies={
                "broadcaster": Provide(lambda: self.broadcaster, sync_to_thread=False),
                "actor": Provide(provide_actor, sync_to_thread=False),
            },
            guards=[*_key_guards(settings.api_keys), *self._guards],
            exception_handlers={Exception: handle_error},
            request_max_body_size=settings.max_body_bytes,
            type_encoders={Model: _encode},
        )

    @asynccontextmanager
    async def _run(self, app: Litestar) -> AsyncIterator[None]:
        del app
        await to_thread.run_sync(self.broadcaster.start)
        worker = Worker(self.broadcaster) if self._work else None
        try:
            if worker is not None:
                await to_thread.run_sync(worker.start)
            yield
        finally:
            if worker is not None:
                await to_thread.run_sync(worker.stop)
            await to_thread.run_sync(self.broadcaster.close)


def _key_guards(keys: Iterable[SecretStr]) -> list[Guard]:
    known = list(keys)
    return [KeyGuard(known)] if known else []


def _encode(model: Model) -> Any:
    return model.model_dump(mode="json", by_alias=True)
