"""Access control: Bearer API keys and sessions or, if no key is set, callers on this machine only."""

import ipaddress
import math
import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException, TooManyRequestsException
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard
from litestar.utils import ensure_async_callable

from host_litestar.callers import Caller, Callers
from host_litestar.key_guesses import GuessLimiter
from host_litestar.request_reading import takes_form
from host_litestar.scopes import MissingScopeError, needed_scope
from host_litestar.session_cookies import CSRF_HEADER, SAFE_METHODS, check_csrf, keep_session, read_token
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.api_key import are_enough
from wabroadcast_core.services.api_keys import digest_key

KEYLESS: dict[str, Any] = {"public": True}  # the ``opt`` of a route that needs no key
OUTSIDE = "outside_host_guards"  # set in the ``opt`` of a route that is outside the guards of the application
PUBLIC: dict[str, Any] = {**KEYLESS, OUTSIDE: True, "exclude_from_auth": True}  # the last one is Litestar's own
SCOPES_OF_CALLER = "wabroadcast_scopes"  # in the state of a request whose key or session is valid
ACTOR_WITHOUT_KEY = "api"  # the actor in the audit log of a request that has no key
KEYS_OF_ROUTE = "keys"  # in the ``opt`` of a route: digests of keys that open it beside the API keys
KEEPS_FORM = "keeps_form"  # in the ``opt`` of a route that reads its form first, then calls ``raise_refusal``
_REFUSAL = "wabroadcast_refusal"  # in the state of a request to such a route that has no valid key or session
_OPEN = "wabroadcast_open"  # in the state of a request that this machine may make because there is no key
_RECHECK = "wabroadcast_recheck"  # in the state of a request: checks again that it is allowed

_FORWARDING_HEADER = re.compile(
    r"forwarded|via|x-(?:original-)?forwarded-.+|x-original-(?:host|url|to)|(?:.+-)?client-?ip|cdn-loop|cf-.+"
    r"|x-(?:real|remote|user|proxyuser|appengine-user)-(?:ip|addr|address)|x-envoy-.+"
)
_OTHER_SITES = frozenset({"cross-site", "same-site"})  # values of Sec-Fetch-Site
_PORTS = {"http": 80, "https": 443}

AnyRequest = ASGIConnection[Any, Any, Any, Any]


class KeyGuard:
    """Guard that requires an API key with the scope of the route, on every route that is not public.

    The session of a person who has signed in with a key counts as the key. The name of the key becomes the actor.

    :param without_keys: guard of the requests to a server that has no key and never had one; by default they may pass.
    """

    def __init__(
        self,
        broadcaster: Broadcaster,
        *,
        without_keys: "LoopbackGuard | None" = None,
        guesses: GuessLimiter | None = None,
    ) -> None:
        self.broadcaster = broadcaster
        self._guesses = guesses or GuessLimiter()
        self._callers = Callers(broadcaster)
        self._without_keys = without_keys

    async def __call__(self, request: AnyRequest, handler: BaseRouteHandler) -> None:
        """Check the key or the session of a request.

        :raises NotAuthorizedException: the key is missing, unknown or revoked, or the session has ended.
        :raises TooManyRequestsException: the address has sent many wrong keys.
        :raises CsrfError: a changing request of a session does not have its token.
        :raises MissingScopeError: the key does not have the scope of the route.
        """
        if handler.opt.get("public"):
            return
        if not await self._callers.has_keys():
            if self._without_keys is not None:
                await self._without_keys(request, handler)
                request.state[_OPEN] = True
            set_recheck(request, self._is_still_open)
            return
        try:
            caller = await self._find_caller(request, handler)
        except NotAuthorizedException as error:
            if not handler.opt.get(KEEPS_FORM):
                raise
            request.state[_REFUSAL] = error
            return
        if not are_enough(caller.scopes, needed := needed_scope(handler)):
            raise MissingScopeError(caller.actor, scope=needed)
        request.scope["auth"] = caller.actor
        request.state[SCOPES_OF_CALLER] = caller.scopes

    async def _find_caller(self, request: AnyRequest, handler: BaseRouteHandler) -> Caller:
        token = read_token(request)
        return await (self._by_key(request, handler) if token is None else self._by_session(request, handler, token))

    async def _by_key(self, request: AnyRequest, handler: BaseRouteHandler) -> Caller:
        digest = digest_key(_read_key(request))
        host = _remote_host(request)
        if host is not None and (wait := self._guesses.wait_of(host)):
            raise _too_many_keys(wait)
        also = handler.opt.get(KEYS_OF_ROUTE, ())
        caller = await self._callers.find(digest, also=also)
        if caller is None:
            if host is not None:
                self._guesses.count(host)
            raise not_authorized(
                "the API key is unknown or revoked: send a key of this server", ', error="invalid_token"'
            )
        set_recheck(request, partial(self._callers.is_valid, digest, also=also))
        return caller

    async def _by_session(self, request: AnyRequest, handler: BaseRouteHandler, token: str) -> Caller:
        found = await self._callers.find_session(token)
        if found is None:
            raise not_authorized("the session has ended: sign in again")
        session, caller = found
        if request.scope.get("method") not in SAFE_METHODS and not takes_form(handler):  # a form has the token in it
            check_csrf(token, request.headers.get(CSRF_HEADER))
        keep_session(request, session)
        set_recheck(request, partial(self._callers.is_valid_session, token))
        return caller

    async def _is_still_open(self) -> bool:
        return not await self._callers.has_keys()


