"""WhatsApp Cloud API, Meta's official service.

Hooks: wab_senders. Settings: phoneNumberId, accessToken, appSecret, verifyToken, baseUrl, apiVersion, timeoutSeconds.

API version: Graph API v25.0 by default, set by ``apiVersion``. Sources: Meta's documentation (developers.facebook.com)
and OpenAPI specification (facebook/openapi on GitHub, v23.0), and, for fixtures and error codes, pywa 4.5.

Special behaviour:

- Meta has no idempotency key and cannot find a message by our id, so an outcome without an answer stays unknown until a
  status webhook returns our id.
- Webhooks need appSecret (for events) and verifyToken (for Meta's handshake).
"""

import re
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Final

from pydantic import AfterValidator, BaseModel, Field, SecretStr
from pydantic_core import to_json

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
    Sentence,
    Temporary,
    WebhookRequest,
    blank_numbers,
    hookimpl,
    send_request,
)
from wabroadcast_plugins.senders.reasons import CLOUD_REASONS
from wabroadcast_plugins.senders.sentences import say
from wabroadcast_plugins.senders.shared.setting_types import Address, Matches
from wabroadcast_plugins.senders.whatsapp_cloud.errors import MetaError, error_in, error_without_send, refusal_of
from wabroadcast_plugins.senders.whatsapp_cloud.messages import MEDIA_KINDS, Files, build_body, uploads_in
from wabroadcast_plugins.senders.whatsapp_cloud.uploads import MEDIA_BYTES, MEDIA_TYPES, Uploads
from wabroadcast_plugins.senders.whatsapp_cloud.webhooks import (
    OwnNumber,
    check_handshake,
    check_signature,
    is_concerned,
    read_events,
)

UPLOAD_SECONDS: Final = 80.0  # with a usual send after it, this is less than the setting send_seconds
_CHECKED_FIELDS: Final = ("display_phone_number", "verified_name", "quality_rating", "status")
_SENDING_STATES: Final = frozenset({"", "CONNECTED", "FLAGGED"})  # flagged: of low quality, but able to send


def _clean_token(secret: SecretStr) -> SecretStr:
    """Trim a token, because a copied one may have blanks and line ends, and check that it fits a header."""
    token = secret.get_secret_value().strip()
    if not re.fullmatch(r"[!-~]+", token):
        text = "the token is empty, or contains spaces or non-ASCII characters: copy it from Meta again"
        raise ValueError(Sentence("cloud_token_form", text))
    return SecretStr(token)


_PhoneNumberId = Annotated[
    str,
    Matches(
        r"^[0-9]+$",
        Sentence(
            "phone_number_id_form",
            "the id must be digits only: copy the phone number id, not the phone number, from Meta",
        ),
    ),
]
_ApiVersion = Annotated[
    str, Matches(r"^v[0-9]+\.[0-9]+$", Sentence("api_version_form", "the version must look like v25.0"))
]


class WhatsAppCloudSettings(Model):
    """The settings of a Cloud API connection."""

    phone_number_id: _PhoneNumberId = Field(description="Meta's id of the phone number, not the phone number.")
    access_token: Annotated[SecretStr, AfterValidator(_clean_token)] = Field(
        description="Token of a system user with the permission whatsapp_business_messaging."
    )
    app_secret: SecretStr | None = Field(
        None, description="Secret of the Meta app; proves that webhook calls are Meta's."
    )
    verify_token: SecretStr | None = Field(
        None, description="A secret of your choice, entered at Meta together with the webhook address."
    )
    base_url: Address = Field("https://graph.facebook.com", description="Address of the Graph API.")
    api_version: _ApiVersion = Field("v25.0", description="Version of the Graph API.")
    timeout_seconds: float = Field(30, gt=0, le=100, description="Longest time in seconds that Meta may take.")


