"""The body of a request, piece by piece."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

from litestar import Request
from litestar.exceptions import HTTPException, InternalServerException


async def body_pieces(request: Request[Any, Any, Any]) -> AsyncIterator[bytes]:
    """Yield the body of a request as it comes.

    :raises HTTPException: the client left before its body was complete: that is no fault of the server.
    """
    try:
        async for piece in request.stream():
            yield piece
    except InternalServerException as error:  # Litestar raises it for this only
        raise HTTPException(
            "the client left before its body was complete", status_code=HTTPStatus.BAD_REQUEST
        ) from error
