"""The sender for any WhatsApp API, driven by its settings."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from pydantic import BaseModel, JsonValue

from wabroadcast_core import (
    Accepted,
    BadMessage,
    Capabilities,
    ConnectionEvent,
    Inbound,
    MediaFile,
    OutgoingMessage,
    Receipt,
    Reply,
    SenderContext,
    Temporary,
    WebhookRefusedError,
    WebhookRequest,
    send_request,
)
from wabroadcast_plugins.senders.http_api.answers import Scrubber, is_success, read_answer
from wabroadcast_plugins.senders.http_api.calls import CONTENT_NAMES, MEDIA_KINDS, Call
from wabroadcast_plugins.senders.http_api.paths import Path
from wabroadcast_plugins.senders.http_api.requests import (
    RequestTemplate,
    message_values,
    number_values,
    secret_values,
)
from wabroadcast_plugins.senders.http_api.settings import HttpSettings
from wabroadcast_plugins.senders.http_api.texts import TemplateValues
from wabroadcast_plugins.senders.reasons import HTTP_REASONS
from wabroadcast_plugins.senders.sentences import say
from wabroadcast_plugins.senders.shared.lenient_json import as_text
from wabroadcast_plugins.senders.shared.media import in_base64
from wabroadcast_plugins.senders.shared.refusals import safe_detail, status_error

_TEXT_NAMES: Final = frozenset({"text", "media.caption"})
_FILE_NAMES: Final = frozenset({"media.base64", "media.data_uri", "media.file", "media.content_type"})
_ENCODED_NAMES: Final = frozenset({"media.base64", "media.data_uri"})


class HttpSender:
    """The sender for any WhatsApp API. Its abilities depend on its settings; its capabilities are the upper limit."""

    kind: ClassVar[str] = "http"
    reasons = HTTP_REASONS
    Settings: ClassVar[type[BaseModel]] = HttpSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        types=frozenset(CONTENT_NAMES),
        upload_types=frozenset(MEDIA_KINDS),
        client_message_ids=True,
        number_check=True,
    )

    def __init__(self, settings: HttpSettings, context: SenderContext) -> None:
        self._settings = settings
        self._context = context
        self._scrubber = Scrubber(settings.secrets.values())
        self._sends = {
            kind: self._compile(settings.send, settings.send.body_of(kind)) for kind in settings.send.types()
        }
        calls = {"number": settings.check_number, "message": settings.find_message, "up": settings.check_connection}
        self._checks = {name: self._compile(call, call.body) for name, call in calls.items() if call is not None}
        self._encode_lock = asyncio.Lock()
        self._encoded = ("", "")  # key and base64 of the latest file, which is often the same for a whole broadcast

    async def send(self, message: OutgoingMessage) -> Accepted:
        template = self._sends.get(message.type)
        if template is None:
            raise BadMessage("no_body", say("http_no_body", type=message.type))
        if message.text and not template.names & _TEXT_NAMES:
            raise BadMessage("no_caption", say("http_no_caption", type=message.type))
        file, encoded = await self._load_file(message, template)
        values = message_values(message, self._settings.secrets, file=file, encoded=encoded)
        return read_answer(await self._request(template, values), self._settings.send, self._settings.failures)

    async def check_numbers(self, numbers: Sequence[str]) -> dict[str, bool]:
        """Make one request for each number; none, and no result, if the settings have no checkNumber."""
        check = self._settings.check_number
        if check is None:
            return {}
        found: dict[str, bool] = {}
        for number in numbers:
            reply = await self._request(self._checks["number"], number_values(number, self._settings.secrets))
            if not reply.is_success:
                raise status_error(reply)
            answer = check.read(reply.document)
            if answer is not None:
                found[number] = answer
        return found

    async def find_message(self, message_id: str, number: str) -> Accepted | None:
        find = self._settings.find_message
        if find is None:
            raise Temporary("not_asked", say("http_no_find_message"))
        values = {**number_values(number, self._settings.secrets), "message_id": message_id}
        reply = await self._request(self._checks["message"], values)
        if find.missing.fits(reply.status, reply.document):
            return None
        provider_id = as_text(Path.parse(find.provider_id).find(reply.document))
        if reply.is_success and provider_id:
            return Accepted(provider_id=provider_id)
        raise Temporary("not_understood", say("http_not_found_out", detail=reply.summary))

    async def check_connection(self) -> ConnectionEvent:
        check = self._settings.check_connection
        if check is None:
            raise Temporary("not_asked", say("http_no_check"))
        reply = await self._request(self._checks["up"], secret_values(self._settings.secrets))
        if is_success(reply, check.up):
            return ConnectionEvent("up")
        reason = as_text(Path.parse(check.reason).find(reply.document)) if check.reason else ""
        if not reason and not reply.is_success:
            raise status_error(reply)
        reason = safe_detail(self._scrubber.scrub(reason))
        return ConnectionEvent("down", reason or say("http_not_up", detail=reply.summary))

    def verify_webhook(self, request: WebhookRequest) -> None:
        if self._settings.webhook is None:
            raise WebhookRefusedError("webhook is not set: add it, with its proof, to the settings of this connection")
        self._settings.webhook.verify(request, self._settings.secrets)

    def parse_webhook(self, request: WebhookRequest) -> list[Receipt | Inbound]:
        return [] if self._settings.webhook is None else self._settings.webhook.read(request)

    def _compile(self, call: Call, body: JsonValue) -> RequestTemplate:
        return RequestTemplate(call, body, headers=self._settings.headers)

    async def _load_file(
        self, message: OutgoingMessage, template: RequestTemplate
    ) -> tuple[MediaFile | None, str | None]:
        """Return the message's file, and the file in base64, if the request uses them."""
        media = message.content.get("media")
        if media is None:
            return None, None
        if not template.names & _FILE_NAMES:
            if not media.get("url"):
                raise BadMessage("needs_a_link", say("http_needs_link"))
            return None, None
        file = await self._context.load_media(media)
        return file, await self._encode(file) if template.names & _ENCODED_NAMES else None

    async def _encode(self, file: MediaFile) -> str:
        """Encode a file in another thread; messages with the same file share the result."""
        async with self._encode_lock:
            key, encoded = self._encoded
            if key != file.key:
                encoded = await asyncio.to_thread(in_base64, file.content)
                self._encoded = (file.key, encoded)
            return encoded

    async def _request(self, template: RequestTemplate, values: Mapping[str, Any]) -> Reply:
        request = template.fill(TemplateValues(values))
        base = self._settings.base_url
        reply = await send_request(
            self._context.http,
            request.method,
            f"{base.rstrip('/')}/{request.path.lstrip('/')}" if request.path else base,
            seconds=self._settings.timeout_seconds,
            **request.arguments,
        )
        return self._scrubber.scrub_reply(reply)
