"""The core of wabroadcast: the public API for hosts that embed it and for plugins. All public names are here.

A name is imported at its first use, so that a program loads only what it uses: a plugin neither Huey nor Alembic, a
command neither the database nor the templates.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wabroadcast_core.asgi.health import health_app
    from wabroadcast_core.asgi.webhooks import webhook_app
    from wabroadcast_core.async_api.broadcaster import AsyncBroadcaster
    from wabroadcast_core.audience.column_detection import find_columns, find_variables
    from wabroadcast_core.audience.columns import Columns
    from wabroadcast_core.audience.files import file_kind
    from wabroadcast_core.audience.numbers import mask_number, parse_number
    from wabroadcast_core.audience.regions import Region
    from wabroadcast_core.audience.tables import SAMPLE_ROWS, DamagedRow, read_table
    from wabroadcast_core.broadcaster import Broadcaster
    from wabroadcast_core.errors import (
        BadMessage,
        BroadcastError,
        BusyError,
        ConflictError,
        ConnectionDown,
        Fault,
        FileError,
        InputError,
        InvalidInputError,
        KeyUsedError,
        NoNumbersError,
        NotFoundError,
        NumberError,
        OutcomeUnknown,
        PluginError,
        Rejected,
        SendError,
        SetupError,
        SourceError,
        TemplateError,
        Temporary,
        Throttled,
        ThrottleScope,
        UnavailableError,
        VersionConflictError,
        WebhookRefusedError,
    )
    from wabroadcast_core.hookspecs import (
        Cache,
        ChecksConnection,
        ChecksNumbers,
        ChecksSettings,
        ContactSource,
        FindsMessages,
        Hooks,
        ParsesWebhooks,
        ReadsContacts,
        Sender,
        SenderContext,
        SourceContext,
        hookimpl,
    )
    from wabroadcast_core.inbound.kept_calls import KeepsCalls, kept_call
    from wabroadcast_core.inbound.shared_webhooks import SharesWebhook
    from wabroadcast_core.inbound.webhook_answers import WebhookAnswer
    from wabroadcast_core.media import MediaFile, fits, media_type
    from wabroadcast_core.models.api_key import Scope
    from wabroadcast_core.models.base import Model
    from wabroadcast_core.models.broadcast import (
        BroadcastDetail,
        BroadcastDraft,
        BroadcastProgress,
        BroadcastSummary,
        Counts,
    )
    from wabroadcast_core.models.callback import CallbackEvent
    from wabroadcast_core.models.capabilities import Capabilities
    from wabroadcast_core.models.connection import ConnectionDraft, ConnectionView, Limits
    from wabroadcast_core.models.contact import Reading, split_tags
    from wabroadcast_core.models.message import (
        Accepted,
        MediaContent,
        MediaSource,
        MessageView,
        OutgoingMessage,
        TemplateContent,
        TemplateName,
        TextContent,
        WebAddress,
    )
    from wabroadcast_core.models.message_detail import MessageDetail
    from wabroadcast_core.models.notices import FinishedMessage, MessageReceipt
    from wabroadcast_core.models.pacing import Batching, Jitter, Quota, Rate, Retry, SendWindow, WarmUp, WarmUpStep
    from wabroadcast_core.models.page import CursorPage, Page
    from wabroadcast_core.models.receipt import ConnectionEvent, Inbound, Receipt, ReceiptKind, WebhookRequest
    from wabroadcast_core.models.recipient import (
        LONGEST_FIELD,
        LONGEST_ROW,
        MOST_COLUMNS,
        AudienceRow,
        Recipient,
        RowFault,
        Scalar,
        scalar_text,
    )
    from wabroadcast_core.models.status import (
        BroadcastStatus,
        ConnectionState,
        MessageStatus,
        Priority,
        Purpose,
        SkipReason,
    )
    from wabroadcast_core.problems import FaultView, Problem, describe_error
    from wabroadcast_core.queries import NamedQuery
    from wabroadcast_core.reasons.texts import ReasonTexts
    from wabroadcast_core.rendering.errors import NotRendered
    from wabroadcast_core.rendering.template import CompiledText, compile_text
    from wabroadcast_core.rendering.values import WorkMeter
    from wabroadcast_core.sentences import Sentence, foreign, make_sentence, one_of, sentence_of
    from wabroadcast_core.settings import Settings
    from wabroadcast_core.store.tables import TABLE_NAMES
    from wabroadcast_core.transport.account_identity import IdentifiesAccount
    from wabroadcast_core.transport.http_requests import Reply, blank_numbers, error_of, read_json, send_request
    from wabroadcast_core.worker import Worker

_NAMES = {
    "asgi.health": ("health_app",),
    "asgi.webhooks": ("webhook_app",),
    "async_api.broadcaster": ("AsyncBroadcaster",),
    "audience.column_detection": ("find_columns", "find_variables"),
    "audience.columns": ("Columns",),
    "audience.files": ("file_kind",),
    "audience.numbers": ("mask_number", "parse_number"),
    "audience.regions": ("Region",),
    "audience.tables": ("DamagedRow", "SAMPLE_ROWS", "read_table"),
    "broadcaster": ("Broadcaster",),
    "errors": (
        "BadMessage",
        "BroadcastError",
        "BusyError",
        "ConflictError",
        "ConnectionDown",
        "Fault",
        "FileError",
        "InputError",
        "InvalidInputError",
        "KeyUsedError",
        "NoNumbersError",
        "NotFoundError",
        "NumberError",
        "OutcomeUnknown",
        "PluginError",
        "Rejected",
        "SendError",
        "SetupError",
        "SourceError",
        "TemplateError",
        "Temporary",
        "ThrottleScope",
        "Throttled",
        "UnavailableError",
        "VersionConflictError",
        "WebhookRefusedError",
    ),
    "hookspecs": (
        "Cache",
        "ChecksConnection",
        "ChecksNumbers",
        "ChecksSettings",
        "ContactSource",
        "FindsMessages",
        "Hooks",
        "ParsesWebhooks",
        "ReadsContacts",
        "Sender",
        "SenderContext",
        "SourceContext",
        "hookimpl",
    ),
    "inbound.kept_calls": ("KeepsCalls", "kept_call"),
    "inbound.shared_webhooks": ("SharesWebhook",),
    "inbound.webhook_answers": ("WebhookAnswer",),
    "media": ("MediaFile", "fits", "media_type"),
    "models.api_key": ("Scope",),
    "models.base": ("Model",),
    "models.broadcast": ("BroadcastDetail", "BroadcastDraft", "BroadcastProgress", "BroadcastSummary", "Counts"),
    "models.callback": ("CallbackEvent",),
    "models.capabilities": ("Capabilities",),
    "models.connection": ("ConnectionDraft", "ConnectionView", "Limits"),
    "models.contact": ("Reading", "split_tags"),
    "models.message": (
        "Accepted",
        "MediaContent",
        "MediaSource",
        "MessageView",
        "OutgoingMessage",
        "TemplateContent",
        "TemplateName",
        "TextContent",
        "WebAddress",
    ),
    "models.message_detail": ("MessageDetail",),
    "models.notices": ("FinishedMessage", "MessageReceipt"),
    "models.pacing": ("Batching", "Jitter", "Quota", "Rate", "Retry", "SendWindow", "WarmUp", "WarmUpStep"),
    "models.page": ("CursorPage", "Page"),
    "models.receipt": ("ConnectionEvent", "Inbound", "Receipt", "ReceiptKind", "WebhookRequest"),
    "models.recipient": (
        "AudienceRow",
        "LONGEST_FIELD",
        "LONGEST_ROW",
        "MOST_COLUMNS",
        "Recipient",
        "RowFault",
        "Scalar",
        "scalar_text",
    ),
    "models.status": ("BroadcastStatus", "ConnectionState", "MessageStatus", "Priority", "Purpose", "SkipReason"),
    "problems": ("FaultView", "Problem", "describe_error"),
    "queries": ("NamedQuery",),
    "reasons.texts": ("ReasonTexts",),
    "rendering.errors": ("NotRendered",),
    "rendering.template": ("CompiledText", "compile_text"),
    "rendering.values": ("WorkMeter",),
    "sentences": (
        "Sentence",
        "foreign",
        "make_sentence",
        "one_of",
        "sentence_of",
    ),
    "settings": ("Settings",),
    "store.tables": ("TABLE_NAMES",),
    "transport.account_identity": ("IdentifiesAccount",),
    "transport.http_requests": ("Reply", "blank_numbers", "error_of", "read_json", "send_request"),
    "worker": ("Worker",),
}
_MODULES = {name: f"{__name__}.{module}" for module, names in _NAMES.items() for name in names}

__all__ = [
    "LONGEST_FIELD",
    "LONGEST_ROW",
    "MOST_COLUMNS",
    "SAMPLE_ROWS",
    "TABLE_NAMES",
    "Accepted",
    "AsyncBroadcaster",
    "AudienceRow",
    "BadMessage",
    "Batching",
    "BroadcastDetail",
    "BroadcastDraft",
    "BroadcastError",
    "BroadcastProgress",
    "BroadcastStatus",
    "BroadcastSummary",
    "Broadcaster",
    "BusyError",
    "Cache",
    "CallbackEvent",
    "Capabilities",
    "ChecksConnection",
    "ChecksNumbers",
    "ChecksSettings",
    "Columns",
    "CompiledText",
    "ConflictError",
    "ConnectionDown",
    "ConnectionDraft",
    "ConnectionEvent",
    "ConnectionState",
    "ConnectionView",
    "ContactSource",
    "Counts",
    "CursorPage",
    "DamagedRow",
    "Fault",
    "FaultView",
    "FileError",
    "FindsMessages",
    "FinishedMessage",
    "Hooks",
    "IdentifiesAccount",
    "Inbound",
    "InputError",
    "InvalidInputError",
    "Jitter",
    "KeepsCalls",
    "KeyUsedError",
    "Limits",
    "MediaContent",
    "MediaFile",
    "MediaSource",
    "MessageDetail",
    "MessageReceipt",
    "MessageStatus",
    "MessageView",
    "Model",
    "NamedQuery",
    "NoNumbersError",
    "NotFoundError",
    "NotRendered",
    "NumberError",
    "OutcomeUnknown",
    "OutgoingMessage",
    "Page",
    "ParsesWebhooks",
    "PluginError",
    "Priority",
    "Problem",
    "Purpose",
    "Quota",
    "Rate",
    "Reading",
    "ReadsContacts",
    "ReasonTexts",
    "Receipt",
    "ReceiptKind",
    "Recipient",
    "Region",
    "Rejected",
    "Reply",
    "Retry",
    "RowFault",
    "Scalar",
    "Scope",
    "SendError",
    "SendWindow",
    "Sender",
    "SenderContext",
    "Sentence",
    "Settings",
    "SetupError",
    "SharesWebhook",
    "SkipReason",
    "SourceContext",
    "SourceError",
    "TemplateContent",
    "TemplateError",
    "TemplateName",
    "Temporary",
    "TextContent",
    "ThrottleScope",
    "Throttled",
    "UnavailableError",
    "VersionConflictError",
    "WarmUp",
    "WarmUpStep",
    "WebAddress",
    "WebhookAnswer",
    "WebhookRefusedError",
    "WebhookRequest",
    "WorkMeter",
    "Worker",
    "blank_numbers",
    "compile_text",
    "describe_error",
    "error_of",
    "file_kind",
    "find_columns",
    "find_variables",
    "fits",
    "foreign",
    "health_app",
    "hookimpl",
    "kept_call",
    "make_sentence",
    "mask_number",
    "media_type",
    "one_of",
    "parse_number",
    "read_json",
    "read_table",
    "scalar_text",
    "send_request",
    "sentence_of",
    "split_tags",
    "webhook_app",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
