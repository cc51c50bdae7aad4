"""The Cloud API sender: its requests to Meta, the meaning of the answers, and the reuse of uploads."""

import asyncio
import email
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from pydantic import ValidationError

from wabroadcast_core import (
    Accepted,
    BadMessage,
    ConnectionDown,
    ConnectionEvent,
    OutcomeUnknown,
    OutgoingMessage,
    Rejected,
    SenderContext,
    SendError,
    Temporary,
    Throttled,
    WebhookRequest,
)
from wabroadcast_core.hookspecs import ChecksConnection
from wabroadcast_core.plugins import build_plugins
from wabroadcast_core.testing import FakeProvider, ProviderAnswer, ProviderRequest, fake_sender_context, message_to
from wabroadcast_core.testing.contexts import MemoryCache
from wabroadcast_core.testing.http_contract import HttpSenderContract
from wabroadcast_core.transport.http_client import make_client
from wabroadcast_plugins.senders import whatsapp_cloud
from wabroadcast_plugins.senders.whatsapp_cloud import WhatsAppCloudSender, WhatsAppCloudSettings, uploads
from wabroadcast_plugins.senders.whatsapp_cloud.messages import build_body

Result = TypeVar("Result")

NUMBER = "+628123456789"
TOKEN = "EAAGnotARealOne"
ACCEPTED = {
    "messaging_product": "whatsapp",
    "contacts": [{"input": NUMBER, "wa_id": "628123456789"}],
    "messages": [{"id": "wamid.1", "message_status": "accepted"}],
}
JPEG, PDF, MP4 = b"\xff\xd8\xff\xe0 a picture", b"%PDF-1.7 a document", b"\0\0\0\x18ftypmp42 a film"
OPUS = b"OggS" + bytes(24) + b"OpusHead"
FILES = {"photo.jpg": JPEG, "price list.pdf": PDF, "film.mp4": MP4, "voice.ogg": OPUS}
KINDS = {"photo.jpg": "image", "price list.pdf": "document", "film.mp4": "video", "voice.ogg": "audio"}
ADVICE = "look the phone number up in WhatsApp Manager"
META_SPECIFICATION = Path(__file__).parents[4] / "shared/specs/meta-business-messaging-api_v23.0.yaml"


class Meta:
    """A Cloud API on loopback. ``answer`` is the answer to a message, or a function that returns it; ``upload_answer``
    is the answer to an upload. By default, each upload gets a new media id.
    """

    def __init__(self, provider: FakeProvider) -> None:
        self.provider = provider
        self.answer: ProviderAnswer | Callable[[ProviderRequest], ProviderAnswer] = ProviderAnswer(200, ACCEPTED)
        self.upload_answer: ProviderAnswer | None = None
        provider.answering = self._answer_request

    @property
    def uploads(self) -> list[ProviderRequest]:
        return [request for request in self.provider.requests if is_upload(request)]

    @property
    def sends(self) -> list[ProviderRequest]:
        return [request for request in self.provider.requests if request.path.endswith("/messages")]

    def sender(self, context: SenderContext, **changes: Any) -> WhatsAppCloudSender:
        given = {"phoneNumberId": "1055", "accessToken": TOKEN, "baseUrl": self.provider.url, **changes}
        return WhatsAppCloudSender(WhatsAppCloudSettings.model_validate(given), context)

    def run(self, call: Callable[[WhatsAppCloudSender], Awaitable[Result]], **changes: Any) -> Result:
        """Run a call on a new sender."""

        async def run_call() -> Result:
            context = make_context()
            try:
                return await call(self.sender(context, **changes))
            finally:
                await context.http.aclose()

        return asyncio.run(run_call())

    def send(self, message: OutgoingMessage, **changes: Any) -> Accepted:
        return self.run(lambda sender: sender.send(message), **changes)

    def _answer_request(self, request: ProviderRequest) -> ProviderAnswer:
        if is_upload(request):
            return self.upload_answer or ProviderAnswer(200, {"id": f"media-{len(self.uploads)}"})
        return self.answer(request) if callable(self.answer) else self.answer


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as running:
        yield running


@pytest.fixture
def meta(provider: FakeProvider) -> Meta:
    provider.requests.clear()
    return Meta(provider)