def set_recheck(request: AnyRequest, recheck: Callable[[], Awaitable[bool]]) -> None:
    """Set how it is checked again that a request is allowed, which event streams do every few seconds.

    :param recheck: returns whether it still is.
    """
    request.scope.setdefault("state", {})[_RECHECK] = recheck


def has_passed(request: AnyRequest) -> bool:
    """Return whether a request has passed the check of its key: a public route has none."""
    return _RECHECK in request.scope.get("state", {})


def raise_refusal(request: AnyRequest) -> None:
    """Raise the refusal of a request to a route with ``KEEPS_FORM``.

    :raises NotAuthorizedException: the request has no valid key or session.
    """
    refusal: NotAuthorizedException | None = request.scope.get("state", {}).get(_REFUSAL)
    if refusal is not None:
        raise refusal


def is_open(request: AnyRequest) -> bool:
    """Return whether a request has passed because the server has no key and serves only this machine."""
    return _OPEN in request.scope.get("state", {})


async def is_still_allowed(request: AnyRequest) -> bool:
    """Return whether a request that was allowed would still be.

    :raises UnavailableError: the store cannot be reached.
    """
    recheck: Callable[[], Awaitable[bool]] | None = request.scope.get("state", {}).get(_RECHECK)
    return recheck is None or await recheck()


class LoopbackGuard:
    """Guard of a server without API keys: it serves only callers on this machine.

    The server listens on a loopback address then, but a web page (DNS rebinding, cross-site requests) or a proxy can
    still forward requests to it. The header ``Host`` of such a request names another machine, its ``Origin`` another
    address than ours, or a header of the proxy shows that the request was forwarded. A proxy that adds no header and
    writes our own ``Host``, as nginx does by default, sends HTTP/1.0.
    """

    async def __call__(self, request: AnyRequest, handler: BaseRouteHandler) -> None:
        """Check that a request comes from this machine, and not from a page of another address.

        :raises PermissionDeniedException: it may not.
        """
        if handler.opt.get("public"):
            return
        own_address = _address_of(f"{request.scope['scheme']}://{request.headers.get('host', '')}")
        origin = request.headers.get("origin")
        if any(map(_FORWARDING_HEADER.fullmatch, request.headers)) or request.scope.get("http_version") == "1.0":
            raise _not_local("the request was forwarded by a proxy")
        if own_address is None or not is_loopback(own_address[1]) or len(request.headers.getall("host")) > 1:
            raise _not_local("the header Host of the request names another machine")
        if origin is not None and _address_of(origin) != own_address:
            raise _not_local("the header Origin of the request names another address than this server's")
        if request.scope.get("method") not in SAFE_METHODS and request.headers.get("sec-fetch-site") in _OTHER_SITES:
            raise _not_local("the request comes from a page of another site")


def _remote_host(request: AnyRequest) -> str | None:
    """Return the address of a caller on another machine; None on this one: callers behind a proxy share it."""
    host = request.client.host if request.client else None
    return None if is_loopback(host) else host


def _too_many_keys(wait: float) -> TooManyRequestsException:
    return TooManyRequestsException(
        "many wrong API keys came from this address: send a key of this server after Retry-After seconds",
        headers={"Retry-After": str(math.ceil(wait))},
    )


def _not_local(fact: str) -> PermissionDeniedException:
    return PermissionDeniedException(
        f"{fact}, and without API keys the server serves only this machine: set WABROADCAST_API_KEYS, or create a key"
        " with `wabroadcast keys create`, to serve others"
    )


def _address_of(address: str) -> tuple[str, str | None, int | None] | None:
    """Return the scheme, host and port of an address; None if it is malformed or has a user."""
    try:
        parts = urlsplit(address)
        if parts.username is not None:
            return None
        return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None


def is_loopback(host: str | None) -> bool:
    """Return whether a host name or an address can only mean this machine."""
    if host is None:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def keep_outside(guard: Guard) -> Guard:
    """Return a guard that lets callers of probes and webhooks pass, and checks those of all other routes as before."""
    check = ensure_async_callable(guard)

    async def run(connection: AnyRequest, handler: BaseRouteHandler) -> None:
        if not handler.opt.get(OUTSIDE):
            await check(connection, handler)

    return run


def provide_actor(request: AnyRequest) -> str:
    """Return the actor of a request for the audit log: the name of its key or digits of its digest, or ``api``."""
    return str(request.scope.get("auth") or ACTOR_WITHOUT_KEY)


def _read_key(request: AnyRequest) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise not_authorized("the request has no API key: send the header Authorization: Bearer <key>")
    return key.strip()


def not_authorized(detail: str, parameters: str = "") -> NotAuthorizedException:
    """Return the error of a request without a valid key, with the header that asks for one."""
    return NotAuthorizedException(detail, headers={"WWW-Authenticate": f'Bearer realm="wabroadcast"{parameters}'})
