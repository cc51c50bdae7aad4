"""Sessions: a person signs in with an API key, and the browser has a cookie in its place."""

import math
import re
from datetime import datetime
from typing import Any, Final

from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.exceptions import TooManyRequestsException
from litestar.status_codes import HTTP_201_CREATED, HTTP_303_SEE_OTHER
from pydantic import Field, SecretStr, field_validator

from host_litestar.auth import KEYLESS, SCOPES_OF_CALLER, not_authorized
from host_litestar.callers import Caller, Callers
from host_litestar.key_guesses import GuessLimiter
from host_litestar.openapi import SignInOperation, answers
from host_litestar.problems import problems
from host_litestar.request_reading import TAKES_FORM, AnyRequest, is_form, take_fields
from host_litestar.routes.controller import ApiController
from host_litestar.routes.parameters import Actor, BroadcasterDep
from host_litestar.session_cookies import check_origin, read_token, session_cookie, session_of
from host_litestar.threads import CONTROL
from wabroadcast_core.errors import ConflictError
from wabroadcast_core.models.api_key import Scope
from wabroadcast_core.models.base import Model, parse_model
from wabroadcast_core.services.api_keys import digest_key
from wabroadcast_core.services.sessions import csrf_token

FAILURES: Final = 5  # sign-ins with a wrong key in a minute, of one address
MINUTE: Final = 60.0
PATH: Final = "/ui/session"
SIGN_IN_PAGE: Final = "/ui/sign-in"
_LOCAL_PATH = re.compile(r"/(?![/\\])[^\x00-\x20\x7f\\]*")

SignInLimit = NamedDependency[GuessLimiter]
CallersDep = NamedDependency[Callers]


class SignIn(Model):
    """What a person signs in with."""

    key: SecretStr = Field(max_length=512, description="An API key of this server.")
    next: str | None = Field(
        None, max_length=2_048, description="The path to which a form is redirected; by default the first page."
    )

    @field_validator("next")
    @classmethod
    def _check_path(cls, path: str | None) -> str | None:
        if path is not None and _LOCAL_PATH.fullmatch(path) is None:
            raise ValueError("not a path of this server: begin it with one slash")
        return path


class SignOut(Model):
    """The form of a sign-out: it has only the token of the session, which is checked when it is read."""


class SessionView(Model):
    """Who calls, and until when the session lasts."""

    actor: str = Field(description="The name of the API key, under which all acts are recorded.")
    scopes: list[Scope] = Field(description="What the key allows.")
    csrf_token: str | None = Field(
        description="To send in the header X-CSRF-Token of changing calls, or as csrfToken in a form; null for a key."
    )
    expires_at: datetime | None = Field(description="When the session ends by itself; null for a key.")


def sign_in_limit() -> GuessLimiter:
    """Return a limit on the failed sign-ins of each address: some at once, then the same number in a minute."""
    return GuessLimiter(burst=FAILURES, seconds=MINUTE / FAILURES)


class SessionController(ApiController):
    """Routes under ``/ui/session``."""

    path = PATH
    tags = ("Sessions",)

    @post(
        opt={**KEYLESS, **TAKES_FORM},
        status_code=HTTP_201_CREATED,
        operation_id="SignIn",
        operation_class=SignInOperation,
        responses=problems(409, 413, 415) | answers(201, SessionView),
    )
    async def sign_in(
        self, request: AnyRequest, broadcaster: BroadcasterDep, callers: CallersDep, sign_in_limit: SignInLimit
    ) -> Response[Any]:
        """Sign in with an API key, as JSON or as a form. The response sets the cookie of the session.

        The session lasts 12 hours, ends with the sign-out or the revocation of its key, and allows what the key allows.
        A form is answered with a redirect to `next`. After five failures in a minute, an address has to wait.
        """
        check_origin(request)
        given = parse_model(SignIn, take_fields(request))
        if not await callers.has_keys():
            raise ConflictError("this server has no API key: no sign-in is needed on this machine")
        digest = digest_key(given.key.get_secret_value().strip())
        caller = await check_sign_in(request, callers, sign_in_limit, digest)
        session = await CONTROL.run(broadcaster.sessions.begin, digest, actor=caller.actor)
        cookies = [session_cookie(request, session.token)]
        if is_form(request):
            home = request.url.path.rstrip("/").removesuffix(PATH) or "/"
            return _redirect(given.next or home, cookies)
        view = SessionView(
            actor=caller.actor,
            scopes=list(caller.scopes),
            csrf_token=csrf_token(session.token),
            expires_at=session.expires_at,
        )
        return Response(view, status_code=HTTP_201_CREATED, cookies=cookies)

    @get(operation_id="GetSession", sync_to_thread=False, responses=problems())
    def show(self, request: AnyRequest, actor: Actor) -> SessionView:
        """Return who calls, with the token that changing calls of a session need."""
        found = session_of(request)
        return SessionView(
            actor=actor,
            scopes=list(request.state.get(SCOPES_OF_CALLER, tuple(Scope))),
            csrf_token=None if found is None else csrf_token(found.token),
            expires_at=None if found is None else found.expires_at,
        )

    @delete(operation_id="SignOut", responses=problems())
    async def sign_out(self, request: AnyRequest, broadcaster: BroadcasterDep, actor: Actor) -> Response[None]:
        """Sign out: the session ends in all processes, and the browser deletes its cookie."""
        await _end(request, broadcaster, actor)
        return Response(None, cookies=[session_cookie(request, "")])

    @post("/end", opt=TAKES_FORM, operation_id="SignOutByForm", include_in_schema=False)
    async def sign_out_by_form(self, request: AnyRequest, broadcaster: BroadcasterDep, actor: Actor) -> Response[None]:
        """Sign out by a form, which a page without scripts has; it is redirected to the sign-in."""
        parse_model(SignOut, take_fields(request))
        await _end(request, broadcaster, actor)
        page = request.url.path.rstrip("/").removesuffix(f"{PATH}/end") + SIGN_IN_PAGE
        return _redirect(page, [session_cookie(request, "")])


async def check_sign_in(request: AnyRequest, callers: Callers, limit: GuessLimiter, digest: str) -> Caller:
    """Return the caller with a key.

    The failure is counted before the key is checked: else many sign-ins at once would all be checked.

    :raises TooManyRequestsException: the address has failed often.
    :raises NotAuthorizedException: the key is unknown or revoked.
    """
    host = request.client.host if request.client else ""
    if wait := limit.wait_of(host):
        seconds = math.ceil(wait)
        raise TooManyRequestsException(
            f"{FAILURES} sign-ins failed within a minute: sign in again in {seconds} seconds",
            headers={"Retry-After": str(seconds)},
        )
    limit.count(host)
    caller = await callers.find(digest)
    if caller is None:
        raise not_authorized("the API key is unknown or revoked: sign in with a key of this server")
    limit.take_back(host)
    return caller


async def _end(request: AnyRequest, broadcaster: Any, actor: str) -> None:
    token = read_token(request)
    if token is not None:
        await CONTROL.run(broadcaster.sessions.end, token, actor=actor)


def _redirect(path: str, cookies: list[Any]) -> Response[None]:
    return Response(None, status_code=HTTP_303_SEE_OTHER, headers={"Location": path}, cookies=cookies)