class WhatsAppCloudSender:
    """The sender for the WhatsApp Cloud API."""

    kind: ClassVar[str] = "whatsapp-cloud"
    reasons = CLOUD_REASONS
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
        self._own_number = OwnNumber(settings.phone_number_id)
        self._uploads = Uploads(context, phone_number_id=settings.phone_number_id, upload=self._upload)

    @classmethod
    def account_of(cls, settings: WhatsAppCloudSettings) -> str:
        return settings.phone_number_id

    async def send(self, message: OutgoingMessage) -> Accepted:
        files = {reference: await self._uploads.find(reference) for reference in uploads_in(message)}
        reply = await send_request(
            self._context.http,
            "POST",
            f"{self._url}/messages",
            content=to_json(build_body(message, files)),
            headers=self._json_headers,
            seconds=self._settings.timeout_seconds,
        )
        refusal = refusal_of(reply, attempt=message.attempt, secret=self._token)
        if refusal is None:
            return _accepted(reply)
        if files:
            await self._forget_expired(files, error_in(reply))
        raise refusal

    async def check_connection(self) -> ConnectionEvent:
        reply = await self._call(
            "GET",
            self._url,
            params={"fields": ",".join(_CHECKED_FIELDS)},
            seconds=self._settings.timeout_seconds,
            rejected=ConnectionDown,
        )
        if not isinstance(reply.document, dict) or not any(field in reply.document for field in _CHECKED_FIELDS):
            raise ConnectionDown("no_phone_number", say("cloud_no_phone_number", detail=reply.summary))
        return _state_of(reply.document)

    def verify_webhook(self, request: WebhookRequest) -> str | None:
        if request.method == "GET":
            return check_handshake(request.query, verify_token=_secret_text(self._settings.verify_token))
        check_signature(request, app_secret=_secret_text(self._settings.app_secret))
        return None

    def parse_webhook(self, request: WebhookRequest) -> list[Receipt | Inbound | ConnectionEvent]:
        return read_events(request.body, own=self._own_number)

    def concerned_by(self, request: WebhookRequest) -> bool:
        return is_concerned(request.body, own=self._own_number)

    async def aclose(self) -> None:
        await self._uploads.close()

    async def _upload(self, file: MediaFile) -> str:
        reply = await self._call(
            "POST",
            f"{self._url}/media",
            data={"messaging_product": "whatsapp", "type": file.content_type},
            files={"file": (file.filename, file.content, file.content_type)},
            seconds=max(UPLOAD_SECONDS, self._settings.timeout_seconds),
            rejected=BadMessage,
        )
        media_id = reply.document.get("id") if isinstance(reply.document, dict) else None
        if not isinstance(media_id, str) or not media_id:
            raise Temporary("no_media_id", say("cloud_no_media_id", detail=reply.summary))
        return media_id

    async def _call(self, method: str, url: str, *, seconds: float, rejected: type[SendError], **request: Any) -> Reply:
        """Make a request that sends no message, so that it may be repeated if no answer came.

        :param rejected: the error for a refusal.
        """
        try:
            reply = await send_request(
                self._context.http, method, url, seconds=seconds, headers=self._authorized, **request
            )
        except OutcomeUnknown as error:
            raise error_without_send(error, rejected=rejected) from error
        refusal = refusal_of(reply, attempt=1, secret=self._token)
        if refusal is not None:
            raise error_without_send(refusal, rejected=rejected)
        return reply

    async def _forget_expired(self, files: Files, error: MetaError | None) -> None:
        """Forget media ids that Meta may no longer know, so that the next message uploads the file again."""
        for reference, uploaded in files.items():
            if error is not None and error.is_about_media(uploaded.media_id):
                await self._uploads.forget(reference, uploaded)


@hookimpl
def wab_senders() -> Sequence[type[Sender]]:
    return [WhatsAppCloudSender]


def _accepted(reply: Reply) -> Accepted:
    """Return the accepted message.

    :raises OutcomeUnknown: the answer of success names no message.
    """
    match reply.document:
        case {"messages": [{"id": str(wamid)} as message, *_]} if wamid:
            state = message.get("message_status")
            return Accepted(wamid, _wa_id_in(reply.document), state if isinstance(state, str) and state else "accepted")
    raise OutcomeUnknown("no_id", say("no_message_id", detail=reply.summary))


def _wa_id_in(answer: object) -> str | None:
    """Return Meta's id of the recipient: the one that stays where the number is hidden, if the number is no news."""
    match answer:
        case {"contacts": [dict() as contact, *_]}:
            wa_id, user_id = contact.get("wa_id"), contact.get("user_id")
            is_no_news = wa_id is None or wa_id == str(contact.get("input")).lstrip("+")
            known_as = user_id if is_no_news and user_id and isinstance(user_id, str) else wa_id
            return known_as if isinstance(known_as, str) else None
    return None


def _state_of(phone_number: dict[str, Any]) -> ConnectionEvent:
    status, quality, name = (
        blank_numbers(found) if isinstance(found := phone_number.get(field), str) else ""
        for field in ("status", "quality_rating", "verified_name")
    )
    summary = ", ".join(filter(None, [name, status.lower(), f"quality {quality.lower()}" if quality else ""]))
    if status in _SENDING_STATES:
        return ConnectionEvent("up", summary)
    return ConnectionEvent("down", say("cloud_number_down", summary=summary))


def _secret_text(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""
