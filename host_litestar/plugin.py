"""The API as a plugin of a Litestar application: routes under a path; the broadcaster starts and stops with it."""

import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

import msgspec
from anyio import to_thread
from litestar import Litestar, Router
from litestar.config.app import AppConfig
from litestar.di import Provide
from litestar.plugins import InitPlugin
from litestar.types import ControllerRouterHandler, Guard

from host_litestar.auth import KEYLESS, KeyGuard, keep_outside, provide_actor
from host_litestar.callers import Callers
from host_litestar.dashboard.page_errors import PageErrors
from host_litestar.dashboard.router import dashboard_router
from host_litestar.dashboard.unrouted import show_unrouted
from host_litestar.event_streams import EventStreams
from host_litestar.own_router import OwnRouter
from host_litestar.problems import handle_error
from host_litestar.request_meter import RequestMeter
from host_litestar.request_reading import read_request
from host_litestar.routes import HANDLERS
from host_litestar.routes.controller import OPERATION_PREFIX
from host_litestar.routes.health import GuardedHealthController, HealthController
from host_litestar.routes.metrics import metrics_route
from host_litestar.routes.sessions import sign_in_limit
from host_litestar.routes.webhooks import webhook_route
from host_litestar.safe_headers import set_safe_headers
from host_litestar.schemas import ModelSchemas
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.base import Model
from wabroadcast_core.settings import Settings
from wabroadcast_core.worker import Worker

log = logging.getLogger(__name__)


class WABroadcastPlugin(InitPlugin, ModelSchemas):
    """Litestar plugin that adds the API to an application.

    The broadcaster starts and stops with the application.

    :param broadcaster: the broadcaster, or the settings to create one from. By default the settings come from the
        environment.
    :param path: the path that all routes start with.
    :param guards: the application's own access control. They run before every route but the probes and the webhooks,
        after the check of the API key if the settings or the store have keys. Without keys and guards, every caller
        that can reach the application can use these routes.
    :param guard_public: whether the probes and the webhooks are inside the guards of this plugin and of the whole
        application, and its authentication, too. They need no key: a sender verifies the calls of its provider, which
        has no credentials for a guard.
    :param dashboard: whether there are the pages for people too: at the path itself, and under ``/ui`` below it.
    :param work: also run a worker in this process. Otherwise run ``wabroadcast worker`` beside the application.
    """

    def __init__(
        self,
        broadcaster: Broadcaster | Settings | None = None,
        *,
        path: str = "/wabroadcast",
        guards: Sequence[Guard] = (),
        guard_public: bool = False,
        dashboard: bool = True,
        work: bool = False,
    ) -> None:
        self.broadcaster = broadcaster if isinstance(broadcaster, Broadcaster) else Broadcaster(broadcaster)
        self._path = path
        self._guards = guards
        self._guard_public = guard_public
        self._is_guarded = bool(guards or self.broadcaster.settings.api_keys)
        self._page_errors = PageErrors(self.broadcaster, mount=path) if dashboard else None
        self._work = work

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Add the routes and the life of the broadcaster to the application."""
        mounts = [plugin for plugin in app_config.plugins if isinstance(plugin, WABroadcastPlugin)]
        guards = [*self._key_guards(app_config.guards), *self._guards_around(self._guards)]
        app_config.route_handlers.append(self._router(guards, operation_prefix=self._operation_prefix(mounts)))
        self._is_guarded = self._is_guarded or bool(app_config.guards)
        app_config.guards = self._guards_around(app_config.guards)
        if self._page_errors is not None:
            handlers = app_config.exception_handlers
            app_config.exception_handlers = show_unrouted(handlers, self._page_errors, mount=self._path)
        app_config.lifespan = [*(app_config.lifespan or []), self._run]
        return app_config

    def _operation_prefix(self, mounts: Sequence["WABroadcastPlugin"]) -> str:
        """Return what makes the operation ids of this mount unique: nothing for the first, its path for the others."""
        return "" if mounts[0] is self else self._path.strip("/").title().replace("/", "")

    def _key_guards(self, guards_of_app: Iterable[Guard]) -> list[Guard]:
        """Return the guard of the routes, unless one of the application checks the same keys before."""
        checked = any(isinstance(guard, KeyGuard) and guard.broadcaster is self.broadcaster for guard in guards_of_app)
        return [] if checked else [KeyGuard(self.broadcaster)]

    def _router(self, guards: Sequence[Guard], *, operation_prefix: str) -> Router:
        callers, limit = Callers(self.broadcaster), sign_in_limit()
        return OwnRouter(
            self._path,
            route_handlers=[*self._handlers(), metrics_route(self.broadcaster.settings), *self._pages()],
            middleware=[RequestMeter(self.broadcaster.meters)],
            dependencies={
                "broadcaster": Provide(lambda: self.broadcaster, sync_to_thread=False),
                "actor": Provide(provide_actor, sync_to_thread=False),
                "callers": Provide(lambda: callers, sync_to_thread=False),
                "sign_in_limit": Provide(lambda: limit, sync_to_thread=False),
                "event_streams": Provide(lambda: self._event_streams, sync_to_thread=False),
            },
            guards=guards,
            exception_handlers={Exception: handle_error},
            before_request=read_request,
            after_request=set_safe_headers,
            opt={OPERATION_PREFIX: operation_prefix},
            request_max_body_size=self.broadcaster.settings.max_body_bytes,
            type_encoders={Model: _encode},
        )

    def _handlers(self) -> list[ControllerRouterHandler]:
        if not self._guard_public:
            return [*HANDLERS, webhook_route(self.broadcaster, mount=self._path)]
        guarded = [GuardedHealthController if handler is HealthController else handler for handler in HANDLERS]
        return [*guarded, webhook_route(self.broadcaster, mount=self._path, opt=KEYLESS)]

    def _pages(self) -> list[ControllerRouterHandler]:
        if self._page_errors is None:
            return []
        return [dashboard_router(self.broadcaster, self._page_errors, mount=self._path)]

    def _guards_around(self, guards: Iterable[Guard]) -> list[Guard]:
        """Return guards of the application as they run around these routes."""
        return [guard if self._guard_public else keep_outside(guard) for guard in guards]

    @asynccontextmanager
    async def _run(self, app: Litestar) -> AsyncIterator[None]:
        del app
        await to_thread.run_sync(self.broadcaster.start)
        self._event_streams = EventStreams(self.broadcaster.live)
        if not (self._is_guarded or (await to_thread.run_sync(self.broadcaster.known_keys.read)).has_any):
            log.warning(
                "the API of wabroadcast has neither API keys nor guards here: every caller that reaches this"
                " application can send messages; create a key with `wabroadcast keys create`, set WABROADCAST_API_KEYS,"
                " or give guards to WABroadcastPlugin"
            )
        worker = Worker(self.broadcaster) if self._work else None
        try:
            if worker is not None:
                await to_thread.run_sync(worker.start)
            yield
        finally:
            if worker is not None:
                await to_thread.run_sync(worker.stop)
            await to_thread.run_sync(self.broadcaster.close)


def _encode(model: Model) -> msgspec.Raw:
    """Encode a model. Litestar's own encoder refuses whole numbers from 2**64 on, which a variable may be."""
    return msgspec.Raw(model.model_dump_json(by_alias=True).encode())
