"""Reading of requests before a route runs: its parameters are checked, its JSON body or form is read and validated.

Litestar ignores parameters and form fields that a route does not declare. Here they are refused, because a misspelled
filter would select everything. The work is bounded: it is done on the event loop.
"""

from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from litestar import Request
from litestar.enums import ParamType, RequestEncodingType
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler
from litestar.params import BodyKwarg, ParameterKwarg
from litestar.typing import FieldDefinition
from litestar.utils.scope.state import ScopeState
from pydantic_core import from_json

from host_litestar.form_reading import FormFields, read_form
from host_litestar.request_bodies import body_pieces
from host_litestar.session_cookies import CSRF_FIELD, CSRF_HEADER, check_csrf, session_of
from wabroadcast_core.errors import Fault, InvalidInputError
from wabroadcast_core.models.base import parse_model, shorten
from wabroadcast_core.sentences import Sentence

STREAMS_BODY = {"streams_body": True}  # the ``opt`` of a route that reads its JSON body itself
TAKES_FORM = {"takes_form": True}  # the ``opt`` of a route that takes a form without files, or the same as JSON
SEARCH = "q"  # the only parameter that may be empty: an empty search finds all
LARGEST_JSON = 1024 * 1024  # bytes
MOST_VALUES = 5_000  # in a JSON body: as many faults can be described in some 0.1 s
LARGE_JSON = {"largest_json": 8 * LARGEST_JSON, "most_values": 101_000}  # the ``opt`` of a route that takes long lists
MOST_PARAMETERS = 100
_FIELDS = "wabroadcast_fields"  # in the state of a request

AnyRequest: TypeAlias = Request[Any, Any, Any]


async def read_request(request: AnyRequest) -> None:
    """Check a request, and leave its validated body or its form where Litestar looks for it.

    :raises InvalidInputError: the request has what its route does not take; each is named.
    :raises HTTPException: the body is too large, or has the wrong media type.
    """
    handler = request.route_handler
    known = _query_names(handler)
    faults = list(_query_faults(request.scope["query_string"], known))
    body = _body_of(handler)
    if body is None and not handler.opt.get("streams_body") and not takes_form(handler):
        faults += _body_faults(await read_body(request, LARGEST_JSON), known)
    if faults:
        raise InvalidInputError(faults)
    if handler.opt.get("streams_body"):
        check_media_type(request)
    elif takes_form(handler):
        await _keep_fields(request)
    elif body is not None and _is_form(body):
        await _take_form(request, body)
    elif body is not None:
        await _take_json(request, body)


def check_media_type(request: AnyRequest) -> None:
    """Check that a request declares its body as JSON.

    :raises HTTPException: it does not (415).
    """
    media_type = request.content_type[0]
    if media_type != RequestEncodingType.JSON and not media_type.endswith("+json"):
        raise HTTPException(
            "the body has the wrong media type: send it with Content-Type: application/json",
            status_code=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        )


def parse_json(text: str | bytes, *, subject: str, path: str = "") -> Any:
    """Parse a JSON document.

    :param subject: what the document is, for the fault.
    :param path: where the document is, for the fault.
    :raises InvalidInputError: it is not JSON, not UTF-8, or nested deeper than 200 levels; the fault names the place.
    """
    if not text.strip():
        raise InvalidInputError([Fault(path, f"{subject} is empty")])
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidInputError([Fault(path, f"{subject} is not JSON in UTF-8: {error}")]) from None


# --- parameters ------------------------------------------------------------------------------------------------


def _query_names(handler: BaseRouteHandler) -> set[str]:
    """Return the names of the query parameters that a route declares."""
    return {
        field.kwarg_definition.name or name
        for name, field in handler.parsed_fn_signature.parameters.items()
        if isinstance(field.kwarg_definition, ParameterKwarg) and _is_query(field.kwarg_definition)
    }


def _is_query(parameter: ParameterKwarg) -> bool:
    # the base class describes dependencies, and calls them query parameters too
    return type(parameter) is not ParameterKwarg and parameter.param_type is ParamType.QUERY


def _query_faults(query: bytes, known: set[str]) -> Iterator[Fault]:
    """Yield what is wrong with a query string before its values are read."""
    try:
        given = parse_qsl(
            query.decode("latin-1"), keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS
        )
    except UnicodeDecodeError:
        yield Fault("", "a query parameter is not UTF-8: percent-encode its UTF-8 bytes")
        return
    except ValueError:
        yield Fault("", f"there are more than {MOST_PARAMETERS} query parameters")
        return
    seen: set[str] = set()
    for name, value in given:
        if name not in known:
            yield Fault(shorten(name), f"unknown query parameter: this call takes {_listed(known)}")
        elif name in seen:
            yield Fault(name, "the query parameter is given twice")
        elif not value and name != SEARCH:
            yield Fault(name, "the query parameter is empty: give it a value or leave it out")
        seen.add(name)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


