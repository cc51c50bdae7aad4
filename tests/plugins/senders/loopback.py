"""A provider on loopback and a client for it, on an event loop of their own: a client takes longer to make than many
requests, so that the tests of a module share it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Self, TypeVar

from wabroadcast_core import SenderContext
from wabroadcast_core.delivery.http_client import make_client
from wabroadcast_core.testing import FakeProvider, fake_sender_context

Result = TypeVar("Result")


class Loopback:
    def __init__(self) -> None:
        self.provider = FakeProvider()
        self._runner = asyncio.Runner()
        self._http = make_client()

    def __enter__(self) -> Self:
        self.provider.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._http.aclose())
        self._runner.close()
        self.provider.__exit__()

    def run(
        self,
        act: Callable[[SenderContext], Coroutine[Any, Any, Result]],
        *,
        media: Mapping[str, bytes] | None = None,
    ) -> Result:
        """What ``act`` gives, with a context of its own over the shared client."""
        return self._runner.run(act(fake_sender_context(http=self._http, media=media)))
