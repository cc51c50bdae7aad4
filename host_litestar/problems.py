"""Errors as RFC 9457 problem documents. One handler serves all routes; programs branch on ``code``."""

import logging
import re
from functools import singledispatch
from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from pydantic import Field
from pydantic.alias_generators import to_camel

from wabroadcast_core.errors import (
    ConflictError,
    Fault,
    FileError,
    InputError,
    InvalidInputError,
    NotFoundError,
    SourceError,
    TemplateError,
    UnavailableError,
    WebhookRefusedError,
)
from wabroadcast_core.models.base import Model

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5

_MISSING_PART = re.compile(r"Object missing required field `(\w+)`")
_CODES = {
    HTTPStatus.BAD_REQUEST: InputError.code,
    HTTPStatus.UNAUTHORIZED: "unauthorized",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
    HTTPStatus.SERVICE_UNAVAILABLE: UnavailableError.code,
}


class FaultView(Model):
    """One thing that does not fit."""

    path: str = Field(description="Where, dotted: recipients.3.number.")
    message: str


class Problem(Model):
    """An RFC 9457 problem document."""

    type: str = "about:blank"
    title: str
    status: int = Field(description="The HTTP status.")
    code: str = Field(description="Stable: programs read this one.")
    detail: str
    errors: list[FaultView] | None = Field(None, description="Every fault of a body or of parameters.")
    line: int | None = Field(None, description="Where in a message text.")
    row: int | None = Field(None, description="Where in a file; the first line is 1.")
    column: str | None = Field(None, description="Where in a file.")
    current_status: str | None = Field(None, description="What stands in the way of a transition.")


def problem_of(status: int, code: str, detail: str, **more: Any) -> Problem:
    return Problem(title=HTTPStatus(status).phrase, status=status, code=code, detail=detail, **more)


def handle_error(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, Any]]:
    """Answer any error that a route or the framework raised."""
    problem = describe(error)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("%s %s failed", request.method, _route_of(request), exc_info=error)
    headers = dict(getattr(error, "headers", None) or {})
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return Response(
        problem.model_dump(mode="json", by_alias=True, exclude_none=True),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=headers,
    )


@singledispatch
def describe(error: Exception) -> Problem:
    """What the caller may know of an error: of a failure of ours, nothing but that it happened."""
    del error
    return problem_of(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "something went wrong here; the log says what")


@describe.register
def _(error: InputError) -> Problem:
    return problem_of(HTTPStatus.BAD_REQUEST, error.code, str(error))


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
def _(error: ValidationException) -> Problem:
    """Litestar's own check of parameters and bodies."""
    faults = [_read_fault(extra) for extra in error.extra or [] if isinstance(extra, dict)]
    if not faults:
        return problem_of(HTTPStatus.BAD_REQUEST, InputError.code, error.detail)
    return describe(InvalidInputError(faults))


def _read_fault(extra: dict[str, Any]) -> Fault:
    key, message = str(extra.get("key", "")), str(extra.get("message", "")).removeprefix("Value error, ")
    if missing := _MISSING_PART.fullmatch(message):
        return Fault(missing[1], "required")
    return Fault(key if "." in key else to_camel(key), message)


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """Declare problem answers for OpenAPI: those that every call may give, and ``statuses``."""
    texts = {
        HTTPStatus.BAD_REQUEST: "What was sent does not fit; every fault is named.",
        HTTPStatus.UNAUTHORIZED: "An API key is missing or not known.",
        HTTPStatus.FORBIDDEN: "The call does not carry the provider's proof.",
        HTTPStatus.NOT_FOUND: "There is no such thing.",
        HTTPStatus.CONFLICT: "The present state does not allow this; currentStatus says which it is.",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is over the size limit.",
        HTTPStatus.SERVICE_UNAVAILABLE: "The store or Redis cannot be reached just now.",
    }
    always = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.SERVICE_UNAVAILABLE)
    declared = {*always, *map(HTTPStatus, statuses)}
    return {
        int(status): ResponseSpec(Problem, generate_examples=False, description=texts[status], media_type=MEDIA_TYPE)
        for status in sorted(declared)
    }


def _route_of(request: Request[Any, Any, Any]) -> str:
    """The path with its parameters' names: a value may be a phone number."""
    return str(request.scope.get("path_template") or "")
