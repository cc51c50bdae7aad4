"""The OpenAPI document: its metadata, its examples, and request bodies that are documented by hand.

A body is documented by hand where the route reads it as a stream, or where its schema gets examples.
"""

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, ClassVar

from litestar import Router
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import (
    Components,
    Example,
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Reference,
    RequestBody,
    Schema,
    SecurityScheme,
)
from litestar.routes import BaseRoute
from litestar.types import ControllerRouterHandler
from pydantic import Field

from host_litestar.api_document import KEY_SCHEME, JsonDocument, YamlDocument
from host_litestar.event_streams import MEDIA_TYPE as EVENT_TYPE
from host_litestar.methods import head_of, options_of
from host_litestar.reference import ReferencePage
from host_litestar.safe_headers import set_page_headers
from host_litestar.schemas import Verbatim, schema_of
from host_litestar.scopes import READS
from wabroadcast_core.models.base import Model
from wabroadcast_core.models.broadcast import BroadcastDraft, LiveBroadcast, LiveOverview
from wabroadcast_core.models.broadcast_test import BroadcastTest
from wabroadcast_core.models.connection import ConnectionDraft
from wabroadcast_core.models.contact import ContactDraft, ContactPatch, Tagging
from wabroadcast_core.models.draft import DraftBody
from wabroadcast_core.models.recipient import Recipient

KEY_DESCRIPTION = (
    "An API key with the scope that the call names: read, operate (includes read) or admin (includes both). "
    "A server on loopback that never had a key needs none."
)
FILE_TYPES = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

SUBMIT_EXAMPLE = {
    "name": "Promo November",
    "message": {"type": "text", "text": "Halo {{ name }}, kode Anda {{ code }}"},
    "recipients": [{"number": "0812-3456-7890", "name": "Budi", "variables": {"code": "A1"}}],
    "connection": "sandbox",
    "priority": "high",
    "scheduledAt": "2030-12-01T08:00:00+07:00",
    "batching": {"size": 1000, "intervalSeconds": 600},
    "rate": {"messages": 20, "perSeconds": 1},
    "retry": {"maxAttempts": 3, "intervalSeconds": 30, "backoff": "exponential"},
    "sendWindow": {"from": "08:00", "to": "20:00", "timezone": "Asia/Jakarta"},
    "onUnknown": "hold",
    "callbackUrl": "https://main.example/wa-events",
}
FILE_EXAMPLE = {
    "name": "Promo November",
    "message": {"type": "text", "text": "Halo {{ name }}, kode Anda {{ kode }}"},
    "source": {"type": "csv", "uploadId": "4f0c5f6e-6f0a-4f0e-9d0b-0a8f5f1f7f11"},
}
TEST_EXAMPLE = {
    "name": "Promo November",
    "message": {"type": "text", "text": "Halo {{ name }}, kode Anda {{ code }}"},
    "recipients": [{"number": "0812-3456-7890", "name": "Budi", "variables": {"code": "A1"}}],
    "test": {"number": "0811-2222-333", "asNumber": "0812-3456-7890"},
}
DRAFT_EXAMPLE = {"name": "Promo November", "source": FILE_EXAMPLE["source"]}
SUMMARY_EXAMPLE = {
    "jobId": "0b1f5c0a-7d0e-4f43-9a55-3f1de2f1a001",
    "name": "Promo November",
    "status": "scheduled",
    "statusReason": None,
    "priority": "high",
    "connection": ["sandbox"],
    "total": 0,
    "counts": dict.fromkeys(
        (
            "queued",
            "processing",
            "retry",
            "paused",
            "sent",
            "failed",
            "unknown",
            "cancelled",
            "skipped",
            "delivered",
            "read",
        ),
        0,
    ),
    "progress": 0.0,
    "scheduledAt": "2030-12-01T01:00:00Z",
    "createdAt": "2030-11-20T09:30:00Z",
    "startedAt": None,
    "finishedAt": None,
    "purpose": "broadcast",
}
CONTACT_FIELDS_EXAMPLE: dict[str, Any] = {
    "name": "Budi",
    "tags": ["vip", "solo"],
    "variables": {"kode": "A1", "poin": 7},
}
CONTACT_EXAMPLE = {
    "number": "+6281234567890",
    **CONTACT_FIELDS_EXAMPLE,
    "source": "api",
    "createdAt": "2030-11-20T09:30:00Z",
    "updatedAt": "2030-11-20T09:30:00Z",
}
TAGGING_EXAMPLES: dict[str, dict[str, Any]] = {
    "numbers": {"numbers": ["0812-3456-7890", "+6281311112222"], "add": ["vip"]},
    "filter": {"filter": {"tag": "solo", "q": "budi"}, "add": ["jawa tengah"], "remove": ["solo"]},
}
CONNECTION_EXAMPLE = {
    "sender": "sandbox",
    "settings": {"latencySeconds": 0.05},
    "rate": {"messages": 80, "perSeconds": 1},
    "quotas": [{"messages": 1000, "perSeconds": 86400}],
    "lanes": 1,
}


