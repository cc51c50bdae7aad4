"""The WhatsApp broadcast engine: what hosts embed and what plugins build on. Every public name is here."""

from wabroadcast_core.audience.columns import SAMPLE_ROWS, Columns, find_columns, read_table
from wabroadcast_core.audience.files import LONGEST_FIELD, LONGEST_ROW, MOST_COLUMNS, file_kind
from wabroadcast_core.audience.numbers import mask_number, parse_number
from wabroadcast_core.delivery.operations import NotRendered
from wabroadcast_core.delivery.template import CompiledText, compile_text
from wabroadcast_core.errors import (
    BadMessage,
    BroadcastError,
    ConflictError,
    ConnectionDown,
    FileError,
    InputError,
    InvalidInputError,
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
    UnavailableError,
    WebhookRefusedError,
)
from wabroadcast_core.hookspecs import (
    Capabilities,
    ChecksConnection,
    ChecksNumbers,
    ContactSource,
    FindsMessages,
    FinishedMessage,
    Kept,
    ParsesWebhooks,
    Sender,
    SenderContext,
    SourceContext,
    hookimpl,
)
from wabroadcast_core.media import MediaFile, fits, media_type
from wabroadcast_core.models.base import Model
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.contact import split_tags
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.models.pacing import Jitter, Quota, Rate
from wabroadcast_core.models.receipt import ConnectionEvent, Inbound, Receipt, WebhookRequest
from wabroadcast_core.models.recipient import AudienceRow, Recipient
from wabroadcast_core.providers import Reply, ask, blank_numbers, error_of
from wabroadcast_core.settings import Settings

__all__ = [
    "LONGEST_FIELD",
    "LONGEST_ROW",
    "MOST_COLUMNS",
    "SAMPLE_ROWS",
    "Accepted",
    "AudienceRow",
    "BadMessage",
    "BroadcastError",
    "Capabilities",
    "ChecksConnection",
    "ChecksNumbers",
    "Columns",
    "CompiledText",
    "ConflictError",
    "ConnectionDown",
    "ConnectionEvent",
    "ContactSource",
    "FileError",
    "FindsMessages",
    "FinishedMessage",
    "Inbound",
    "InputError",
    "InvalidInputError",
    "Jitter",
    "Kept",
    "Limits",
    "MediaFile",
    "Model",
    "NotFoundError",
    "NotRendered",
    "NumberError",
    "OutcomeUnknown",
    "OutgoingMessage",
    "ParsesWebhooks",
    "PluginError",
    "Quota",
    "Rate",
    "Receipt",
    "Recipient",
    "Rejected",
    "Reply",
    "SendError",
    "Sender",
    "SenderContext",
    "Settings",
    "SetupError",
    "SourceContext",
    "SourceError",
    "TemplateError",
    "Temporary",
    "Throttled",
    "UnavailableError",
    "WebhookRefusedError",
    "WebhookRequest",
    "ask",
    "blank_numbers",
    "compile_text",
    "error_of",
    "file_kind",
    "find_columns",
    "fits",
    "hookimpl",
    "mask_number",
    "media_type",
    "parse_number",
    "read_table",
    "split_tags",
]