def is_upload(request: ProviderRequest) -> bool:
    return request.path.endswith("/media")


def make_context() -> SenderContext:
    return fake_sender_context(http=make_client(), media=FILES)


def media_message(kind: str, media: object, *, text: str | None = None, **content: Any) -> OutgoingMessage:
    return OutgoingMessage("job-1", NUMBER, kind, text, {"media": media, **content})


def upload_message(name: str = "photo.jpg", index: int = 1) -> OutgoingMessage:
    return OutgoingMessage(f"job-{index}", NUMBER, KINDS[name], None, {"media": {"uploadId": name}})


def template_message(*components: object) -> OutgoingMessage:
    template = {"name": "promo_1", "language": "id", "components": list(components)}
    return OutgoingMessage("job-1", NUMBER, "template", None, {"template": template})


def parts_of(request: ProviderRequest) -> dict[str, Any]:
    """Return the parts of a multipart body: texts, and the name, type and bytes of the file."""
    head = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
    parts: dict[str, Any] = {}
    for part in email.message_from_bytes(head + request.body).walk():
        name, filename = part.get_param("name", header="content-disposition"), part.get_filename()
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            parts[str(name)] = (filename, part["content-type"], content) if filename else content.decode()
    return parts


class TestContract(HttpSenderContract):
    sender_class = WhatsAppCloudSender
    settings: ClassVar[dict[str, Any]] = {
        "phoneNumberId": "1055",
        "accessToken": TOKEN,
        "appSecret": "0123456789abcdef",
        "verifyToken": "not-a-real-one",
    }
    accepted: ClassVar[Any] = ACCEPTED

    def webhook_calls(self) -> Sequence[WebhookRequest]:
        return [WebhookRequest("POST", {}, {}, b'{"object": "whatsapp_business_account", "entry": []}')]


class TestContractWithUploads(TestContract):
    """The contract for messages whose file must be uploaded first."""

    def media(self) -> Mapping[str, bytes]:
        return FILES

    def messages(self) -> Sequence[OutgoingMessage]:
        return [upload_message(name, index) for index, name in enumerate(FILES)]

    def answer(self, request: ProviderRequest) -> ProviderAnswer:
        return ProviderAnswer(200, {"id": "media-1"}) if is_upload(request) else super().answer(request)

    def is_send(self, request: ProviderRequest) -> bool:
        return not is_upload(request)


def test_it_is_found_as_a_plugin() -> None:
    plugins = build_plugins([whatsapp_cloud], discover=False)

    assert plugins.sender("whatsapp-cloud") is WhatsAppCloudSender


def test_its_limits_are_metas() -> None:
    limits = WhatsAppCloudSender.capabilities.limits

    assert limits.rate is not None
    assert limits.per_recipient is not None
    assert limits.rate.per_second == 80
    assert (limits.per_recipient.messages, limits.per_recipient.per_seconds) == (1, 6)
    assert not WhatsAppCloudSender.capabilities.client_message_ids


# --- settings


@pytest.mark.parametrize("token", [f" {TOKEN}", f"{TOKEN}\r\n"], ids=["blank", "line-end"])
def test_a_pasted_token_is_trimmed(meta: Meta, token: str) -> None:
    meta.send(message_to(NUMBER), accessToken=token)

    assert meta.provider.last.headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        pytest.param("accessToken", "", id="no-token"),
        pytest.param("accessToken", " \n", id="a-blank-token"),
        pytest.param("accessToken", "two words", id="a-token-of-two-words"),
        pytest.param("accessToken", "tökên", id="a-token-outside-ascii"),
        pytest.param("phoneNumberId", NUMBER, id="the-number-in-place-of-its-id"),
        pytest.param("apiVersion", "25", id="no-version"),
        pytest.param("baseUrl", "graph.facebook.com", id="no-scheme"),
    ],
)
def test_settings_that_cannot_work_are_refused_without_repeating_them(setting: str, value: str) -> None:
    given = {"phoneNumberId": "1055", "accessToken": TOKEN, setting: value}

    with pytest.raises(ValidationError) as refused:
        WhatsAppCloudSettings.model_validate(given)

    assert [detail["loc"] for detail in refused.value.errors()] == [(setting,)]


# --- requests