class SubmitBody(BroadcastDraft):
    """The body of a submit: the fields of a draft, and the recipients."""

    recipients: list[Recipient] | None = Field(None, description="The audience; without it, `source` names one.")


@dataclass
class SubmitOperation(Operation):
    """Operation with the body of a submit, which the route reads as a stream."""

    def __post_init__(self) -> None:
        self.request_body = _body_of(SubmitBody, {"inline": SUBMIT_EXAMPLE, "file": FILE_EXAMPLE})


class SendTestBody(SubmitBody):
    """The body of a test: the fields of a submit, and the number that gets the message."""

    recipients: list[Recipient] | None = Field(
        None, description="The audience; without it, `source` names one. A test needs none."
    )
    test: BroadcastTest


@dataclass
class TestOperation(Operation):
    """Operation with the body of a test, which the route reads as a stream."""

    def __post_init__(self) -> None:
        self.request_body = _body_of(SendTestBody, {"inline": TEST_EXAMPLE})


class SignInBody(Model):
    """The body of a sign-in; a form has the same fields."""

    key: str = Field(description="An API key of this server.")
    next: str | None = Field(None, description="The path to which a form is redirected; by default the first page.")


@dataclass
class SignInOperation(Operation):
    """Operation with the body of a sign-in, as JSON and as a form."""

    def __post_init__(self) -> None:
        self.request_body = _body_of(SignInBody, {"key": {"key": "wab_0f3c…"}})
        self.request_body.content["application/x-www-form-urlencoded"] = OpenAPIMediaType(
            schema=self.request_body.content["application/json"].schema
        )


@dataclass
class DraftOperation(Operation):
    """Operation with the body of a draft, which the route reads as a stream."""

    def __post_init__(self) -> None:
        self.request_body = _body_of(DraftBody, {"unfinished": DRAFT_EXAMPLE, "inline": SUBMIT_EXAMPLE})


@dataclass
class PutConnectionOperation(Operation):
    """Operation with the body of a connection."""

    def __post_init__(self) -> None:
        self.request_body = _body_of(ConnectionDraft, {"sandbox": CONNECTION_EXAMPLE})


@dataclass
class SaveContactOperation(Operation):
    """Operation with the body of a contact, its number included."""

    def __post_init__(self) -> None:
        self.request_body = _body_of(ContactDraft, {"contact": {"number": "0812-3456-7890", **CONTACT_FIELDS_EXAMPLE}})


@dataclass
class PutContactOperation(Operation):
    """Operation with the body of a contact whose number is in the path."""

    def __post_init__(self) -> None:
        self.request_body = _body_of(ContactPatch, {"contact": CONTACT_FIELDS_EXAMPLE})


@dataclass
class TagContactsOperation(Operation):
    """Operation with the body of a tagging, by numbers and by a filter."""

    def __post_init__(self) -> None:
        self.request_body = _body_of(Tagging, TAGGING_EXAMPLES)


