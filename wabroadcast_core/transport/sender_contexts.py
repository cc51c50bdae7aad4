"""What the engine lends to senders: HTTP clients, media, a memory that all processes share."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

import httpx
import redis.asyncio
from pydantic import ValidationError

from wabroadcast_core.errors import ConnectionDown, NotFoundError, SetupError
from wabroadcast_core.hookspecs import Sender, SenderContext
from wabroadcast_core.keys import Keys
from wabroadcast_core.models.receipt import ProviderEvents
from wabroadcast_core.plugins import Plugins
from wabroadcast_core.snapshots import ConnectionSnapshot
from wabroadcast_core.store.database import Database
from wabroadcast_core.transport.cache import RedisCache
from wabroadcast_core.transport.http_client import make_client
from wabroadcast_core.transport.media_cache import MediaCache
from wabroadcast_core.vault import Vault


class SenderContexts:
    """For one event loop.

    :param client: of Redis, on this loop.
    :param departed: told, in the task of a request, when it leaves.
    """

    def __init__(
        self,
        database: Database,
        client: redis.asyncio.Redis,
        keys: Keys,
        *,
        departed: Callable[[], None] | None = None,
    ) -> None:
        self._client = client
        self._keys = keys
        self._departed = departed
        self._http: httpx.AsyncClient | None = None
        self._media = MediaCache(database)

    def context_for(
        self, snapshot: ConnectionSnapshot, *, receive: Callable[[int, ProviderEvents], None]
    ) -> SenderContext:
        """:param receive: called on this loop with the connection's id and what its sender heard."""
        loop = asyncio.get_running_loop()

        def hand_over(news: ProviderEvents) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(receive, snapshot.id, news)

        if self._http is None:
            self._http = make_client(departed=self._departed)
        return SenderContext(
            connection=snapshot.name,
            http=self._http,
            receive=hand_over,
            log=logging.getLogger(f"wabroadcast.senders.{snapshot.sender}"),
            load_media=self._media.load,
            kept=RedisCache(self._client, partial(self._keys.cache, snapshot.id)),
        )

    async def close(self) -> None:
        if self._http is not None:
            await self._http.aclose()
        await self._media.close()


def make_sender(plugins: Plugins, vault: Vault, snapshot: ConnectionSnapshot, context: SenderContext) -> Sender:
    """A sender with the connection's present settings.

    :raises ConnectionDown: its kind is not installed, its settings do not fit, its secrets cannot be opened.
    """
    try:
        kind = plugins.sender(snapshot.sender)
        settings = kind.Settings.model_validate(vault.open(snapshot.sealed_settings))
        return kind(settings, context)
    except ValidationError as error:
        fields = ", ".join(sorted({str(detail["loc"][0]) for detail in error.errors() if detail["loc"]}))
        raise ConnectionDown("bad_settings", f"settings do not fit: {fields}") from error
    except SetupError as error:
        raise ConnectionDown("bad_settings", str(error)) from error
    except NotFoundError as error:
        raise ConnectionDown("no_sender", str(error)) from error
    except Exception as error:
        raise ConnectionDown("no_sender", f"{snapshot.sender}: {type(error).__name__}") from error


async def close_sender(sender: Sender) -> None:
    """Let a sender let go of what it holds, if it can."""
    closing = getattr(sender, "aclose", None)
    if closing is not None:
        await closing()