def test_the_request_for_a_text(meta: Meta) -> None:
    meta.send(OutgoingMessage("job-1", NUMBER, "text", "Halo https://example.com", {"previewUrl": True}))

    request = meta.provider.last
    assert (request.method, request.path, request.query) == ("POST", "/v25.0/1055/messages", {})
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["content-type"] == "application/json"
    assert request.json == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": NUMBER,
        "type": "text",
        "text": {"body": "Halo https://example.com", "preview_url": True},
        "biz_opaque_callback_data": "job-1",
    }


@pytest.mark.parametrize("path", ["", "/", "/graph", "/graph/"])
def test_the_base_url_may_have_a_path_and_a_slash(meta: Meta, path: str) -> None:
    meta.send(message_to(NUMBER), baseUrl=meta.provider.url + path, apiVersion="v26.0")

    assert meta.provider.last.path == f"{path.rstrip('/')}/v26.0/1055/messages"


LINK = "https://example.com/files/price%20list.pdf?v=2"


@pytest.mark.parametrize(
    ("message", "part"),
    [
        pytest.param(
            media_message("image", {"url": LINK}, text="Promo"), {"link": LINK, "caption": "Promo"}, id="image"
        ),
        pytest.param(media_message("image", {"url": LINK}), {"link": LINK}, id="image-without-caption"),
        pytest.param(
            media_message("video", {"url": LINK}, text="Promo"), {"link": LINK, "caption": "Promo"}, id="video"
        ),
        pytest.param(media_message("audio", {"url": LINK}, text="Promo"), {"link": LINK}, id="audio-has-no-caption"),
        pytest.param(
            media_message("document", {"url": LINK}, text="Promo", filename="Harga.pdf"),
            {"link": LINK, "caption": "Promo", "filename": "Harga.pdf"},
            id="document",
        ),
        pytest.param(
            media_message("document", {"url": LINK}),
            {"link": LINK, "filename": "price list.pdf"},
            id="document-with-the-name-in-its-link",
        ),
        pytest.param(
            media_message("document", {"url": "https://example.com/download"}),
            {"link": "https://example.com/download"},
            id="document-without-a-name",
        ),
        pytest.param(
            media_message("image", {"url": LINK}, filename="a.jpg"), {"link": LINK}, id="an-image-has-no-name"
        ),
        pytest.param(
            media_message("image", {"uploadId": "photo.jpg"}, text="Promo"),
            {"id": "media-1", "caption": "Promo"},
            id="uploaded-image",
        ),
        pytest.param(
            media_message("document", {"uploadId": "price list.pdf"}),
            {"id": "media-1", "filename": "price list.pdf"},
            id="uploaded-document",
        ),
        pytest.param(
            media_message("document", {"uploadId": "price list.pdf"}, filename="Harga Budi.pdf"),
            {"id": "media-1", "filename": "Harga Budi.pdf"},
            id="uploaded-document-with-another-name",
        ),
        pytest.param(media_message("audio", {"uploadId": "voice.ogg"}), {"id": "media-1"}, id="uploaded-audio"),
        pytest.param(media_message("video", {"uploadId": "film.mp4"}), {"id": "media-1"}, id="uploaded-video"),
    ],
)
def test_media_are_sent_by_link_or_by_id(meta: Meta, message: OutgoingMessage, part: dict[str, Any]) -> None:
    meta.send(message)

    body = meta.provider.last.json
    assert (body["type"], body[message.type]) == (message.type, part)
    assert body["biz_opaque_callback_data"] == "job-1"


def test_a_rendered_template_is_sent_unchanged(meta: Meta) -> None:
    components = [
        {"type": "header", "parameters": [{"type": "image", "image": {"link": LINK}}]},
        {"type": "body", "parameters": [{"type": "text", "parameter_name": "name", "text": "Budi"}]},
        {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "abc"}]},
    ]

    meta.send(template_message(*components))

    expected = {"name": "promo_1", "language": {"code": "id"}, "components": components}
    assert meta.provider.last.json["template"] == expected


def test_a_template_without_components_has_none(meta: Meta) -> None:
    meta.send(template_message())

    assert meta.provider.last.json["template"] == {"name": "promo_1", "language": {"code": "id"}}


