"""The headers of a page: what it may load, and that it is neither framed nor stored."""

from http import HTTPStatus
from typing import Any, Final

from litestar import Response

from host_litestar.safe_headers import SAFE_HEADERS
from wabroadcast_core.problems import RETRY_AFTER_SECONDS

_CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:;"
    " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
PAGE_HEADERS: Final = {
    **SAFE_HEADERS,
    "Content-Security-Policy": _CONTENT_POLICY,
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


async def set_page_headers(response: Response[Any]) -> Response[Any]:
    """Set the headers of a page: nothing is loaded from elsewhere, framed, stored or guessed."""
    response.headers.update(PAGE_HEADERS)
    if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response
