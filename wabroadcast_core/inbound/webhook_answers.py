"""Webhook calls as plain values in, answers as plain values out: what every host decides by, with any web server."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from wabroadcast_core.errors import (
    BroadcastError,
    Fault,
    InvalidInputError,
    NotFoundError,
    UnavailableError,
    WebhookRefusedError,
)
from wabroadcast_core.inbound.intake import WebhookIntake
from wabroadcast_core.inbound.refusals import REFUSAL
from wabroadcast_core.inbound.webhook_forms import FIELDS, FORM_BYTES, WebhookForm, is_form
from wabroadcast_core.models.receipt import WebhookRequest
from wabroadcast_core.problems import Problem, describe, problem_of

ANSWER_SECONDS: Final = 30.0  # after them the provider is asked to call again
METHODS: Final = frozenset({"GET", "POST"})
ACKNOWLEDGEMENT: Final = "ok"
NOSNIFF: Final = {"X-Content-Type-Options": "nosniff"}  # a handshake is answered with a text of the caller


class WebhookAnswer(NamedTuple):
    """The response to a webhook call, as any web server sends it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class NotAllowedError(Exception):
    """The call has a method other than GET and POST."""


class TooLargeError(Exception):
    """The body of a call is larger than the limit.

    :param most: the limit in bytes.
    """

    def __init__(self, most: int) -> None:
        super().__init__(f"the body is larger than {most:,} bytes")


ANSWERED: Final = (BroadcastError, NotAllowedError, TooLargeError, TimeoutError)  # by :func:`answer_error`


def answer_webhook(
    intake: WebhookIntake,
    method: str,
    path: str,
    *,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    most_bytes: int,
) -> WebhookAnswer:
    """Verify and store a provider's call, and return the answer. It waits until the call is stored.

    :param path: the name of the connection, or a path that ends with it; it may have the query string.
    :param query: the query string, where the path does not have it.
    :param body: as it was received: signatures are computed over its bytes.
    :param most_bytes: the largest body.
    """
    place, _, query_in_path = path.partition("?")
    try:
        check_method(method)
        fields = {name.lower(): value for name, value in headers.items()}
        if len(body) > (most := largest_body(fields, most_bytes=most_bytes)):
            raise TooLargeError(most)
        request = make_request(method, read_query(query or query_in_path), headers=fields, body=body)
        return answer_reply(intake.take(last_segment(place), request).result(ANSWER_SECONDS))
    except ANSWERED as error:
        return answer_error(error)


# --- the call ----------------------------------------------------------------------------------------------------


def last_segment(path: str) -> str:
    """Return what a path ends with: the name of a connection, wherever a host has put the webhooks."""
    return path.rstrip("/").rpartition("/")[2]


def check_method(method: str) -> None:
    """Check the method of a call.

    :raises NotAllowedError: it is neither GET nor POST.
    """
    if method not in METHODS:
        raise NotAllowedError


def largest_body(headers: Mapping[str, str], *, most_bytes: int) -> int:
    """Return the largest body of a call with these headers.

    :param headers: by their names in small letters.
    :param most_bytes: the largest body of any call.
    :raises TooLargeError: the headers announce a larger one.
    """
    most = min(FORM_BYTES, most_bytes) if is_form(headers.get("content-type", "")) else most_bytes
    length = headers.get("content-length", "")
    if length.isascii() and length.isdigit() and (len(length) > len(str(most)) or int(length) > most):
        raise TooLargeError(most)
    return most


def read_query(query: str) -> dict[str, str]:
    """Return the fields of a query string.

    :raises InvalidInputError: it has more fields than the limit.
    """
    if not query:
        return {}
    if query.count("&") >= FIELDS:
        raise _too_many_fields("the query string")
    return dict(parse_qsl(query, keep_blank_values=True))


def make_request(method: str, query: dict[str, str], *, headers: dict[str, str], body: bytes) -> WebhookRequest:
    """Return a call as senders verify it.

    :param headers: by their names in small letters.
    :raises InvalidInputError: its form has more fields than the limit.
    """
    content_type = headers.get("content-type", "")
    if not is_form(content_type):
        return WebhookRequest(method, query, headers, body)
    form = WebhookForm(content_type, body)
    if form.count_fields() > FIELDS:
        raise _too_many_fields("the form")
    return WebhookRequest(method, query, headers, body, form)


def _too_many_fields(what: str) -> InvalidInputError:
    return InvalidInputError([Fault("", f"{what} has more than {FIELDS:,} fields")])


# --- the answer --------------------------------------------------------------------------------------------------


def answer_reply(reply: str | None) -> WebhookAnswer:
    """Return the answer to a call that was taken.

    :param reply: the text that a handshake is answered with; None for any other call.
    """
    text = ACKNOWLEDGEMENT if reply is None else reply
    return WebhookAnswer(HTTPStatus.OK, {"Content-Type": "text/plain; charset=utf-8", **NOSNIFF}, text.encode())


def answer_error(error: Exception) -> WebhookAnswer:
    """Return the answer to a call that was not taken: a problem document that a stranger may read."""
    problem = _problem_of(error)
    allowed = {"Allow": ", ".join(sorted(METHODS))} if isinstance(error, NotAllowedError) else {}
    return WebhookAnswer(problem.status, {**problem.headers, **allowed, **NOSNIFF}, problem.body)


def _problem_of(error: Exception) -> Problem:
    match error:
        case TooLargeError():
            return problem_of(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", str(error))
        case NotAllowedError():
            return problem_of(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed", "webhooks have only GET and POST")
        case NotFoundError() | WebhookRefusedError():  # the caller may be a stranger
            return problem_of(HTTPStatus.FORBIDDEN, WebhookRefusedError.code, REFUSAL)
        case UnavailableError() | TimeoutError():  # the text of the first one names addresses
            return problem_of(
                HTTPStatus.SERVICE_UNAVAILABLE, UnavailableError.code, "the server cannot take calls now: call again"
            )
    return describe(error)