def test_all_uploads_in_a_template_are_replaced_by_media_ids(meta: Meta) -> None:
    def header(kind: str, **medium: str) -> dict[str, Any]:
        return {"type": "header", "parameters": [{"type": kind, kind: medium}]}

    cards = [
        {"card_index": 0, "components": [header("video", uploadId="film.mp4")]},
        {"card_index": 1, "components": [header("video", id="an id of Meta's")]},
    ]
    message = template_message(
        header("image", uploadId="photo.jpg"),
        header("document", uploadId="price list.pdf"),
        header("document", uploadId="price list.pdf", filename="Harga.pdf"),
        {"type": "carousel", "cards": cards},
        {"type": "body", "parameters": [{"type": "text", "text": "uploadId"}]},
    )

    meta.send(message)

    ids = {parts_of(request)["file"][0]: f"media-{index}" for index, request in enumerate(meta.uploads, 1)}
    image, document, named, carousel, body = meta.provider.last.json["template"]["components"]
    assert len(meta.uploads) == 3
    assert image == header("image", id=ids["photo.jpg"])
    assert document == header("document", id=ids["price list.pdf"], filename="price list.pdf")
    assert named == header("document", id=ids["price list.pdf"], filename="Harga.pdf")
    assert carousel["cards"][0]["components"] == [header("video", id=ids["film.mp4"])]
    assert carousel["cards"][1] == cards[1]
    assert body["parameters"] == [{"type": "text", "text": "uploadId"}]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        pytest.param(OutgoingMessage("job-1", NUMBER, "text"), "no_text", id="no-text"),
        pytest.param(OutgoingMessage("job-1", NUMBER, "text", ""), "no_text", id="empty-text"),
        pytest.param(OutgoingMessage("job-1", NUMBER, "image"), "no_media", id="no-media"),
        pytest.param(media_message("image", {}), "no_media", id="neither-link-nor-upload"),
        pytest.param(media_message("image", {"uploadId": "gone.jpg"}), "no_media", id="no-such-upload"),
        pytest.param(media_message("document", {"url": "https://["}), "no_media", id="no-address"),
        pytest.param(OutgoingMessage("job-1", NUMBER, "template"), "no_template", id="no-template"),
        pytest.param(
            OutgoingMessage("job-1", NUMBER, "template", None, {"template": {"name": "promo_1"}}),
            "no_template",
            id="no-language",
        ),
        pytest.param(media_message("sticker", {"uploadId": "photo.jpg"}), "unsupported_type", id="unknown-type"),
    ],
)
def test_an_incomplete_message_is_bad_and_causes_no_request(meta: Meta, message: OutgoingMessage, reason: str) -> None:
    with pytest.raises(BadMessage) as bad:
        meta.send(message)

    assert bad.value.reason == reason
    assert not meta.provider.requests


