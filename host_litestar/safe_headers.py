"""Headers that forbid browsers and caches to store a response, to guess its type and to load what it refers to.

The functions are coroutines, because Litestar runs others in the threads that all routes share: each response would
wait there, those of control calls and probes too.
"""

from typing import Any

from litestar import Response

NOSNIFF = ("X-Content-Type-Options", "nosniff")
SAFE_HEADERS = dict([NOSNIFF, ("Cache-Control", "no-store")])
"""Of every response of the API: it may hold personal data, and is of no other type than it says."""
PAGE_HEADERS = dict(
    [
        NOSNIFF,
        (
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
        ),
        ("Referrer-Policy", "no-referrer"),
    ]
)
"""Of the API reference, which has no scripts and loads nothing."""


async def set_safe_headers(response: Response[Any]) -> Response[Any]:
    """Set these headers on a response of the API."""
    response.headers.update(SAFE_HEADERS)
    return response


async def set_page_headers(response: Response[Any]) -> Response[Any]:
    """Set these headers on the API reference and its documents."""
    response.headers.update(PAGE_HEADERS)
    return response
