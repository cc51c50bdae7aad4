"""The contexts that senders receive, and how a sender is made and closed."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

import redis.asyncio
from pydantic import ValidationError

from wabroadcast_core.errors import ConnectionDown, NotFoundError, SetupError
from wabroadcast_core.hookspecs import Sender, SenderContext
from wabroadcast_core.keys import Keys
from wabroadcast_core.models.receipt import ProviderEvents
from wabroadcast_core.plugin_faults import LOOP_ENDS, describe_fault
from wabroadcast_core.plugins import Plugins
from wabroadcast_core.sentence_texts import say
from wabroadcast_core.snapshots import ConnectionSnapshot
from wabroadcast_core.store.database import Database
from wabroadcast_core.transport.cache import RedisCache
from wabroadcast_core.transport.http_client import SenderClient, make_transport
from wabroadcast_core.transport.media_cache import MediaCache
from wabroadcast_core.vault import Vault

log = logging.getLogger(__name__)

CLOSE_SECONDS: Final = 5.0


class SenderContexts:
    """Makes the contexts of senders on one event loop; they share the connections to providers, and one media cache.

    :param database: holds the uploads that senders load as media.
    :param client: a Redis client of this loop, for the senders' caches.
    :param keys: the names of the Redis keys.
    :param on_departure: called in the task of a request when the request's headers are sent.
    :param is_allowed: whether requests of senders may go to an IP address; None: to any.
    """

    def __init__(
        self,
        database: Database,
        client: redis.asyncio.Redis,
        keys: Keys,
        *,
        on_departure: Callable[[], None] | None = None,
        is_allowed: Callable[[str], bool] | None = None,
    ) -> None:
        self._is_allowed = is_allowed
        self._client = client
        self._keys = keys
        self._on_departure = on_departure
        self._http: SenderClient | None = None
        self._media = MediaCache(database)

    def context_for(
        self, snapshot: ConnectionSnapshot, *, receive: Callable[[int, ProviderEvents], None]
    ) -> SenderContext:
        """Create the context of a connection's sender.

        :param receive: called on this loop with the connection's id and the events that the sender passes on.
        """
        loop = asyncio.get_running_loop()

        def pass_on(events: ProviderEvents) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(receive, snapshot.id, events)

        if self._http is None:
            self._http = SenderClient(make_transport(on_departure=self._on_departure, is_allowed=self._is_allowed))
        return SenderContext(
            connection=snapshot.name,
            http=self._http.share(),
            receive=pass_on,
            log=logging.getLogger(f"wabroadcast.senders.{snapshot.sender}"),
            load_media=self._media.load,
            cache=RedisCache(self._client, partial(self._keys.cache, snapshot.id)),
        )

    async def close(self) -> None:
        """Close the HTTP client and the media cache."""
        if self._http is not None:
            await self._http.aclose()
        await self._media.close()


def make_sender(plugins: Plugins, vault: Vault, snapshot: ConnectionSnapshot, context: SenderContext) -> Sender:
    """Create a sender with the connection's present settings.

    :raises ConnectionDown: its kind is not installed, its settings are not valid, or its secrets cannot be decrypted.
    """
    try:
        kind = plugins.sender(snapshot.sender)
        settings = kind.Settings.model_validate(vault.open(snapshot.sealed_settings))
        return kind(settings, context)
    except ValidationError as error:
        fields = sorted({str(detail["loc"][0]) for detail in error.errors() if detail["loc"]})
        sentence = say("settings_invalid", sender=snapshot.sender, fields=fields)
        raise ConnectionDown("bad_settings", sentence) from error
    except SetupError as error:
        raise ConnectionDown("bad_settings", str(error)) from error
    except NotFoundError as error:
        raise ConnectionDown("no_sender", str(error)) from error
    except BaseException as error:
        sentence = say("sender_not_created", sender=snapshot.sender, error=type(error).__name__)
        raise ConnectionDown("no_sender", sentence) from error


async def close_senders(senders: Iterable[Any], *, seconds: float = CLOSE_SECONDS) -> None:
    """Call the ``aclose`` of the senders that have one. What fails is logged, what hangs is left behind.

    :param seconds: the longest time for all of them.
    """
    closing = {
        asyncio.create_task(_close(sender)): sender.kind
        for sender in senders
        if getattr(sender, "aclose", None) is not None
    }
    if not closing:
        return
    _, hanging = await asyncio.wait(closing, timeout=seconds)
    for task in hanging:
        log.error("the aclose of a sender %s has not returned within %g s: it is left behind", closing[task], seconds)
        task.cancel()


async def _close(sender: Any) -> None:
    try:
        await sender.aclose()
    except LOOP_ENDS:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever it is, the other senders are closed
        log.error("the aclose of a sender %s failed: %s", sender.kind, describe_fault(error))  # noqa: TRY400 - its text may hold anything
