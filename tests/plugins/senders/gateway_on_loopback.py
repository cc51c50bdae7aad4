"""A gateway for the tests of one sender, with one event loop and one client: to make a client takes long."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from wabroadcast_core import Sender
from wabroadcast_core.delivery.http_client import make_client
from wabroadcast_core.testing import FakeProvider, ProviderAnswer, fake_sender_context

Found = TypeVar("Found")


class GatewayOnLoopback(FakeProvider):
    """:param accepted: what it answers unless a test says otherwise."""

    def __init__(
        self, sender_class: Callable[..., Sender], accepted: object, *, media: Mapping[str, bytes] | None = None
    ) -> None:
        super().__init__()
        self._sender_class = sender_class
        self._accepted = accepted
        self._media = media
        self._runner = asyncio.Runner()
        self._http = make_client()

    def reset(self) -> None:
        self.requests.clear()
        self.answering = lambda _: ProviderAnswer(201, self._accepted)

    def run(self, work: Callable[[Any], Awaitable[Found]], settings: object) -> Found:
        """Let a new sender with these settings work."""

        async def working() -> Found:
            return await work(self._sender_class(settings, fake_sender_context(http=self._http, media=self._media)))

        return self._runner.run(working())

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._http.aclose())
        self._runner.close()
        super().__exit__()