# --- bodies ----------------------------------------------------------------------------------------------------


def _body_of(handler: BaseRouteHandler) -> FieldDefinition | None:
    return handler.parsed_fn_signature.parameters.get("data")


def _is_form(body: FieldDefinition) -> bool:
    kind = body.kwarg_definition
    return isinstance(kind, BodyKwarg) and kind.media_type == RequestEncodingType.MULTI_PART


def _body_faults(body: bytes, query: set[str]) -> Iterator[Fault]:
    """Yield the faults of the body of a call that takes none. An empty object is no fault: some clients always send it.

    :param query: the names of the query parameters of the call.
    """
    if body.strip() in {b"", b"{}", b"null"}:
        return
    try:
        document = from_json(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        yield Fault("", "this call takes no body: leave it out")
        return
    for name in document:
        way_out = "write it into the query string" if name in query else "leave it out"
        yield Fault(shorten(name), f"this call takes no body: {way_out}")


def takes_json(handler: BaseRouteHandler) -> bool:
    """Return whether a route takes a JSON body."""
    body = _body_of(handler)
    return bool((handler.opt or {}).get("streams_body")) or (body is not None and not _is_form(body))


async def _take_json(request: AnyRequest, body: FieldDefinition) -> None:
    check_media_type(request)
    opt = request.route_handler.opt
    content = await read_body(request, opt.get("largest_json", LARGEST_JSON))
    most = opt.get("most_values", MOST_VALUES)
    if content.count(b",") >= most:  # there is a comma between two values
        raise InvalidInputError([Fault("", f"the body has more than {most:,} values")])
    document = parse_json(content, subject="the body")
    ScopeState.from_scope(request.scope).json = parse_model(body.annotation, document)


async def _take_form(request: AnyRequest, body: FieldDefinition) -> None:
    ScopeState.from_scope(request.scope).form = await read_form(request, FormFields.of(body.annotation))


def takes_form(handler: BaseRouteHandler) -> bool:
    """Return whether a route has the ``opt`` ``TAKES_FORM``."""
    return bool(handler.opt.get("takes_form"))


def is_form(request: AnyRequest) -> bool:
    """Return whether the body of a request is a form without files."""
    return request.content_type[0] == RequestEncodingType.URL_ENCODED


def take_fields(request: AnyRequest) -> dict[str, Any]:
    """Return the fields that a route with ``TAKES_FORM`` was sent."""
    fields: dict[str, Any] = request.state[_FIELDS]
    return fields


async def _keep_fields(request: AnyRequest) -> None:
    """Read the fields of a form, or of a JSON object, and check the token of the session that sends them."""
    content = await read_body(request, LARGEST_JSON)
    fields = _read_form(content) if is_form(request) else _read_object(request, content)
    token = fields.pop(CSRF_FIELD, None)
    if (session := session_of(request)) is not None:
        check_csrf(session.token, request.headers.get(CSRF_HEADER) or str(token))
    request.state[_FIELDS] = fields


def read_pairs(content: bytes, *, most: int) -> list[tuple[str, str]]:
    """Return the fields of a form without files, in the order in which they were sent.

    :param most: most fields.
    :raises InvalidInputError: it is no such form.
    """
    try:
        return parse_qsl(content.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=most)
    except ValueError:
        text = "the body is no form in UTF-8 with at most {most} fields"
        raise InvalidInputError([Fault("", Sentence("no_form_in_utf8", text, most=most))]) from None


def _read_form(content: bytes) -> dict[str, Any]:
    given = read_pairs(content, most=MOST_PARAMETERS)
    fields = dict(given)
    if len(fields) < len(given):
        raise InvalidInputError([Fault("", "a field of the form is given twice")])
    return fields


def _read_object(request: AnyRequest, content: bytes) -> dict[str, Any]:
    if not content.strip():
        return {}
    check_media_type(request)
    document = parse_json(content, subject="the body")
    if not isinstance(document, dict):
        raise InvalidInputError([Fault("", "the body must be a JSON object")])
    return document


async def read_body(request: AnyRequest, largest: int) -> bytes:
    """Read the body of a request.

    :raises HTTPException: it is larger than ``largest`` bytes (413).
    """
    body = bytearray()
    async for chunk in body_pieces(request):
        body += chunk
        if max(len(body), request.content_length or 0) > largest:
            raise HTTPException(
                f"the body is larger than the {largest:,} bytes that this call takes",
                status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            )
    ScopeState.from_scope(request.scope).body = bytes(body)
    return bytes(body)
