"""The WhatsApp broadcast engine: what hosts embed and what plugins build on. Every public name is here."""

from wabroadcast_core.audience.columns import SAMPLE_ROWS, Columns, find_columns, read_table
from wabroadcast_core.audience.files import LONGEST_FIELD, LONGEST_ROW, MOST_COLUMNS, file_kind
from wabroadcast_core.audience.headers import split_tags
from wabroadcast_core.audience.numbers import mask_number, parse_number
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
)
from wabroadcast_core.hookspecs import (
    Capabilities,
    ContactSource,
    FinishedMessage,
    Sender,
    SenderContext,
    SourceContext,
    hookimpl,
)
from wabroadcast_core.models.base import Model
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.models.receipt import ConnectionEvent, Inbound, Receipt, WebhookRequest
from wabroadcast_core.models.recipient import AudienceRow, Recipient
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
    "Columns",
    "ConflictError",
    "ConnectionDown",
    "ConnectionEvent",
    "ContactSource",
    "FileError",
    "FinishedMessage",
    "Inbound",
    "InputError",
    "InvalidInputError",
    "Model",
    "NotFoundError",
    "NumberError",
    "OutcomeUnknown",
    "OutgoingMessage",
    "PluginError",
    "Receipt",
    "Recipient",
    "Rejected",
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
    "WebhookRequest",
    "file_kind",
    "find_columns",
    "hookimpl",
    "mask_number",
    "parse_number",
    "read_table",
    "split_tags",
]
