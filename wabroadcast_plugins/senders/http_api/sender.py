"""The sender that talks to any WhatsApp API, by what its settings say."""

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
    ask,
    error_of,
)
from wabroadcast_plugins.senders.http_api.answers import Scrubber, is_success, judge
from wabroadcast_plugins.senders.http_api.calls import CARRIERS, Call
from wabroadcast_plugins.senders.http_api.paths import Path
from wabroadcast_plugins.senders.http_api.requests import (
    RequestForm,
    message_facts,
    number_facts,
    secret_facts,
)
from wabroadcast_plugins.senders.http_api.settings import HttpSettings
from wabroadcast_plugins.senders.http_api.texts import Facts
from wabroadcast_plugins.senders.shared.lenient_json import as_text
from wabroadcast_plugins.senders.shared.media import in_base64
from wabroadcast_plugins.senders.shared.refusals import shown

_OF_THE_FILE: Final = frozenset({"media.base64", "media.data_uri", "media.file", "media.content_type"})
_ENCODED: Final = frozenset({"media.base64", "media.data_uri"})


class HttpSender:
    """All it can do depends on its settings; its capabilities name the most."""

    kind: ClassVar[str] = "http"
    Settings: ClassVar[type[BaseModel]] = HttpSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        types=frozenset(CARRIERS), client_message_ids=True, number_check=True
    )

    def __init__(self, settings: HttpSettings, context: SenderContext) -> None:
        self._settings = settings
        self._context = context
        self._scrubber = Scrubber(settings.secrets.values())
        self._sends = {kind: self._form(settings.send, settings.send.body_of(kind)) for kind in settings.send.types()}
        calls = {"number": settings.check_number, "message": settings.find_message, "up": settings.check_connection}
        self._asks = {name: self._form(call, call.body) for name, call in calls.items() if call is not None}
        self._encoding = asyncio.Lock()
        self._encoded = ("", "")  # key and base64 of the latest file: a broadcast has the same for everyone

    async def send(self, message: OutgoingMessage) -> Accepted:
        form = self._sends.get(message.type)
        if form is None:
            raise BadMessage("no_body", f"the settings of this connection have no body for {message.type} messages")
        file, encoded = await self._load_file(message, form)
        facts = message_facts(message, self._settings.secrets, file=file, encoded=encoded)
        return judge(await self._ask(form, facts), self._settings.send, self._settings.failures)

    async def check_numbers(self, numbers: Sequence[str]) -> dict[str, bool]:
        """One request a number; where the settings name none, nobody is asked and nothing is known."""
        check = self._settings.check_number
        if check is None:
            return {}
        found: dict[str, bool] = {}
        for number in numbers:
            reply = await self._ask(self._asks["number"], number_facts(number, self._settings.secrets))
            if not reply.is_success:
                raise error_of(reply)
            answer = check.read(reply.document)
            if answer is not None:
                found[number] = answer
        return found

    async def find_message(self, message_id: str, number: str) -> Accepted | None:
        find = self._settings.find_message
        if find is None:
            raise Temporary("not_asked", "the settings of this connection have no findMessage")
        facts = {**number_facts(number, self._settings.secrets), "message_id": message_id}
        reply = await self._ask(self._asks["message"], facts)
        if find.missing.fits(reply.status, reply.document):
            return None
        provider_id = as_text(Path.parse(find.provider_id).find(reply.document))
        if reply.is_success and provider_id:
            return Accepted(provider_id=provider_id)
        raise Temporary("not_understood", reply.summary)

    async def check_connection(self) -> ConnectionEvent:
        check = self._settings.check_connection
        if check is None:
            raise Temporary("not_asked", "the settings of this connection have no checkConnection")
        reply = await self._ask(self._asks["up"], secret_facts(self._settings.secrets))
        if is_success(reply, check.up):
            return ConnectionEvent("up")
        said = as_text(Path.parse(check.reason).find(reply.document)) if check.reason else ""
        if not said and not reply.is_success:
            raise error_of(reply)
        return ConnectionEvent("down", shown(self._scrubber.scrub(said)) or reply.summary)

    def verify_webhook(self, request: WebhookRequest) -> None:
        if self._settings.webhook is None:
            raise WebhookRefusedError("the settings of this connection have no webhook: set how its calls are proved")
        self._settings.webhook.verify(request, self._settings.secrets)

    def parse_webhook(self, request: WebhookRequest) -> list[Receipt | Inbound]:
        return [] if self._settings.webhook is None else self._settings.webhook.read(request)

    def _form(self, call: Call, body: JsonValue) -> RequestForm:
        return RequestForm(call, body, headers=self._settings.headers)

    async def _load_file(self, message: OutgoingMessage, form: RequestForm) -> tuple[MediaFile | None, str | None]:
        """The medium of a message, and its base64, as far as the request asks for them."""
        media = message.content.get("media")
        if media is None:
            return None, None
        if not form.names & _OF_THE_FILE:
            if not media.get("url"):
                raise BadMessage("needs_a_link", "the settings give this API links, and the message has an upload")
            return None, None
        file = await self._context.load_media(media)
        return file, await self._encode(file) if form.names & _ENCODED else None

    async def _encode(self, file: MediaFile) -> str:
        async with self._encoding:
            key, encoded = self._encoded
            if key != file.key:
                encoded = await asyncio.to_thread(in_base64, file.content)
                self._encoded = (file.key, encoded)
            return encoded

    async def _ask(self, form: RequestForm, facts: Mapping[str, Any]) -> Reply:
        request = form.fill(Facts(facts))
        base = self._settings.base_url
        reply = await ask(
            self._context.http,
            request.method,
            f"{base.rstrip('/')}/{request.path.lstrip('/')}" if request.path else base,
            seconds=self._settings.timeout_seconds,
            **request.arguments,
        )
        return self._scrubber.scrub_reply(reply)
