"""The forms that pages send: their fields by name, repeated or not, and files. Each has the token of its session."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.utils.scope.state import ScopeState

from host_litestar.auth import raise_refusal
from host_litestar.form_reading import MULTIPART, FormFields, read_form
from host_litestar.request_reading import LARGEST_JSON, AnyRequest, read_body, read_pairs
from host_litestar.session_cookies import CSRF_FIELD, CSRF_HEADER, check_csrf, session_of
from wabroadcast_core.errors import Fault, InvalidInputError
from wabroadcast_core.sentences import Sentence

MOST_FIELDS: Final = 2_000
FILES: Final = "files"  # in the ``opt`` of a route: the names of the fields that are files
_FORM: Final = "wabroadcast_form"  # in the state of a request
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class FormData:
    """The fields of a form. Spaces around a text are dropped."""

    def __init__(self, values: Mapping[str, Sequence[str | UploadFile]]) -> None:
        self._values = values

    def text(self, name: str, default: str = "") -> str:
        """Return the text of a field; of several, the last."""
        texts = self.texts(name)
        return texts[-1] if texts else default

    def texts(self, name: str) -> list[str]:
        """Return all texts of a field, without those that are empty."""
        given = (value.strip() for value in self._values.get(name, ()) if isinstance(value, str))
        return [value for value in given if value]

    def has(self, name: str) -> bool:
        """Return whether the form has a field: a ticked box, or the button that was pressed."""
        return name in self._values

    def file(self, name: str) -> UploadFile | None:
        """Return the file of a field; None if none was chosen."""
        chosen = [value for value in self._values.get(name, ()) if isinstance(value, UploadFile) and value.filename]
        return chosen[-1] if chosen else None

    def kept(self) -> Iterator[tuple[str, str]]:
        """Yield the texts of all fields, to show the same form again."""
        for name, values in self._values.items():
            yield from ((name, value) for value in values if isinstance(value, str))

    def fields(self) -> dict[str, str]:
        """Return the text of each field."""
        return {name: self.text(name) for name in self._values}


EMPTY: Final = FormData({})


async def read_page_request(request: AnyRequest) -> None:
    """Read the form of a request to a page, and check the token of the session that sends it.

    Unknown parameters of an address are no fault here: people cut and lengthen addresses.

    :raises InvalidInputError: the body is no form.
    :raises NotAuthorizedException: its session has ended; the form was read, so that it can be kept.
    :raises CsrfError: it is not from a page of this session.
    """
    if request.method in _SAFE:
        return
    if request.content_type[0] == MULTIPART:
        raise_refusal(request)  # files of a stranger are not read
    values = await _read_values(request)
    token = values.pop(CSRF_FIELD, [""])[-1]
    request.state[_FORM] = FormData(values)  # an error page may show it again
    raise_refusal(request)
    if (session := session_of(request)) is not None:
        check_csrf(session.token, request.headers.get(CSRF_HEADER) or str(token))


def form_of(request: AnyRequest) -> FormData:
    """Return the form that was read of a request; an empty one if it has none."""
    form: FormData = request.state.get(_FORM, EMPTY)
    return form


async def _read_values(request: AnyRequest) -> dict[str, list[Any]]:
    kind = request.content_type[0]
    if kind == MULTIPART:
        names = frozenset(request.route_handler.opt.get(FILES, ()))
        given = await read_form(request, FormFields(names, frozenset(), frozenset(), is_open=True))
        ScopeState.from_scope(request.scope).form = given  # Litestar closes its files after the answer
        return {name: value if isinstance(value, list) else [value] for name, value in given.items()}
    body = await read_body(request, LARGEST_JSON)
    if body and kind != RequestEncodingType.URL_ENCODED:
        raise InvalidInputError([Fault("", Sentence("no_form", "the body is not a form"))])
    return _read_urlencoded(body)


def _read_urlencoded(body: bytes) -> dict[str, list[Any]]:
    values: dict[str, list[Any]] = {}
    for name, value in read_pairs(body, most=MOST_FIELDS):
        values.setdefault(name, []).append(value)
    return values


def read_digits(text: str, *, most: int = 18) -> int | None:
    """Return a whole number that an address or a form has; None if it is none, or has more digits than ``most``."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= most else None
