"""Errors as RFC 9457 problem documents, for any host with HTTP. Programs branch on the stable ``code``."""

from functools import singledispatch
from http import HTTPStatus
from typing import Any, Final, Self

from pydantic import Field

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
    UncheckedError,
    VersionConflictError,
    WebhookRefusedError,
    fault_of_number,
)
from wabroadcast_core.models.api_key import Scope
from wabroadcast_core.models.base import Model, Said
from wabroadcast_core.reasons.catalogue import DEFAULT_LANGUAGE, Catalogue
from wabroadcast_core.sentences import sentence_of

PROBLEM_TYPE: Final = "application/problem+json"
RETRY_AFTER_SECONDS: Final = 5
_REASONS: Final = Catalogue({})  # no code of a sender is that of a problem
PROBLEM_LANGUAGES: Final = _REASONS.languages  # of ``meaning`` and ``remedy``; the first is the default


class FaultView(Model):
    """One fault of a request."""

    path: str = Field(description="Dotted path of the field or parameter, as in recipients.3.number.")
    message: Said = Field(description="What is wrong, and what to do.")
    code: str | None = Field(
        default=None, description="Stable name of the fault, for programs, such as string_too_long."
    )

    @classmethod
    def of(cls, fault: Fault) -> Self:
        """Return a fault as a problem document lists it."""
        return cls(path=fault.path, message=fault.message, code=fault.code)


class Problem(Model):
    """An RFC 9457 problem document."""

    type: str = Field(default="about:blank", description="Always about:blank; `code` names the kind of error.")
    title: str = Field(description="The phrase of the HTTP status.")
    status: int = Field(description="The HTTP status.")
    code: str = Field(description="Stable name of the kind of error, for programs.")
    detail: Said = Field(description="What is wrong, in words.")
    errors: list[FaultView] | None = Field(default=None, description="Every fault of the body or of the parameters.")
    line: int | None = Field(default=None, description="Line of the message text at fault; the first line is 1.")
    row: int | None = Field(default=None, description="Row of the file at fault; the first line is 1.")
    column: str | None = Field(default=None, description="Column of the file at fault.")
    missing_scope: Scope | None = Field(default=None, description="The scope that the API key lacks for this call.")
    current_status: str | None = Field(default=None, description="The present status, which does not allow this call.")
    meaning: str | None = Field(default=None, description="What the code means, in the language of the caller.")
    remedy: str | None = Field(default=None, description="What to do, in the language of the caller.")
    current: dict[str, Any] | None = Field(
        default=None, description="The draft as it is now, if another call has changed it."
    )
    sent: dict[str, Any] | None = Field(default=None, description="The fields that this call sent, for comparison.")

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the response: its type and, with status 503, the time after which to call again."""
        retry = {"Retry-After": str(RETRY_AFTER_SECONDS)} if self.status == HTTPStatus.SERVICE_UNAVAILABLE else {}
        return {"Content-Type": PROBLEM_TYPE, **retry}

    @property
    def document(self) -> dict[str, Any]:
        """The body of the response as JSON values, without the fields that do not apply."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    @property
    def body(self) -> bytes:
        """The body of the response."""
        return self.model_dump_json(by_alias=True, exclude_none=True).encode()

    def explain(self, *, language: str = DEFAULT_LANGUAGE) -> "Problem":
        """Return the problem with what its code means and what to do, where the code is a known one."""
        reason = _REASONS.explain(self.code, language=language)
        return self.model_copy(update={"meaning": reason.meaning, "remedy": reason.action}) if reason.known else self


def problem_of(status: int, code: str, detail: str, **fields: Any) -> Problem:
    """Create a problem document whose title is the phrase of its HTTP status."""
    return Problem(title=HTTPStatus(status).phrase, status=status, code=code, detail=detail, **fields)


def describe_error(error: Exception, *, language: str = DEFAULT_LANGUAGE) -> Problem:
    """Return the HTTP problem of an error: status, code, detail, meaning and remedy.

    An error that the caller cannot mend, such as a bug, has the status 500 and no details: log it.

    :param error: any exception that a method of the broadcaster raised.
    :param language: of ``meaning`` and ``remedy`` (ISO 639-1); one without texts gives English.
    """
    return describe(error).explain(language=language)


@singledispatch
def describe(error: Exception) -> Problem:
    """Return the problem document of an error, without ``meaning`` and ``remedy``.

    For an error of our own, which has no entry below, it holds no details: they are only in the log.
    """
    del error
    return problem_of(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "internal error: the server's log has the cause")


@describe.register
def _(error: InputError) -> Problem:
    return problem_of(HTTPStatus.BAD_REQUEST, error.code, sentence_of(error))


@describe.register
def _(error: NumberError) -> Problem:
    return describe(InvalidInputError([fault_of_number(error)])).model_copy(update={"code": error.code})


@describe.register
def _(error: InvalidInputError) -> Problem:
    faults = [*map(FaultView.of, error.faults)]
    return problem_of(HTTPStatus.BAD_REQUEST, error.code, sentence_of(error), errors=faults)


@describe.register
def _(error: TemplateError) -> Problem:
    return problem_of(HTTPStatus.BAD_REQUEST, error.code, sentence_of(error), line=error.line)


@describe.register
def _(error: FileError) -> Problem:
    return problem_of(HTTPStatus.BAD_REQUEST, error.code, sentence_of(error), row=error.row, column=error.column)


@describe.register
def _(error: SourceError) -> Problem:
    return problem_of(HTTPStatus.BAD_REQUEST, error.code, sentence_of(error))


@describe.register
def _(error: NotFoundError) -> Problem:
    return problem_of(HTTPStatus.NOT_FOUND, error.code, sentence_of(error))


@describe.register
def _(error: ConflictError) -> Problem:
    return problem_of(HTTPStatus.CONFLICT, error.code, sentence_of(error), current_status=error.status)


@describe.register
def _(error: VersionConflictError) -> Problem:
    status = HTTPStatus.PRECONDITION_FAILED
    return problem_of(status, error.code, sentence_of(error), current=error.present, sent=error.sent)


@describe.register
def _(error: WebhookRefusedError) -> Problem:
    return problem_of(HTTPStatus.FORBIDDEN, error.code, sentence_of(error))


@describe.register
def _(error: UnavailableError) -> Problem:
    return problem_of(HTTPStatus.SERVICE_UNAVAILABLE, error.code, sentence_of(error))


@describe.register
def _(error: UncheckedError) -> Problem:
    return problem_of(HTTPStatus.SERVICE_UNAVAILABLE, error.code, sentence_of(error))
