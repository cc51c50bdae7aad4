"""A gateway on loopback to put questions to, over one client: a new one for each costs more than the question."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Self, TypeVar

from wabroadcast_core import OutgoingMessage, Sender
from wabroadcast_core.delivery.http_client import make_client
from wabroadcast_core.testing import FakeProvider, ProviderAnswer, fake_sender_context
from wabroadcast_core.testing.provider import Answering

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
AnySender = TypeVar("AnySender", bound=Sender)


class Gateway(FakeProvider):
    """:param sent: what it answers unless a test says otherwise."""

    def __init__(self, sender_class: type[AnySender], settings: Mapping[str, str], sent: object) -> None:
        super().__init__()
        self._sender_class = sender_class
        self._settings = settings
        self._usual: Answering = lambda _: ProviderAnswer(200, sent)
        self._runner = asyncio.Runner()
        self._http = make_client()

    def reset(self) -> Self:
        self.requests.clear()
        self.answering = self._usual
        return self

    def ask(self, question: Callable[[Any], Awaitable[Answer]], **settings: str) -> Answer:
        """Put a question to a sender that talks to this gateway."""

        async def put() -> Answer:
            given = self._sender_class.Settings.model_validate({"baseUrl": self.url, **self._settings, **settings})
            return await question(self._sender_class(given, fake_sender_context(http=self._http, media=MEDIA)))

        return self._runner.run(put())

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._http.aclose())
        self._runner.close()
        super().__exit__()


def media_message(kind: str, source: Mapping[str, str], *, text: str | None = None, **content: str) -> OutgoingMessage:
    return OutgoingMessage("job-7", NUMBER, kind, text=text, content={"media": source, **content})