def test_bodies_equal_metas_own_examples() -> None:
    if not META_SPECIFICATION.exists():
        pytest.skip("Meta's specification is not here")
    yaml = pytest.importorskip("yaml", reason="PyYAML reads Meta's specification")
    document = yaml.load(META_SPECIFICATION.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    operation = document["paths"]["/{Version}/{Phone-Number-ID}/messages"]["post"]
    examples = operation["requestBody"]["content"]["application/json"]["examples"]
    compared = 0

    for example in (each["value"] for each in examples.values()):
        message = _message_like(example)
        if message is not None:
            body = build_body(message, {})
            assert {name: body[name] for name in example} == example
            compared += 1

    assert compared > 10


def _message_like(example: dict[str, Any]) -> OutgoingMessage | None:
    """Return the message that an example sends; None for types that this sender does not support."""
    kind = example.get("type", "")
    part, to = example.get(kind, {}), example.get("to", "")
    if "context" in example:
        return None
    if kind == "text":
        return OutgoingMessage("job-1", to, kind, part["body"], {"previewUrl": part["preview_url"]})
    if kind == "template" and "policy" not in part["language"]:  # Meta no longer accepts it
        return OutgoingMessage("job-1", to, kind, None, {"template": {**part, "language": part["language"]["code"]}})
    if "link" in part and kind != "sticker":
        return OutgoingMessage("job-1", to, kind, part.get("caption"), {"media": {"url": part["link"]}})
    return None


# --- answers


@pytest.mark.parametrize("state", ["accepted", "held_for_quality_assessment", "paused"])
def test_the_state_of_an_accepted_message_is_kept(meta: Meta, state: str) -> None:
    meta.answer = ProviderAnswer(200, {**ACCEPTED, "messages": [{"id": "wamid.7", "message_status": state}]})

    assert meta.send(message_to(NUMBER)) == Accepted("wamid.7", "628123456789", state)


@pytest.mark.parametrize(
    ("contact", "wa_id"),
    [
        pytest.param({"user_id": "US.1349"}, "US.1349", id="only-the-user-id"),
        pytest.param({"input": "+62812", "wa_id": "62812", "user_id": ""}, "62812", id="no-user-id"),
        pytest.param({"input": "+62812", "wa_id": "62812", "user_id": "US.1349"}, "US.1349", id="beside-the-number"),
        pytest.param({"input": "55119", "wa_id": "5511", "user_id": "US.1349"}, "5511", id="beside-another-id"),
    ],
)
def test_the_id_that_a_person_keeps_is_returned_where_the_number_is_no_news(
    meta: Meta, contact: dict[str, str], wa_id: str
) -> None:
    meta.answer = ProviderAnswer(200, {"contacts": [contact], "messages": [{"id": "wamid.7"}]})

    assert meta.send(message_to(NUMBER)) == Accepted("wamid.7", wa_id, "accepted")


@pytest.mark.parametrize(
    "contacts", [None, [], [{}], [{"wa_id": 7}], [{"wa_id": ["7"], "user_id": "US.1"}], "?"], ids=str
)
def test_an_answer_may_lack_the_persons_id(meta: Meta, contacts: object) -> None:
    meta.answer = ProviderAnswer(200, {"contacts": contacts, "messages": [{"id": "wamid.7"}]})

    assert meta.send(message_to(NUMBER)) == Accepted("wamid.7", None, "accepted")


@pytest.mark.parametrize(
    "body",
    [{}, {"messages": []}, {"messages": [{}]}, {"messages": [{"id": ""}]}, {"messages": [{"id": 7}]}, {"messages": {}}],
    ids=str,
)
def test_a_success_without_a_message_id_leaves_the_outcome_unknown(meta: Meta, body: object) -> None:
    meta.answer = ProviderAnswer(200, body)

    with pytest.raises(OutcomeUnknown):
        meta.send(message_to(NUMBER))


@pytest.mark.parametrize(
    ("status", "code", "attempt", "expected"),
    [
        pytest.param(400, 131026, 1, Rejected, id="not-on-whatsapp"),
        pytest.param(403, 130429, 1, Throttled, id="too-fast-with-403"),
        pytest.param(400, 190, 1, ConnectionDown, id="token-with-400"),
        pytest.param(200, 131026, 1, Rejected, id="an-error-with-200"),
        pytest.param(500, 131000, 1, Temporary, id="a-fault-of-the-server"),
        pytest.param(400, 132001, 1, BadMessage, id="no-such-template"),
        pytest.param(500, 1, 2, Temporary, id="second-attempt"),
        pytest.param(500, 1, 3, BadMessage, id="third-attempt"),
    ],
)
def test_the_code_of_an_error_decides_what_it_means(
    meta: Meta, status: int, code: int, attempt: int, expected: type[SendError]
) -> None:
    meta.answer = ProviderAnswer(status, {"error": {"code": code, "message": f"about {NUMBER} and {TOKEN}"}})

    with pytest.raises(SendError) as ended:
        meta.send(message_to(NUMBER, attempt=attempt))

    assert type(ended.value) is expected
    assert (ended.value.reason, ended.value.detail) == (str(code), "about … and …")


# --- uploads


def test_the_request_for_an_upload(meta: Meta) -> None:
    meta.send(upload_message("voice.ogg"))

    [request] = meta.uploads
    assert (request.method, request.path) == ("POST", "/v25.0/1055/media")
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert parts_of(request) == {
        "messaging_product": "whatsapp",
        "type": "audio/ogg; codecs=opus",
        "file": ("voice.ogg", "audio/ogg; codecs=opus", OPUS),
    }


def test_a_file_is_uploaded_once_for_concurrent_sends(meta: Meta) -> None:
    async def send_many(sender: WhatsAppCloudSender) -> None:
        await asyncio.gather(*(sender.send(upload_message(index=index)) for index in range(20)))
        await sender.send(upload_message(index=20))

    meta.run(send_many)

    assert len(meta.uploads) == 1
    assert [request.json["image"] for request in meta.sends] == [{"id": "media-1"}] * 21


def test_a_file_is_uploaded_once_for_all_processes(meta: Meta) -> None:
    async def send_from_two() -> None:
        context = make_context()
        for index in range(2):
            await meta.sender(context).send(upload_message(index=index))
        await context.http.aclose()

    asyncio.run(send_from_two())

    assert len(meta.uploads) == 1
    assert [request.json["image"] for request in meta.sends] == [{"id": "media-1"}] * 2


def test_an_id_is_not_used_for_another_phone_number(meta: Meta) -> None:
    async def send_from_two() -> None:
        context = make_context()
        for number in ("1055", "2066"):
            await meta.sender(context, phoneNumberId=number).send(upload_message())
        await context.http.aclose()

    asyncio.run(send_from_two())

    assert [request.path for request in meta.uploads] == ["/v25.0/1055/media", "/v25.0/2066/media"]


def test_a_media_id_is_cached_for_a_day_less_than_it_is_valid(meta: Meta, monkeypatch: pytest.MonkeyPatch) -> None:
    cached: dict[str, float] = {}

    async def put(self: MemoryCache, key: str, value: str, *, seconds: float) -> None:
        cached[value] = seconds

    monkeypatch.setattr(MemoryCache, "put", put)
    meta.send(upload_message())

    assert cached == {"media-1": 29 * 86_400}


def test_the_cache_is_read_again_after_a_while(meta: Meta, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "RECHECK_SECONDS", -1)

    async def send_twice(sender: WhatsAppCloudSender) -> None:
        await sender.send(upload_message())
        for key in list(sender._context.cache.values):  # type: ignore[attr-defined]  # the cache of the tests
            await sender._context.cache.put(key, "media-of-another-process", seconds=1)
        await sender.send(upload_message())

    meta.run(send_twice)

    assert [request.json["image"]["id"] for request in meta.sends] == ["media-1", "media-of-another-process"]


def test_the_number_of_uploads_in_memory_is_limited(meta: Meta, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_ENTRIES", 2)

    async def count_entries(sender: WhatsAppCloudSender) -> int:
        for name in FILES:
            await sender.send(upload_message(name))
        return len(sender._uploads._entries)

    assert meta.run(count_entries) == 2


def refuse_first_id(error: dict[str, Any]) -> Callable[[ProviderRequest], ProviderAnswer]:
    def answer(request: ProviderRequest) -> ProviderAnswer:
        is_first = request.json["image"].get("id") == "media-1"
        return ProviderAnswer(400, {"error": error}) if is_first else ProviderAnswer(200, ACCEPTED)

    return answer


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param({"code": 131053, "message": "Media upload error"}, Temporary, id="media-failed"),
        pytest.param({"code": 100, "message": "Invalid parameter: media-1"}, Rejected, id="names-the-id"),
        pytest.param({"code": 100, "error_data": {"details": "The Media ID has expired"}}, Rejected, id="names-media"),
    ],
)
def test_a_media_id_that_meta_no_longer_knows_is_forgotten(
    meta: Meta, error: dict[str, Any], expected: type[SendError]
) -> None:
    meta.answer = refuse_first_id(error)

    async def send_from_two() -> None:
        context = make_context()
        sender = meta.sender(context)
        with pytest.raises(expected):
            await sender.send(upload_message())
        await sender.send(upload_message())
        await meta.sender(context).send(upload_message())
        await context.http.aclose()

    asyncio.run(send_from_two())

    assert [request.json["image"]["id"] for request in meta.sends] == ["media-1", "media-2", "media-2"]