@dataclass
class ExportOperation(Operation):
    """Operation whose response is a file, with the media types that it may have."""

    def __post_init__(self) -> None:
        file = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY))
        kinds = dict.fromkeys(FILE_TYPES.values(), file)
        self.responses = {**(self.responses or {}), "200": OpenAPIResponse(description="The file.", content=kinds)}


@dataclass
class EventStreamOperation(Operation):
    """Operation whose response is a stream of server-sent events, each with a JSON document.

    ``content`` is the model of the document.
    """

    content: ClassVar[type[Model]]

    def __post_init__(self) -> None:
        schema = {
            "type": "string",
            "description": "Server-sent events. `contentSchema` is the schema of the data of each.",
            "contentMediaType": "application/json",
            "contentSchema": schema_of(self.content, is_body=False),
        }
        content = OpenAPIMediaType(schema=Verbatim(schema))  # type: ignore[arg-type]  # Litestar copies it as it is
        stream = OpenAPIResponse(description=_first_line(self.content), content={EVENT_TYPE: content})
        self.responses = {**(self.responses or {}), "200": stream}


@dataclass
class ProgressStreamOperation(EventStreamOperation):
    """Operation that streams the progress of a broadcast."""

    content = LiveBroadcast


@dataclass
class OverviewStreamOperation(EventStreamOperation):
    """Operation that streams the progress of all that runs."""

    content = LiveOverview


def answers(status: int, model: type[Model], example: dict[str, Any] | None = None) -> dict[int, ResponseSpec]:
    """Declare a further response of a route.

    :param status: the HTTP status of the response.
    :param model: the model of its body; the first line of the model's docstring becomes the description.
    :returns: an entry for the route's ``responses``.
    """
    examples = None if example is None else [Example(summary="example", value=Verbatim(example))]
    return {status: ResponseSpec(model, generate_examples=False, description=_first_line(model), examples=examples)}


def no_content(description: str) -> dict[int, ResponseSpec]:
    """Declare a further response of a route: status 204 without a body."""
    return {204: ResponseSpec(None, generate_examples=False, description=description)}


def openapi_config(*, has_keys: bool) -> OpenAPIConfig:
    """Create the configuration of the OpenAPI document.

    :param has_keys: whether every call needs an API key.
    """
    schemes: dict[str, SecurityScheme | Reference] = {
        KEY_SCHEME: SecurityScheme(type="http", scheme="bearer", description=KEY_DESCRIPTION)
    }
    return OpenAPIConfig(
        title="wabroadcast",
        version=version("wabroadcast"),
        summary="The HTTP API of wabroadcast, a broadcast engine for WhatsApp.",
        use_handler_docstrings=True,
        components=Components(security_schemes=schemes),
        security=[{KEY_SCHEME: []}] if has_keys else None,
        openapi_router=_SchemaRouter(
            "/schema", route_handlers=[], include_in_schema=False, after_request=set_page_headers, opt=READS
        ),
        render_plugins=[ReferencePage(path="/"), JsonDocument(), YamlDocument()],
    )


class _SchemaRouter(Router):
    """Router of the OpenAPI document, whose routes also answer HEAD."""

    def register(self, value: ControllerRouterHandler) -> list[BaseRoute]:
        if isinstance(value, HTTPRouteHandler) and "GET" in value.http_methods:
            head = head_of(value)
            for added in (*options_of([value, head]), head):
                super().register(added)
        return super().register(value)


def _body_of(model: type[Model], examples: dict[str, dict[str, Any]]) -> RequestBody:
    content = OpenAPIMediaType(
        schema=schema_of(model, is_body=True),  # type: ignore[arg-type]  # Litestar copies a document as it is
        examples={name: Example(value=Verbatim(value)) for name, value in examples.items()},
    )
    return RequestBody(content={"application/json": content}, required=True)


def _first_line(model: type[Model]) -> str:
    return (model.__doc__ or model.__name__).strip().partition("\n")[0]
