"""WhatsApp by Meta itself: the Cloud API.

Hooks: wab_senders. Settings: phoneNumberId, accessToken, appSecret, verifyToken, baseUrl, apiVersion, timeoutSeconds.

Meta has no idempotency key and cannot be asked for a message by our id, so a lost answer stays unknown until a status
webhook brings our id back. Webhooks need appSecret (events) and verifyToken (Meta's handshake).
"""

import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator, BaseModel, Field, SecretStr

from wabroadcast_core import (
    Accepted,
    BadMessage,
    Capabilities,
    ConnectionDown,
    ConnectionEvent,
    Inbound,
    Limits,
    MediaFile,
    Model,
    OutcomeUnknown,
    OutgoingMessage,
    Rate,
    Receipt,
    Reply,
    Sender,
    SenderContext,
    SendError,
    Temporary,
    WebhookRequest,
    ask,
    blank_numbers,
    hookimpl,
)
from wabroadcast_plugins.senders.whatsapp_cloud.errors import MetaError, error_in, refusal_of, unsent
from wabroadcast_plugins.senders.whatsapp_cloud.messages import MEDIA_KINDS, Files, build_body, uploads_in
from wabroadcast_plugins.senders.whatsapp_cloud.uploads import MEDIA_BYTES, MEDIA_TYPES, Uploads
from wabroadcast_plugins.senders.whatsapp_cloud.webhooks import check_handshake, check_signature, read_news

UPLOAD_SECONDS: Final = 80.0  # with a send of the usual length after it, less than the engine's patience
_CHECKED_FIELDS: Final = ("display_phone_number", "verified_name", "quality_rating", "status")
_ABLE: Final = frozenset({"", "CONNECTED", "FLAGGED"})  # flagged: of low quality, and able to send


def _clean_token(secret: SecretStr) -> SecretStr:
    """It goes into a header; a pasted one brings blanks and line ends along."""
    token = secret.get_secret_value().strip()
    if not re.fullmatch(r"[!-~]+", token):
        raise ValueError("it is empty, or holds what no token does")
    return SecretStr(token)


class WhatsAppCloudSettings(Model):
    phone_number_id: str = Field(pattern=r"^[0-9]+$", description="Meta's id of the phone number, not the number.")
    access_token: Annotated[SecretStr, AfterValidator(_clean_token)] = Field(
        description="Of a system user, with the permission whatsapp_business_messaging."
    )
    app_secret: SecretStr | None = Field(None, description="Of the Meta app; proves that a webhook is Meta's.")
    verify_token: SecretStr | None = Field(
        None, description="Of your choice; given to Meta with the webhook's address."
    )
    base_url: str = Field("https://graph.facebook.com", pattern=r"^https?://\S+$", description="Of the Graph API.")
    api_version: str = Field("v25.0", pattern=r"^v[0-9]+\.[0-9]+$", description="Of the Graph API.")
    timeout_seconds: float = Field(30, gt=0, le=100, description="Longest that Meta may take to answer.")