@pytest.mark.parametrize(
    "error",
    [{"code": 100, "message": "(#100) Invalid parameter: to"}, {"code": 131026}, {"code": 190}, {"code": 2}],
    ids=lambda error: str(error["code"]),
)
def test_another_error_keeps_the_media_id(meta: Meta, error: dict[str, Any]) -> None:
    meta.answer = refuse_first_id(error)

    async def send_twice(sender: WhatsAppCloudSender) -> None:
        await asyncio.gather(*(sender.send(upload_message()) for _ in range(2)), return_exceptions=True)

    meta.run(send_twice)

    assert len(meta.uploads) == 1


def test_a_forgotten_file_is_uploaded_again_once_for_concurrent_sends(meta: Meta) -> None:
    meta.answer = refuse_first_id({"code": 131053})

    async def send_many(sender: WhatsAppCloudSender) -> None:
        for _ in range(2):
            await asyncio.gather(*(sender.send(upload_message()) for _ in range(5)), return_exceptions=True)

    meta.run(send_many)

    assert len(meta.uploads) == 2


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(ProviderAnswer(fault="drop"), Temporary, id="no-answer"),
        pytest.param(ProviderAnswer(500, "oops"), Temporary, id="a-fault-of-the-server"),
        pytest.param(ProviderAnswer(200, {}), Temporary, id="no-id"),
        pytest.param(ProviderAnswer(200, "done"), Temporary, id="no-json"),
        pytest.param(ProviderAnswer(400, {"error": {"code": 131053}}), Temporary, id="media-failed"),
        pytest.param(ProviderAnswer(400, {"error": {"code": 100}}), BadMessage, id="refused"),
        pytest.param(ProviderAnswer(413, "too large"), BadMessage, id="refused-without-a-code"),
        pytest.param(ProviderAnswer(401, {"error": {"code": 190}}), ConnectionDown, id="token"),
        pytest.param(ProviderAnswer(429, {"error": {"code": 80007}}), Throttled, id="too-fast"),
    ],
)
def test_a_failed_upload_leaves_no_unknown_outcome_and_rejects_no_recipient(
    meta: Meta, answer: ProviderAnswer, expected: type[SendError]
) -> None:
    meta.upload_answer = answer

    with pytest.raises(SendError) as ended:
        meta.send(upload_message())

    assert type(ended.value) is expected
    assert not meta.sends


