"""The cookie of a session, and the token with which a page proves that a changing request is its own.

A browser sends the cookie with requests that other sites cause, too; they cannot know the token.
"""

import hmac
from typing import Any, Final
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.exceptions import PermissionDeniedException

from wabroadcast_core.services.sessions import LIFE_SECONDS, Session, csrf_token

COOKIE: Final = "wabroadcast"
SECURE_COOKIE: Final = "__Host-wabroadcast"  # browsers take it only over HTTPS, and from this host alone
CSRF_HEADER: Final = "X-CSRF-Token"
CSRF_FIELD: Final = "csrfToken"  # of a form
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_SESSION: Final = "wabroadcast_session"  # in the state of a request

AnyConnection = ASGIConnection[Any, Any, Any, Any]


class CsrfError(PermissionDeniedException):
    """A changing request of a session without its token, or from a page of another site."""

    code = "csrf"


def read_token(request: AnyConnection) -> str | None:
    """Return the session's token of a request; None if it has no cookie.

    A request with an API key has no session, whatever its cookies are.
    """
    if "authorization" in request.headers:
        return None
    return request.cookies.get(_name(request))


def keep_session(request: AnyConnection, session: Session) -> None:
    """Note the session of a request, once it is known to be valid."""
    request.state[_SESSION] = session


def session_of(request: AnyConnection) -> Session | None:
    """Return the valid session of a request; None if it has none."""
    found: Session | None = request.state.get(_SESSION)
    return found


def session_cookie(request: AnyConnection, token: str) -> Cookie:
    """Return the cookie of a session. With an empty token, the browser deletes it."""
    return Cookie(
        key=_name(request),
        value=token,
        path="/",
        httponly=True,
        samesite="lax",
        secure=_is_https(request),
        max_age=int(LIFE_SECONDS) if token else 0,
    )


def check_csrf(token: str, given: str | None) -> None:
    """Check the token with which a page proves that a request is its own.

    :param token: of the session.
    :param given: what the request has in its header or its form.
    :raises CsrfError: it is missing or wrong.
    """
    if given is None or not hmac.compare_digest(given.encode(), csrf_token(token).encode()):
        raise CsrfError(
            f"the request is not from a page of this session: send the header {CSRF_HEADER} with the csrfToken that "
            "`GET /ui/session` returns"
        )


def check_origin(request: AnyConnection) -> None:
    """Check that no page of another site signs a person in, with a key that is not the person's own.

    The browser itself says where a request comes from. An old one does not: then the header ``Origin`` is compared with
    ``Host``, which a proxy may have changed.

    :raises CsrfError: the request comes from another site.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    is_ours = site in {"same-origin", "none"} if site else origin is None or _host_of(origin) == _own_host(request)
    if not is_ours:
        raise CsrfError("the request comes from a page of another site: sign in on a page of this server")


def _own_host(request: AnyConnection) -> str:
    return request.headers.get("host", "").lower()


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None


def _name(request: AnyConnection) -> str:
    return SECURE_COOKIE if _is_https(request) else COOKIE


def _is_https(request: AnyConnection) -> bool:
    """Return whether the browser uses HTTPS, be it to a proxy: a false header only makes the cookie stricter."""
    forwarded = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    return request.scope["scheme"] == "https" or forwarded == "https"
