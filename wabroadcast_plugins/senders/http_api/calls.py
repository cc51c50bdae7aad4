"""The requests of a connection, as an operator writes them in the settings. Their texts are templates."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import Field, JsonValue, ValidationInfo, field_validator, model_validator

from wabroadcast_core import Model, Sentence, one_of
from wabroadcast_plugins.senders.http_api.matches import Match, Scalar, as_list
from wabroadcast_plugins.senders.http_api.paths import Path, PathText, plain_text
from wabroadcast_plugins.senders.http_api.texts import (
    ALL_NAMES,
    MOST_TEXTS,
    NUMBER_NAMES,
    ONE_LINE_NAMES,
    TextTree,
    compile_tree,
    names_in,
    texts_in,
)
from wabroadcast_plugins.senders.shared.setting_types import Matches

MEDIA_KINDS: Final = ("image", "document", "audio", "video")
SECRETS: Final = frozenset({"secrets"})
CONTENT_NAMES: Final[Mapping[str, frozenset[str]]] = {  # a request can send a type only if it uses one of these names
    "text": frozenset({"text"}),
    **dict.fromkeys(MEDIA_KINDS, frozenset({"media.url", "media.base64", "media.data_uri", "media.file"})),
    "template": frozenset({"template.name"}),
}
_CLIENT_HEADERS: Final = frozenset({"host", "connection", "content-length", "transfer-encoding"})

Method = Literal["GET", "POST", "PUT", "PATCH"]
BodyType = Literal["text", "media", "image", "document", "audio", "video", "template"]
HeaderName = Annotated[
    str,
    Matches(
        r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$",
        Sentence("header_form", "this is not a header name: use letters, digits and hyphens"),
    ),
]


class Call(Model):
    """A request to the API."""

    names: ClassVar[frozenset[str]] = SECRETS
    """The names that its texts may use."""

    method: Method = "POST"
    path: str = Field("", max_length=2_048, description="Path below baseUrl, without a query.")
    query: dict[str, str] = Field(default_factory=dict)
    headers: dict[HeaderName, str] = Field(default_factory=dict)
    format: Literal["json", "form", "multipart"] = Field("json", description="Format of the body.")
    body: JsonValue = None

    @field_validator("path", "query", "headers", "body")
    @classmethod
    def _check_templates(cls, value: JsonValue, info: ValidationInfo) -> JsonValue:
        is_one_line = info.field_name in {"path", "headers"}
        check_texts(value, names=cls.names & (ONE_LINE_NAMES | SECRETS) if is_one_line else cls.names)
        return value

    @field_validator("path")
    @classmethod
    def _check_path(cls, path: str) -> str:
        if "?" in path or "#" in path:
            raise ValueError(Sentence("path_with_query", "the path contains '?' or '#': put parameters into query"))
        return path

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        return check_header_names(headers)

    @field_validator("query")
    @classmethod
    def _check_query(cls, query: dict[str, str]) -> dict[str, str]:
        if "media.file" in names_in(compile_tree(query, names=cls.names)):
            text = "'media.file' cannot be in a query: use it in a multipart body"
            raise ValueError(Sentence("file_in_query", text))
        return query

    @model_validator(mode="after")
    def _check_bodies(self) -> Self:
        for place, body in self.bodies_by_place():
            if self.method == "GET":
                text = "{place}: a GET request cannot have a body: remove it or set method to POST"
                raise ValueError(Sentence("get_with_body", text, place=place))
            if self.format != "json" and not _is_flat(body):
                text = "{place}: a form must be an object without lists and objects in it"
                raise ValueError(Sentence("form_not_flat", text, place=place))
            if self.format != "multipart" and "media.file" in names_in(compile_tree(body, names=self.names)):
                text = "{place}: 'media.file' needs format: multipart; use 'media.base64' otherwise"
                raise ValueError(Sentence("file_without_multipart", text, place=place))
        return self

    def bodies_by_place(self) -> Iterator[tuple[str, JsonValue]]:
        """Yield every body of the request, with the name of its field."""
        if self.body is not None:
            yield "body", self.body

    def trees(self) -> Iterator[tuple[str, TextTree]]:
        """Yield every part of the request with its texts compiled, and the name of its field."""
        parts = [("path", self.path), ("query", self.query), ("headers", self.headers), *self.bodies_by_place()]
        for place, value in parts:
            yield place, compile_tree(value, names=self.names)


class SendCall(Call):
    """The request that sends one message to one person."""

    names: ClassVar[frozenset[str]] = ALL_NAMES

    bodies: dict[BodyType, JsonValue] = Field(
        default_factory=dict,
        description="Bodies for single message types; media stands for image, document, audio and video.",
    )
    success: Match | None = Field(
        None, description="Which answers mean that the message was accepted; if not given, every status 2xx."
    )
    provider_id: PathText | None = Field(None, description="Path of the API's message id in the answer.")

    @field_validator("bodies")
    @classmethod
    def _check_body_templates(cls, bodies: dict[str, JsonValue]) -> dict[str, JsonValue]:
        check_texts(bodies, names=cls.names)
        return bodies

    @model_validator(mode="after")
    def _check_content_and_number(self) -> Self:
        for kind, body in self.bodies.items():
            content_names = CONTENT_NAMES["image" if kind == "media" else kind]
            if not content_names & self.names_of(body):
                text = "bodies.{kind}: the request does not send the {kind}: use {choices} in it"
                raise ValueError(
                    Sentence("body_without_content", text, kind=kind, choices=one_of(sorted(content_names)))
                )
        if not self.types():
            text = "the request contains no message: use text, template.name, or one of media in it"
            raise ValueError(Sentence("request_without_message", text))
        for name in self.types():
            if not NUMBER_NAMES & self.names_of(self.body_of(name)):
                text = "the request for {kind} messages contains no recipient: use number or digits in it"
                raise ValueError(Sentence("request_without_recipient", text, kind=name))
        return self

    def bodies_by_place(self) -> Iterator[tuple[str, JsonValue]]:
        yield from super().bodies_by_place()
        for kind, body in self.bodies.items():
            yield f"bodies.{kind}", body

    def body_of(self, kind: str) -> JsonValue:
        """Return the body for a message type."""
        own = [body for name, body in self.bodies.items() if name == kind]
        shared = [body for name, body in self.bodies.items() if name == "media" and kind in MEDIA_KINDS]
        return next(iter(own + shared), self.body)

    def types(self) -> list[str]:
        """Return the message types that this request can send."""
        return [kind for kind, names in CONTENT_NAMES.items() if names & self.names_of(self.body_of(kind))]

    def names_of(self, body: JsonValue) -> frozenset[str]:
        """Return the names that the request uses if it has this body."""
        parts = (self.path, self.query, self.headers, body)
        return names_in(*(compile_tree(part, names=self.names) for part in parts))


class NumberCall(Call):
    """The request that checks whether a number is on WhatsApp."""

    names: ClassVar[frozenset[str]] = NUMBER_NAMES | SECRETS

    method: Method = "GET"
    answer: PathText = Field(description="Path of the result in the answer.")
    yes: Scalar | list[Scalar] = Field(True, description="Results for a number on WhatsApp.")
    no: Scalar | list[Scalar] = Field(False, description="Results for a number that is not on WhatsApp.")

    @model_validator(mode="after")
    def _check_number(self) -> Self:
        if not NUMBER_NAMES & names_in(*(tree for _, tree in self.trees())):
            text = "the request contains no number: use number or digits in it"
            raise ValueError(Sentence("request_without_number", text))
        return self

    def read(self, document: JsonValue) -> bool | None:
        """Return whether the number is on WhatsApp; None if the answer has neither result."""
        result = plain_text(Path.parse(self.answer).find(document))
        for answer, results in ((True, self.yes), (False, self.no)):
            if result in map(plain_text, as_list(results)):
                return answer
        return None


class FindCall(Call):
    """The request that finds a message by our id when its outcome is unknown."""

    names: ClassVar[frozenset[str]] = NUMBER_NAMES | SECRETS | {"message_id"}

    method: Method = "GET"
    provider_id: PathText = Field(description="Path of the API's message id, in an answer that has the message.")
    missing: Match = Field(
        description="Answers that mean that the API certainly never received the message; it is then sent again."
    )

    @model_validator(mode="after")
    def _check_message_id(self) -> Self:
        if "message_id" not in names_in(*(tree for _, tree in self.trees())):
            text = "the request names no message: use message_id in it"
            raise ValueError(Sentence("request_without_message_id", text))
        return self


class ConnectionCall(Call):
    """The request that checks whether the account can send."""

    method: Method = "GET"
    up: Match | None = Field(
        None, description="Answers that mean that the account can send; if not given, every status 2xx."
    )
    reason: PathText | None = Field(None, description="Path of the reason why it cannot.")


def check_texts(value: Any, *, names: frozenset[str]) -> None:
    """Check every text in a JSON value.

    :param names: the names and groups that the texts may use.
    :raises ValueError: a text is not a template, or uses another name, or there are too many texts.
    """
    amount = sum(1 for _ in texts_in(compile_tree(value, names=names)))
    if amount > MOST_TEXTS:
        text = "there are {n} texts: use at most {most}"
        raise ValueError(Sentence("many_texts", text, n=amount, most=MOST_TEXTS))


def check_header_names(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers.

    :raises ValueError: the HTTP client sets one of them itself.
    """
    for name in headers:
        if name.lower() in _CLIENT_HEADERS:
            text = "{name}: the HTTP client sets this header itself: remove it"
            raise ValueError(Sentence("own_header", text, name=name))
    return headers


def _is_flat(body: JsonValue) -> bool:
    return isinstance(body, dict) and not any(isinstance(value, dict | list) for value in body.values())
