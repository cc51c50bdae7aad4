"""The senders of one worker process: one a connection, made when it is first used, made anew when it changes."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass

import aiohttp
import httpx
import httpx_aiohttp
from pydantic import ValidationError

from wabroadcast_core.delivery.briefs import ConnectionBrief
from wabroadcast_core.delivery.pace import Lateness
from wabroadcast_core.errors import ConnectionDown, NotFoundError, SetupError
from wabroadcast_core.hookspecs import Sender, SenderContext
from wabroadcast_core.models.receipt import ConnectionEvent, Inbound, Receipt
from wabroadcast_core.plugins import Plugins
from wabroadcast_core.vault import Vault

News = Sequence[Receipt | Inbound | ConnectionEvent]


@dataclass(slots=True)
class LiveConnection:
    """A connection in this process: its sender, and how many of its requests are under way."""

    brief: ConnectionBrief
    sender: Sender
    lateness: Lateness
    in_flight: int = 0
    late: tuple[float, float] | None = None  # what the limiter is told of the latest start: slot, shift asked for

    @property
    def is_paced(self) -> bool:
        return self.brief.limits.rate is not None

    def note_start(self, slot: float, shift: float, *, at: float) -> None:
        """A message leaves now. What leaves later than the margin bears shifts the connection's row of slots."""
        asked = shift + at - slot - self.lateness.free
        if asked > shift and (self.late is None or asked > self.late[1]):
            self.late = (slot, asked)


STARTING: ContextVar[tuple[LiveConnection, float, float] | None] = ContextVar("STARTING", default=None)
"""The message that is being sent here: its connection, its slot, and the shift of the row when that was given."""


class Senders:
    """:param receive: takes what senders heard from their provider: connection id, news."""

    def __init__(
        self,
        plugins: Plugins,
        vault: Vault,
        *,
        now: Callable[[], float],
        receive: Callable[[int, News], None],
    ) -> None:
        self._now = now
        self._plugins = plugins
        self._vault = vault
        self._receive = receive
        self._live: dict[int, LiveConnection] = {}
        self._http: httpx.AsyncClient | None = None

    def of(self, brief: ConnectionBrief) -> LiveConnection:
        """The live connection, with a sender made from its present settings.

        :raises ConnectionDown: its kind is not installed, its settings do not fit, its secrets cannot be opened.
        """
        live = self._live.get(brief.id)
        if live is None:
            live = self._live[brief.id] = LiveConnection(brief, self._make(brief), Lateness.of(brief.limits))
        elif live.brief.revision != brief.revision:
            live.sender = self._make(brief)
        if live.brief.limits is not brief.limits:
            live.lateness = Lateness.of(brief.limits)
        live.brief = brief
        return live

    def name_of(self, connection_id: int) -> str:
        """The name of a connection that has a sender here."""
        return self._live[connection_id].brief.name

    async def close(self) -> None:
        for live in self._live.values():
            closing = getattr(live.sender, "aclose", None)
            if closing is not None:
                await closing()
        if self._http is not None:
            await self._http.aclose()

    def _make(self, brief: ConnectionBrief) -> Sender:
        try:
            kind = self._plugins.sender(brief.sender)
            settings = kind.Settings.model_validate(self._vault.open(brief.sealed_settings))
            return kind(settings, self._context(brief))
        except ValidationError as error:
            fields = ", ".join(sorted({str(detail["loc"][0]) for detail in error.errors() if detail["loc"]}))
            raise ConnectionDown("bad_settings", f"settings do not fit: {fields}") from error
        except SetupError as error:
            raise ConnectionDown("bad_settings", str(error)) from error
        except NotFoundError as error:
            raise ConnectionDown("no_sender", str(error)) from error
        except Exception as error:
            raise ConnectionDown("no_sender", f"{brief.sender}: {type(error).__name__}") from error

    def _context(self, brief: ConnectionBrief) -> SenderContext:
        loop = asyncio.get_running_loop()

        def receive(news: News) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._receive, brief.id, news)

        if self._http is None:
            self._http = make_client(self._now)
        log = logging.getLogger(f"wabroadcast.senders.{brief.sender}")
        return SenderContext(connection=brief.name, http=self._http, receive=receive, log=log)


def make_client(now: Callable[[], float]) -> httpx.AsyncClient:
    """The HTTP client that senders share: httpx over aiohttp, which stays fast with many requests at once.

    A request that had to wait for a new connection leaves that much later than its message was started; the limiter
    is told of it, since limits are kept at the provider's door.
    """

    async def note_departure(*_: object) -> None:
        if (start := STARTING.get()) is not None:
            live, slot, shift = start
            live.note_start(slot, shift, at=now())

    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(note_departure)

    def make_session() -> aiohttp.ClientSession:
        # No limit of open requests: 100 that hang, aiohttp's own limit, would stop every connection.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60, ssl=httpx.create_ssl_context())
        return aiohttp.ClientSession(connector=connector, trace_configs=[trace])

    transport = httpx_aiohttp.AiohttpTransport(client=make_session)
    timeout = httpx.Timeout(30, connect=10)
    return httpx.AsyncClient(transport=transport, timeout=timeout, follow_redirects=False, trust_env=False)
