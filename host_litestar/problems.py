"""The handler of errors, for all routes: problem documents as the core makes them, also for errors of the framework."""

import logging
import re
from functools import singledispatch
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from pydantic.alias_generators import to_camel

from host_litestar.languages import choose_language
from host_litestar.parameter_texts import parameter_text
from host_litestar.safe_headers import SAFE_HEADERS
from host_litestar.scopes import MissingScopeError
from host_litestar.session_cookies import CsrfError
from wabroadcast_core import problems as core_problems
from wabroadcast_core.errors import Fault, InputError, InvalidInputError, UnavailableError, VersionConflictError
from wabroadcast_core.problems import PROBLEM_LANGUAGES, PROBLEM_TYPE, Problem, problem_of

log = logging.getLogger(__name__)

_MISSING_PART = re.compile(r"Object missing required field `(\w+)`")
_CODES = {
    HTTPStatus.BAD_REQUEST: InputError.code,
    HTTPStatus.UNAUTHORIZED: "unauthorized",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
    HTTPStatus.PRECONDITION_REQUIRED: "precondition_required",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
    HTTPStatus.TOO_MANY_REQUESTS: "too_many_requests",
    HTTPStatus.SERVICE_UNAVAILABLE: UnavailableError.code,
}


_ALWAYS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


def handle_error(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """Create the response to an error that a route or the framework raised.

    An error of our own (status 500) is logged with its traceback. A 503 has the header ``Retry-After``.
    """
    problem = explain(request, error)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("%s %s failed", request.method, _route_of(request), exc_info=error)
    headers = {**SAFE_HEADERS, **(getattr(error, "headers", None) or {}), **problem.headers}
    if isinstance(error, VersionConflictError):
        headers["ETag"] = f'"{error.version}"'
    return Response(problem.document, status_code=problem.status, media_type=PROBLEM_TYPE, headers=headers)


def explain(request: Request[Any, Any, Any], error: Exception) -> Problem:
    """Return the problem document of an error, with what it means and what to do in the language of the caller."""
    return describe(error).explain(language=_language_of(request))


def _language_of(request: Request[Any, Any, Any]) -> str:
    """Return the language of the caller. A language without texts is no second error here."""
    given = dict(parse_qsl(request.scope["query_string"].decode("latin-1"))).get("lang")
    lang = given if given in PROBLEM_LANGUAGES else None
    return choose_language(lang, request.headers.get("accept-language"), available=PROBLEM_LANGUAGES)


@singledispatch
def describe(error: Exception) -> Problem:
    """Return the problem document of an error: below are the errors of Litestar and of this package."""
    return core_problems.describe(error)


@describe.register
def _(error: HTTPException) -> Problem:
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return describe(Exception())
    code = _CODES.get(HTTPStatus(error.status_code), InputError.code)
    return problem_of(error.status_code, code, error.detail)


@describe.register
def _(error: MissingScopeError) -> Problem:
    return problem_of(HTTPStatus.FORBIDDEN, error.code, error.detail, missing_scope=error.scope)


@describe.register
def _(error: CsrfError) -> Problem:
    return problem_of(HTTPStatus.FORBIDDEN, error.code, error.detail)


@describe.register
def _(error: ValidationException) -> Problem:
    """Describe the faults that Litestar found in parameters and bodies."""
    faults = [_read_fault(extra) for extra in error.extra or [] if isinstance(extra, dict)]
    if not faults:
        return problem_of(HTTPStatus.BAD_REQUEST, InputError.code, error.detail)
    return describe(InvalidInputError(faults))


def _read_fault(extra: dict[str, Any]) -> Fault:
    key, message = str(extra.get("key", "")), str(extra.get("message", ""))
    if missing := _MISSING_PART.fullmatch(message):
        return Fault(missing[1], "required")
    return Fault(key if "." in key else to_camel(key), parameter_text(message))


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """Declare the problem responses of a route for OpenAPI.

    :param statuses: HTTP statuses beside 400, 401, 403, 429 and 503, which every route has.
    :returns: entries for the route's ``responses``.
    """
    texts = {
        HTTPStatus.BAD_REQUEST: "The request is not valid; `errors` lists each fault of a body or of parameters.",
        HTTPStatus.UNAUTHORIZED: "The API key is missing, unknown or revoked.",
        HTTPStatus.FORBIDDEN: "The API key lacks the scope `missingScope`; without keys: the caller is elsewhere.",
        HTTPStatus.NOT_FOUND: "The broadcast, connection, contact or other object that the call names does not exist.",
        HTTPStatus.CONFLICT: "The call conflicts with the present state; `currentStatus` names it, where there is one.",
        HTTPStatus.PRECONDITION_FAILED: "Another call has changed the draft; `current` and `sent` are both versions.",
        HTTPStatus.PRECONDITION_REQUIRED: "The header `If-Match` is missing.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is larger than the server's limit.",
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is not declared as `application/json`.",
        HTTPStatus.TOO_MANY_REQUESTS: "Many wrong API keys came from this address; try again after `Retry-After`.",
        HTTPStatus.SERVICE_UNAVAILABLE: "The store or Redis cannot be reached (code `unavailable`), or as many such "
        "calls as may are running (`busy`); try again after `Retry-After` seconds. Or a plugin with a blacklist has "
        "failed (`blacklist_away`), or a validator has not returned (`plugin`): repair the plugin that `detail` names.",
    }
    declared = {*_ALWAYS, *map(HTTPStatus, statuses)}
    return {
        int(status): ResponseSpec(Problem, generate_examples=False, description=texts[status], media_type=PROBLEM_TYPE)
        for status in sorted(declared)
    }


def _route_of(request: Request[Any, Any, Any]) -> str:
    """Return the path with the names of its parameters, not their values: a value may be a phone number."""
    return str(request.scope.get("path_template") or "")
