"""The headers of a page: what it may load, and that it is neither framed nor stored."""

from typing import Any, Final

from litestar import Response

from host_litestar.safe_headers import SAFE_HEADERS

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
    return response
