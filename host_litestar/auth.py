"""The door: Bearer API keys, or, where there are none, callers on this machine only."""

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from pydantic import SecretStr

PUBLIC = {"public": True}  # a route's opt: needs no key
NO_KEY = "api"  # who acts where no key says so
_ACTOR_LENGTH = 6

AnyConnection = ASGIConnection[Any, Any, Any, Any]


class KeyGuard:
    """Asks for a known key on every route that is not public. The key's digest names the actor, never the key."""

    def __init__(self, keys: Iterable[SecretStr]) -> None:
        self._digests = [_digest(key.get_secret_value()) for key in keys]

    async def __call__(self, connection: AnyConnection, handler: BaseRouteHandler) -> None:
        if handler.opt.get("public"):
            return
        scheme, _, key = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise _refusal("this needs an API key: send Authorization: Bearer <key>")
        digest = _digest(key.strip())
        matches = [hmac.compare_digest(digest, known) for known in self._digests]  # all of them: no timing to read
        if not any(matches):
            raise _refusal("the API key is not known", ', error="invalid_token"')
        connection.scope["auth"] = digest[:_ACTOR_LENGTH]


class LoopbackGuard:
    """Without keys: no caller that was led here from elsewhere, by a web page or through a proxy."""

    async def __call__(self, connection: AnyConnection, handler: BaseRouteHandler) -> None:
        if handler.opt.get("public"):
            return
        host = urlsplit(f"//{connection.headers.get('host', '')}").hostname
        origin = connection.headers.get("origin")
        if not is_loopback(host) or (origin is not None and not is_loopback(urlsplit(origin).hostname)):
            raise PermissionDeniedException(
                "without API keys only callers on this machine are served: set WABROADCAST_API_KEYS"
            )


def is_loopback(host: str | None) -> bool:
    """Whether a host name or address can only mean this machine."""
    if host is None:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def provide_actor(request: AnyConnection) -> str:
    """Who acts: part of the key's digest, as the record of acts shows it."""
    return str(request.scope.get("auth") or NO_KEY)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _refusal(detail: str, more: str = "") -> NotAuthorizedException:
    return NotAuthorizedException(detail, headers={"WWW-Authenticate": f'Bearer realm="wabroadcast"{more}'})