def test_an_upload_that_cannot_reach_meta_is_temporary(meta: Meta) -> None:
    with pytest.raises(Temporary):
        meta.send(upload_message(), baseUrl="http://127.0.0.1:9")


def test_the_next_message_retries_a_failed_upload(meta: Meta) -> None:
    async def send_twice(sender: WhatsAppCloudSender) -> None:
        meta.upload_answer = ProviderAnswer(500, "oops")
        with pytest.raises(Temporary):
            await sender.send(upload_message())
        meta.upload_answer = None
        await sender.send(upload_message())

    meta.run(send_twice)

    assert len(meta.uploads) == 2


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        pytest.param(media_message("image", {"uploadId": "price list.pdf"}), "media_type", id="a-document-as-image"),
        pytest.param(media_message("audio", {"uploadId": "film.mp4"}), "media_type", id="a-film-as-audio"),
        pytest.param(media_message("document", {"uploadId": "photo.jpg"}), "media_type", id="an-image-as-document"),
        pytest.param(media_message("video", {"uploadId": "film.mp4"}), "media_too_large", id="too-large"),
    ],
)
def test_a_file_that_meta_does_not_accept_is_not_uploaded(
    meta: Meta, monkeypatch: pytest.MonkeyPatch, message: OutgoingMessage, reason: str
) -> None:
    monkeypatch.setattr(uploads, "MEDIA_BYTES", {**uploads.MEDIA_BYTES, "video": len(MP4) - 1})

    with pytest.raises(BadMessage) as bad:
        meta.send(message)

    assert bad.value.reason == reason
    assert not meta.provider.requests


def test_a_cancelled_send_does_not_cancel_its_upload_for_others(meta: Meta) -> None:
    meta.upload_answer = ProviderAnswer(200, {"id": "media-1"}, delay=0.05)

    async def cancel_first(sender: WhatsAppCloudSender) -> Accepted:
        first, second = (asyncio.create_task(sender.send(upload_message(index=index))) for index in range(2))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert meta.run(cancel_first).provider_id == "wamid.1"
    assert len(meta.uploads) == len(meta.sends) == 1


