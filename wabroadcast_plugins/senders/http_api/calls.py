"""The requests of a connection, as an operator writes them. Their texts are templates."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import Field, JsonValue, StringConstraints, ValidationInfo, field_validator, model_validator

from wabroadcast_core import Model
from wabroadcast_plugins.senders.http_api.matches import Match, Plain, listed
from wabroadcast_plugins.senders.http_api.paths import Path, PathText, plain_text
from wabroadcast_plugins.senders.http_api.texts import (
    ALL_NAMES,
    LINE_NAMES,
    MOST_TEXTS,
    NUMBER_NAMES,
    Tree,
    compile_tree,
    names_in,
    texts_in,
)

MEDIA_KINDS: Final = ("image", "document", "audio", "video")
SECRETS: Final = frozenset({"secrets"})
CARRIERS: Final[Mapping[str, frozenset[str]]] = {  # a request for a type names one of these, or would leave it out
    "text": frozenset({"text"}),
    **dict.fromkeys(MEDIA_KINDS, frozenset({"media.url", "media.base64", "media.data_uri", "media.file"})),
    "template": frozenset({"template.name"}),
}
_OWN_HEADERS: Final = frozenset({"host", "connection", "content-length", "transfer-encoding"})

Method = Literal["GET", "POST", "PUT", "PATCH"]
BodyType = Literal["text", "media", "image", "document", "audio", "video", "template"]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$")]


class Call(Model):
    """A request to the API."""

    names: ClassVar[frozenset[str]] = SECRETS
    """What its texts may ask for."""

    method: Method = "POST"
    path: str = Field("", max_length=2_048, description="Below baseUrl, without a query.")
    query: dict[str, str] = Field(default_factory=dict)
    headers: dict[HeaderName, str] = Field(default_factory=dict)
    format: Literal["json", "form", "multipart"] = Field("json", description="How the body is written.")
    body: JsonValue = None

    @field_validator("path", "query", "headers", "body")
    @classmethod
    def _understood(cls, value: JsonValue, info: ValidationInfo) -> JsonValue:
        in_a_line = info.field_name in {"path", "headers"}
        check_texts(value, names=cls.names & (LINE_NAMES | SECRETS) if in_a_line else cls.names)
        return value

    @field_validator("path")
    @classmethod
    def _without_query(cls, path: str) -> str:
        if "?" in path or "#" in path:
            raise ValueError("what follows a '?' goes into query")
        return path

    @field_validator("headers")
    @classmethod
    def _not_our_own(cls, headers: dict[str, str]) -> dict[str, str]:
        return without_own_headers(headers)

    @field_validator("query")
    @classmethod
    def _without_files(cls, query: dict[str, str]) -> dict[str, str]:
        if "media.file" in names_in(compile_tree(query, names=cls.names)):
            raise ValueError("'media.file' goes into a multipart body")
        return query

    @model_validator(mode="after")
    def _written_in_its_format(self) -> Self:
        for place, body in self.bodies_by_place():
            if self.method == "GET":
                raise ValueError(f"{place}: a GET request has none")
            if self.format != "json" and not _is_flat(body):
                raise ValueError(f"{place}: a form is an object of plain values")
            if self.format != "multipart" and "media.file" in names_in(compile_tree(body, names=self.names)):
                raise ValueError(f"{place}: 'media.file' goes into a multipart body, 'media.base64' into others")
        return self

    def bodies_by_place(self) -> Iterator[tuple[str, JsonValue]]:
        if self.body is not None:
            yield "body", self.body

    def trees(self) -> Iterator[tuple[str, Tree]]:
        """All of its texts, compiled, by the names of their fields."""
        parts = [("path", self.path), ("query", self.query), ("headers", self.headers), *self.bodies_by_place()]
        for place, value in parts:
            yield place, compile_tree(value, names=self.names)


class SendCall(Call):
    """The request that sends one message to one person."""

    names: ClassVar[frozenset[str]] = ALL_NAMES

    bodies: dict[BodyType, JsonValue] = Field(
        default_factory=dict, description="Bodies of their own for some types; media stands for all that have a file."
    )
    success: Match | None = Field(None, description="Which answers mean that it was taken; else every status 2xx.")
    provider_id: PathText | None = Field(None, description="Where the API's id of the message stands in the answer.")

    @field_validator("bodies")
    @classmethod
    def _bodies_understood(cls, bodies: dict[str, JsonValue]) -> dict[str, JsonValue]:
        check_texts(bodies, names=cls.names)
        return bodies

    @model_validator(mode="after")
    def _sends_something_to_somebody(self) -> Self:
        for kind, body in self.bodies.items():
            carriers = CARRIERS["image" if kind == "media" else kind]
            if not carriers & self.names_of(body):
                raise ValueError(f"bodies.{kind}: it would be left out, ask for {' or '.join(sorted(carriers))}")
        if not self.types():
            raise ValueError("nothing would be sent: ask for text, for one of media, or for template.name")
        for name in self.types():
            if not NUMBER_NAMES & self.names_of(self.body_of(name)):
                raise ValueError(f"a message of type {name} would reach nobody: ask for number or digits")
        return self

    def bodies_by_place(self) -> Iterator[tuple[str, JsonValue]]:
        yield from super().bodies_by_place()
        for kind, body in self.bodies.items():
            yield f"bodies.{kind}", body

    def body_of(self, kind: str) -> JsonValue:
        own = [body for name, body in self.bodies.items() if name == kind]
        shared = [body for name, body in self.bodies.items() if name == "media" and kind in MEDIA_KINDS]
        return next(iter(own + shared), self.body)

    def types(self) -> list[str]:
        """The message types that this request carries."""
        return [kind for kind, carriers in CARRIERS.items() if carriers & self.names_of(self.body_of(kind))]

    def names_of(self, body: JsonValue) -> frozenset[str]:
        """All that a request with this body asks for."""
        parts = (self.path, self.query, self.headers, body)
        return names_in(*(compile_tree(part, names=self.names) for part in parts))


class NumberCall(Call):
    """The request that asks whether one number is on WhatsApp."""

    names: ClassVar[frozenset[str]] = NUMBER_NAMES | SECRETS

    method: Method = "GET"
    answer: PathText = Field(description="Where the yes or no stands in the answer.")
    yes: Plain | list[Plain] = True
    no: Plain | list[Plain] = False

    @model_validator(mode="after")
    def _asks_for_a_number(self) -> Self:
        if not NUMBER_NAMES & names_in(*(tree for _, tree in self.trees())):
            raise ValueError("it asks about nobody: ask for number or digits")
        return self

    def read(self, document: JsonValue) -> bool | None:
        """Whether the answer says yes; None where it says neither yes nor no."""
        said = plain_text(Path.parse(self.answer).find(document))
        for answer, words in ((True, self.yes), (False, self.no)):
            if said in map(plain_text, listed(words)):
                return answer
        return None


class FindCall(Call):
    """The request that asks for a message by our id, once its answer got lost."""

    names: ClassVar[frozenset[str]] = NUMBER_NAMES | SECRETS | {"message_id"}

    method: Method = "GET"
    provider_id: PathText = Field(description="Where the API's id of the message stands, if it has the message.")
    missing: Match = Field(
        description="Answers that mean that it surely never got the message, which is then sent again."
    )

    @model_validator(mode="after")
    def _asks_for_a_message(self) -> Self:
        if "message_id" not in names_in(*(tree for _, tree in self.trees())):
            raise ValueError("it asks for no message: ask for message_id")
        return self


class ConnectionCall(Call):
    """The request that asks whether the account can send."""

    method: Method = "GET"
    up: Match | None = Field(None, description="Answers that mean that it can; else every status 2xx.")
    reason: PathText | None = Field(None, description="Where the answer says why it cannot.")


def check_texts(value: Any, *, names: frozenset[str]) -> None:
    """:raises ValueError: a text in it is no template, or asks for what is not there."""
    amount = sum(1 for _ in texts_in(compile_tree(value, names=names)))
    if amount > MOST_TEXTS:
        raise ValueError(f"there are more than {MOST_TEXTS} texts")


def without_own_headers(headers: dict[str, str]) -> dict[str, str]:
    """:raises ValueError: a header is among them that the client writes itself."""
    for name in headers:
        if name.lower() in _OWN_HEADERS:
            raise ValueError(f"{name}: this header is not yours to set")
    return headers


def _is_flat(body: JsonValue) -> bool:
    return isinstance(body, dict) and not any(isinstance(value, dict | list) for value in body.values())
