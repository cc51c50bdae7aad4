"""A provider on loopback for the tests of several senders, and messages that they send to it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Self, TypeVar

from wabroadcast_core import OutgoingMessage, Sender
from wabroadcast_core.testing import FakeProvider, ProviderAnswer, fake_sender_context
from wabroadcast_core.testing.provider import Answering
from wabroadcast_core.transport.http_client import make_client

NUMBER = "+628123456789"
JID = "628123456789@s.whatsapp.net"
MEDIA = {
    "photo": b"\xff\xd8\xff\xe0 a photograph",
    "song": b"OggS" + b"\0" * 24 + b"OpusHead a song",
    "note": b"\0\0\0\x18ftypM4A a note",
    "film": b"\0\0\0\x18ftypmp42 a film",
    "letter": b"%PDF-1.7 a letter",
    "https://files.example/letter.pdf": b"%PDF-1.7 a letter",
    "scan": b"\x89PNG\r\n\x1a\n" + bytes(20_000_000),
}

Answer = TypeVar("Answer")


class Loopback(FakeProvider):
    """A provider for the senders of one kind, with one event loop and one client, which the tests of a module share,
    because creating a client takes long.

    :param usual: its answers, unless a test sets others.
    :param settings: of the senders, as an operator writes them; the address is added.
    :param media: files by upload id or address.
    """

    def __init__(
        self,
        sender_class: type[Any],
        usual: Answering,
        *,
        settings: Mapping[str, Any] | None = None,
        media: Mapping[str, bytes] | None = None,
    ) -> None:
        super().__init__()
        self._sender_class: type[Sender] = sender_class
        self._usual = usual
        self._settings = settings or {}
        self._media = media or {}
        self._runner = asyncio.Runner()
        self._http = make_client()

    def reset(self) -> Self:
        """Delete the recorded requests and restore the usual answers."""
        self.requests.clear()
        self.answering = self._usual
        return self

    def run(
        self,
        call: Callable[[Any], Awaitable[Answer]],
        *,
        media: Mapping[str, bytes] | None = None,
        **settings: Any,
    ) -> Answer:
        """Run a call on a new sender that sends its requests to this provider."""

        async def run_call() -> Answer:
            given = self._sender_class.Settings.model_validate({"baseUrl": self.url, **self._settings, **settings})
            context = fake_sender_context(http=self._http, media={**self._media, **(media or {})})
            return await call(self._sender_class(given, context))

        return self._runner.run(run_call())

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._http.aclose())
        self._runner.close()
        super().__exit__()


def always(status: int, body: object) -> Answering:
    """Return the same answer to every request."""
    return lambda _: ProviderAnswer(status, body)


def media_message(kind: str, source: Mapping[str, str], *, text: str | None = None, **content: str) -> OutgoingMessage:
    return OutgoingMessage("job-7", NUMBER, kind, text=text, content={"media": source, **content})