def test_sends_that_waited_for_an_upload_keep_the_gaps_in_which_they_came(meta: Meta) -> None:
    gap = 0.1
    meta.upload_answer = ProviderAnswer(200, {"id": "media-1"}, delay=2 * gap)

    async def send_two(sender: WhatsAppCloudSender) -> None:
        first = asyncio.create_task(sender.send(upload_message(index=1)))
        await asyncio.sleep(gap)
        await asyncio.gather(first, sender.send(upload_message(index=2)))

    meta.run(send_two)

    first, second = meta.sends
    assert second.at - first.at > gap / 2


def test_closing_cancels_an_upload_in_progress(meta: Meta) -> None:
    meta.upload_answer = ProviderAnswer(fault="hang")

    async def close_early(sender: WhatsAppCloudSender) -> int:
        send = asyncio.create_task(sender.send(upload_message()))
        while not meta.uploads:  # noqa: ASYNC110 - the provider is in another thread
            await asyncio.sleep(0.005)
        await sender.aclose()
        await asyncio.gather(send, return_exceptions=True)
        return len(asyncio.all_tasks())

    assert meta.run(close_early) == 1


# --- the connection


@pytest.mark.parametrize(
    ("answer", "event"),
    [
        pytest.param(
            {"status": "CONNECTED", "quality_rating": "GREEN", "verified_name": "Toko Budi"},
            ConnectionEvent("up", "Toko Budi, connected, quality green"),
            id="connected",
        ),
        pytest.param(
            {"status": "FLAGGED", "quality_rating": "RED"}, ConnectionEvent("up", "flagged, quality red"), id="flagged"
        ),
        pytest.param({"quality_rating": "NA"}, ConnectionEvent("up", "quality na"), id="no-status"),
        pytest.param({"status": "RESTRICTED"}, ConnectionEvent("down", f"restricted: {ADVICE}"), id="restricted"),
        pytest.param({"status": "BANNED"}, ConnectionEvent("down", f"banned: {ADVICE}"), id="unknown-status"),
        pytest.param(
            {"status": "PENDING", "quality_rating": 7, "verified_name": None},
            ConnectionEvent("down", f"pending: {ADVICE}"),
            id="pending",
        ),
        pytest.param(
            {"status": "CONNECTED", "verified_name": "Call +62 812-3456-789", "display_phone_number": NUMBER},
            ConnectionEvent("up", "Call …, connected"),
            id="numbers-are-blanked",
        ),
    ],
)
def test_the_connection_has_the_state_that_meta_reports(
    meta: Meta, answer: dict[str, Any], event: ConnectionEvent
) -> None:
    meta.answer = ProviderAnswer(200, answer)

    assert meta.run(lambda sender: sender.check_connection()) == event
    request = meta.provider.last
    assert (request.method, request.path) == ("GET", "/v25.0/1055")
    assert request.query == {"fields": "display_phone_number,verified_name,quality_rating,status"}
    assert request.headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(ProviderAnswer(401, {"error": {"code": 190}}), ConnectionDown, id="token"),
        pytest.param(ProviderAnswer(400, {"error": {"code": 100}}), ConnectionDown, id="no-such-number"),
        pytest.param(ProviderAnswer(404, "not found"), ConnectionDown, id="no-graph"),
        pytest.param(ProviderAnswer(200, "<html>Welcome"), ConnectionDown, id="another-server"),
        pytest.param(ProviderAnswer(200, {}), ConnectionDown, id="no-phone-number"),
        pytest.param(ProviderAnswer(500, {"error": {"code": 2}}), Temporary, id="service-down"),
        pytest.param(ProviderAnswer(500, "oops"), Temporary, id="a-fault-of-the-server"),
        pytest.param(ProviderAnswer(fault="drop"), Temporary, id="no-answer"),
        pytest.param(ProviderAnswer(400, {"error": {"code": 4}}), Throttled, id="too-many-calls"),
    ],
)
def test_a_failed_check_of_the_connection_is_an_error(
    meta: Meta, answer: ProviderAnswer, expected: type[SendError]
) -> None:
    meta.answer = answer

    with pytest.raises(SendError) as ended:
        meta.run(lambda sender: sender.check_connection())

    assert type(ended.value) is expected


def test_it_checks_connections(meta: Meta) -> None:
    assert isinstance(meta.sender(fake_sender_context()), ChecksConnection)