class WhatsAppCloudSender:
    kind: ClassVar[str] = "whatsapp-cloud"
    Settings: ClassVar[type[BaseModel]] = WhatsAppCloudSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        types=frozenset({"text", "template", *MEDIA_KINDS}),
        text_length=4_096,
        caption_length=1_024,
        media_bytes=MEDIA_BYTES,
        media_types=MEDIA_TYPES,
        limits=Limits(rate=Rate(messages=80), per_recipient=Rate(messages=1, per_seconds=6)),
    )

    def __init__(self, settings: WhatsAppCloudSettings, context: SenderContext) -> None:
        self._settings = settings
        self._context = context
        self._token = settings.access_token.get_secret_value()
        self._authorized = {"Authorization": f"Bearer {self._token}"}
        self._json_headers = {**self._authorized, "Content-Type": "application/json"}
        self._url = f"{settings.base_url.rstrip('/')}/{settings.api_version}/{settings.phone_number_id}"
        self._uploads = Uploads(context, phone_number_id=settings.phone_number_id, upload=self._upload)

    async def send(self, message: OutgoingMessage) -> Accepted:
        files = {wanted: await self._uploads.find(wanted) for wanted in uploads_in(message)}
        body = json.dumps(build_body(message, files)).encode()
        reply = await ask(
            self._context.http,
            "POST",
            f"{self._url}/messages",
            content=body,
            headers=self._json_headers,
            seconds=self._settings.timeout_seconds,
        )
        refusal = refusal_of(reply, attempt=message.attempt, secret=self._token)
        if refusal is None:
            return _accepted(reply)
        if files:
            await self._forget_lost(files, error_in(reply))
        raise refusal

    async def check_connection(self) -> ConnectionEvent:
        reply = await self._prepare(
            "GET",
            self._url,
            params={"fields": ",".join(_CHECKED_FIELDS)},
            seconds=self._settings.timeout_seconds,
            rejected=ConnectionDown,
        )
        if not isinstance(reply.document, dict) or not any(field in reply.document for field in _CHECKED_FIELDS):
            raise ConnectionDown("no_phone_number", reply.summary)
        return _state_of(reply.document)

    def verify_webhook(self, request: WebhookRequest) -> str | None:
        if request.method == "GET":
            return check_handshake(request.query, verify_token=_reveal(self._settings.verify_token))
        check_signature(request, app_secret=_reveal(self._settings.app_secret))
        return None

    def parse_webhook(self, request: WebhookRequest) -> list[Receipt | Inbound | ConnectionEvent]:
        return read_news(request.body, phone_number_id=self._settings.phone_number_id)

    async def aclose(self) -> None:
        await self._uploads.close()

    async def _upload(self, file: MediaFile) -> str:
        reply = await self._prepare(
            "POST",
            f"{self._url}/media",
            data={"messaging_product": "whatsapp", "type": file.content_type},
            files={"file": (file.filename, file.content, file.content_type)},
            seconds=max(UPLOAD_SECONDS, self._settings.timeout_seconds),
            rejected=BadMessage,
        )
        media_id = reply.document.get("id") if isinstance(reply.document, dict) else None
        if not isinstance(media_id, str) or not media_id:
            raise Temporary("no_media_id", reply.summary)
        return media_id

    async def _prepare(
        self, method: str, url: str, *, seconds: float, rejected: type[SendError], **request: Any
    ) -> Reply:
        """Ask what sends nothing: without an answer, it may be asked again."""
        try:
            reply = await ask(self._context.http, method, url, seconds=seconds, headers=self._authorized, **request)
        except OutcomeUnknown as error:
            raise unsent(error, rejected=rejected) from error
        refusal = refusal_of(reply, attempt=1, secret=self._token)
        if refusal is not None:
            raise unsent(refusal, rejected=rejected)
        return reply

    async def _forget_lost(self, files: Files, error: MetaError | None) -> None:
        """Let go of ids that Meta may know no longer, so that the next message uploads anew."""
        for wanted, uploaded in files.items():
            if error is not None and error.is_about_media(uploaded.media_id):
                await self._uploads.forget(wanted, uploaded)


@hookimpl
def wab_senders() -> Sequence[type[Sender]]:
    return [WhatsAppCloudSender]


def _accepted(reply: Reply) -> Accepted:
    """:raises OutcomeUnknown: it is a success that names no message."""
    match reply.document:
        case {"messages": [{"id": str(wamid)} as message, *_]} if wamid:
            state = message.get("message_status")
            return Accepted(wamid, _wa_id_in(reply.document), state if isinstance(state, str) and state else "accepted")
    raise OutcomeUnknown("no_id", reply.summary)


def _wa_id_in(answer: object) -> str | None:
    match answer:
        case {"contacts": [{"wa_id": str(wa_id)}, *_]}:
            return wa_id
    return None


def _state_of(phone_number: dict[str, Any]) -> ConnectionEvent:
    status, quality, name = (
        blank_numbers(found) if isinstance(found := phone_number.get(field), str) else ""
        for field in ("status", "quality_rating", "verified_name")
    )
    words = [name, status.lower(), f"quality {quality.lower()}" if quality else ""]
    return ConnectionEvent("up" if status in _ABLE else "down", ", ".join(filter(None, words)))


def _reveal(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""
