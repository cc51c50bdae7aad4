"""Files that are made while they are sent. Their making ends when the client leaves."""

from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from typing import Any

from anyio import CancelScope, to_thread
from litestar import Request, Response
from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse
from litestar.types import Receive, Send


class FileStream(Response[None]):
    """The response whose body is a file.

    :param pieces: make the file, each in a thread; they are closed when the response ends, also if the client leaves.
    """

    def __init__(self, pieces: Iterator[bytes], *, media_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(None, media_type=media_type, headers=dict(headers))
        self._content_type = f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type
        self._pieces = pieces

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **options: Any) -> ASGIResponse:
        """Return the response as Litestar sends it."""
        del app
        return _FileResponse(
            self._pieces,
            cookies=options["cookies"],
            headers={**(options["headers"] or {}), **self.headers, "Content-Type": self._content_type},
            is_head_response=request.method == "HEAD",
            media_type=self.media_type,
            status_code=options["status_code"],
        )


class _FileResponse(ASGIStreamingResponse):
    def __init__(self, pieces: Iterator[bytes], **options: Any) -> None:
        super().__init__(iterator=_in_threads(pieces), **options)
        self._pieces = pieces

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Send the pieces until the last one, or until the client leaves."""
        try:
            await super().send_body(send, receive)
        finally:
            if isinstance(self._pieces, Generator):
                with CancelScope(shield=True):  # also while the server stops
                    await to_thread.run_sync(self._pieces.close)


async def _in_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield pieces that are made in threads. A piece that is being made is waited for, also if the client leaves."""
    while (piece := await to_thread.run_sync(next, pieces, None)) is not None:
        yield piece
