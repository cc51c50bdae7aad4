"""Errors as RFC 9457 problem documents. One handler serves all routes; programs branch on the stable ``code``."""

import logging
import re
from functools import singledispatch
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from pydantic import Field
from pydantic.alias_generators import to_camel

from host_litestar.languages import choose_language
from host_litestar.parameter_texts import parameter_text
from host_litestar.safe_headers import SAFE_HEADERS
from host_litestar.scopes import MissingScopeError
from host_litestar.session_cookies import CsrfError
from wabroadcast_core.errors import (
    ConflictError,
    Fault,
    FileError,
    InputError,
    InvalidInputError,
    NotFoundError,
    NumberError,
    SourceError,
    TemplateError,
    UnavailableError,
    VersionConflictError,
    WebhookRefusedError,
)
from wabroadcast_core.models.api_key import Scope
from wabroadcast_core.models.base import Model
from wabroadcast_core.reasons.catalogue import Catalogue

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5
_REASONS = Catalogue({})  # no code of a sender is that of a problem

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


class FaultView(Model):
    """One fault of a request."""

    path: str = Field(description="Dotted path of the field or parameter, as in recipients.3.number.")
    message: str = Field(description="What is wrong, and what to do.")


class Problem(Model):
    """An RFC 9457 problem document."""

    type: str = Field("about:blank", description="Always about:blank; `code` names the kind of error.")
    title: str = Field(description="The phrase of the HTTP status.")
    status: int = Field(description="The HTTP status.")
    code: str = Field(description="Stable name of the kind of error, for programs.")
    detail: str = Field(description="What is wrong, in words.")
    errors: list[FaultView] | None = Field(None, description="Every fault of the body or of the parameters.")
    line: int | None = Field(None, description="Line of the message text at fault; the first line is 1.")
    row: int | None = Field(None, description="Row of the file at fault; the first line is 1.")
    column: str | None = Field(None, description="Column of the file at fault.")
    missing_scope: Scope | None = Field(None, description="The scope that the API key lacks for this call.")
    current_status: str | None = Field(None, description="The present status, which does not allow this call.")
    meaning: str | None = Field(None, description="What the code means, in the language of the caller.")
    remedy: str | None = Field(None, description="What to do, in the language of the caller.")
    current: dict[str, Any] | None = Field(None, description="The draft as it is now, if another call has changed it.")
    sent: dict[str, Any] | None = Field(None, description="The fields that this call sent, for comparison.")


def problem_of(status: int, code: str, detail: str, **fields: Any) -> Problem:
    """Create a problem document whose title is the phrase of its HTTP status."""
    return Problem(title=HTTPStatus(status).phrase, status=status, code=code, detail=detail, **fields)


def handle_error(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """Create the response to an error that a route or the framework raised.

    An error of our own (status 500) is logged with its traceback. A 503 has the header ``Retry-After``.
    """
    problem = explain(request, error)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("%s %s failed", request.method, _route_of(request), exc_info=error)
    headers = {**SAFE_HEADERS, **(getattr(error, "headers", None) or {})}
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if isinstance(error, VersionConflictError):
        headers["ETag"] = f'"{error.version}"'
    return Response(
        problem.model_dump(mode="json", by_alias=True, exclude_none=True),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=headers,
    )


def explain(request: Request[Any, Any, Any], error: Exception) -> Problem:
    """Return the problem document of an error, with what it means and what to do in the language of the caller."""
    return _with_texts(describe(error), language=_language_of(request))


def _with_texts(problem: Problem, *, language: str) -> Problem:
    """Return a problem with what its code means and what to do, where the catalogue of reasons has the code."""
    reason = _REASONS.explain(problem.code, language=language)
    return problem.model_copy(update={"meaning": reason.meaning, "remedy": reason.action}) if reason.known else problem


def _language_of(request: Request[Any, Any, Any]) -> str:
    """Return the language of the caller. A language without texts is no second error here."""
    given = dict(parse_qsl(request.scope["query_string"].decode("latin-1"))).get("lang")
    available = _REASONS.languages
    lang = given if given in available else None
    return choose_language(lang, request.headers.get("accept-language"), available=available)


@singledispatch
def describe(error: Exception) -> Problem:
    """Return the problem document of an error.

    For an error of our own, which has no entry below, it holds no details: they are only in the log.
    """
    del error
    return problem_of(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "internal error: the server's log has the cause")


@describe.register
def _(error: InputError) -> Problem:
    return problem_of(HTTPStatus.BAD_REQUEST, error.code, str(error))


@describe.register
def _(error: NumberError) -> Problem:
    text = f"the phone number is not valid ({error.reason}): write it in full, as in +62 812 3456 7890"
    faults = [FaultView(path="number", message=text)]  # in each call the parameter or field of a number has this name
    return problem_of(HTTPStatus.BAD_REQUEST, error.code, f"number: {text}", errors=faults)


@describe.register
def _(error: InvalidInputError) -> Problem:
    faults = [FaultView(path=fault.path, message=fault.message) for fault in error.faults]
    return problem_of(HTTPStatus.BAD_REQUEST, error.code, str(error), errors=faults)


@describe.register
def _(error: TemplateError) -> Problem:
    return problem_of(HTTPStatus.BAD_REQUEST, error.code, str(error), line=error.line)


@describe.register
def _(error: FileError) -> Problem:
    return problem_of(HTTPStatus.BAD_REQUEST, error.code, str(error), row=error.row, column=error.column)


@describe.register
def _(error: SourceError) -> Problem:
    return problem_of(HTTPStatus.BAD_REQUEST, error.code, str(error))


@describe.register
def _(error: NotFoundError) -> Problem:
    return problem_of(HTTPStatus.NOT_FOUND, error.code, str(error))


@describe.register
def _(error: ConflictError) -> Problem:
    return problem_of(HTTPStatus.CONFLICT, error.code, str(error), current_status=error.status)


@describe.register
def _(error: VersionConflictError) -> Problem:
    status = HTTPStatus.PRECONDITION_FAILED
    return problem_of(status, error.code, str(error), current=error.present, sent=error.sent)


@describe.register
def _(error: WebhookRefusedError) -> Problem:
    return problem_of(HTTPStatus.FORBIDDEN, error.code, str(error))


@describe.register
def _(error: UnavailableError) -> Problem:
    return problem_of(HTTPStatus.SERVICE_UNAVAILABLE, error.code, str(error))


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
        "calls as may are running (`busy`); try again after `Retry-After` seconds.",
    }
    declared = {*_ALWAYS, *map(HTTPStatus, statuses)}
    return {
        int(status): ResponseSpec(Problem, generate_examples=False, description=texts[status], media_type=MEDIA_TYPE)
        for status in sorted(declared)
    }


def _route_of(request: Request[Any, Any, Any]) -> str:
    """Return the path with the names of its parameters, not their values: a value may be a phone number."""
    return str(request.scope.get("path_template") or "")
