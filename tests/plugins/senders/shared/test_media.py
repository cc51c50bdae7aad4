import asyncio
import base64
from dataclasses import replace
from typing import Any

import pytest

from wabroadcast_core import BadMessage, Capabilities, OutgoingMessage
from wabroadcast_core.testing import fake_sender_context, message_to
from wabroadcast_plugins.senders.shared.media import Attachment, attach, load_file

PDF = b"%PDF-1.7 menu"
ALL_KINDS = Capabilities(media_bytes=dict.fromkeys(("image", "document", "audio", "video"), len(PDF)))


def message_with(kind: str, media: dict[str, str], *, text: str | None = None, **content: Any) -> OutgoingMessage:
    return replace(message_to("+628123456789"), type=kind, text=text, content={"media": media, **content})


def attach_file(message: OutgoingMessage, *, capabilities: Capabilities = ALL_KINDS) -> Attachment:
    context = fake_sender_context(media={"u1/menu.pdf": PDF})
    return asyncio.run(attach(context, message, kind="gw", capabilities=capabilities))


@pytest.mark.parametrize(
    ("url", "kind", "content_type", "filename"),
    [
        pytest.param("https://x.example/a/b.png", "image", "image/png", "b.png", id="by-its-name"),
        pytest.param("https://x.example/B.JPG?size=2#top", "image", "image/jpeg", "B.JPG", id="capitals-and-a-query"),
        pytest.param("https://x.example/photo", "image", "image/jpeg", "photo", id="image-without-an-ending"),
        pytest.param("https://x.example/clip.gif", "video", "video/mp4", "clip.gif", id="ending-of-another-kind"),
        pytest.param("https://x.example/v.opus", "audio", "audio/ogg; codecs=opus", "v.opus", id="voice"),
        pytest.param("https://x.example/v", "audio", "audio/mpeg", "v", id="audio-without-an-ending"),
        pytest.param("https://x.example/Men%C3%BC.pdf", "document", "application/pdf", "Menü.pdf", id="escaped-name"),
        pytest.param("https://x.example/dir/", "document", "application/octet-stream", "file", id="no-name"),
        pytest.param("https://[x/doc.xyz", "document", "application/octet-stream", "doc.xyz", id="malformed-address"),
    ],
)
def test_a_file_with_an_address_is_sent_by_the_address_and_not_loaded(
    url: str, kind: str, content_type: str, filename: str
) -> None:
    assert attach_file(message_with(kind, {"url": url})) == Attachment(content_type, filename, url=url)


def test_an_upload_is_sent_as_base64_with_the_type_of_its_content() -> None:
    found = attach_file(message_with("document", {"uploadId": "u1/menu.pdf"}))

    assert found == Attachment("application/pdf", "menu.pdf", data=base64.b64encode(PDF).decode())
    assert found.source == found.data


def test_a_file_name_of_the_message_overrides_that_of_the_file() -> None:
    upload = attach_file(message_with("document", {"uploadId": "u1/menu.pdf"}, filename="Menu Budi.pdf"))
    linked = attach_file(message_with("document", {"url": "https://x.example/1.pdf"}, filename="Menu Budi.pdf"))

    assert (upload.filename, linked.filename) == ("Menu Budi.pdf", "Menu Budi.pdf")


@pytest.mark.parametrize(
    ("message", "capabilities", "reason"),
    [
        pytest.param(message_with("document", {"uploadId": "gone"}), ALL_KINDS, "no_media", id="no-such-upload"),
        pytest.param(
            message_with("document", {"uploadId": "u1/menu.pdf"}),
            Capabilities(media_bytes={"document": len(PDF) - 1}),
            "gw_media_too_large",
            id="too-large",
        ),
        pytest.param(
            message_with("audio", {"url": "https://x.example/v.ogg"}, text="Halo"),
            ALL_KINDS,
            "gw_caption",
            id="audio-with-a-caption",
        ),
        pytest.param(message_with("template", {}), ALL_KINDS, "gw_type", id="no-media-type"),
    ],
)
def test_a_message_that_no_recipient_can_receive_is_refused_before_the_send(
    message: OutgoingMessage, capabilities: Capabilities, reason: str
) -> None:
    with pytest.raises(BadMessage) as caught:
        attach_file(message, capabilities=capabilities)

    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("largest", "message"),
    [
        pytest.param(2 * 1024 * 1024, "up to 2 MB", id="binary"),
        pytest.param(20_000_000, "up to 20 MB", id="decimal"),
        pytest.param(1_234, "up to 1,234 bytes", id="neither"),
    ],
)
def test_the_error_for_a_large_file_gives_the_limit(largest: int, message: str) -> None:
    context = fake_sender_context(media={"u1": bytes(largest + 1)})
    capabilities = Capabilities(media_bytes={"document": largest})
    outgoing = message_with("document", {"uploadId": "u1"})

    with pytest.raises(BadMessage, match=message):
        asyncio.run(load_file(context, outgoing, kind="gw", capabilities=capabilities))


def test_a_file_of_a_type_that_the_sender_does_not_accept_is_refused() -> None:
    only_png = Capabilities(media_bytes={"image": 1_000}, media_types={"image": frozenset({"image/png"})})

    with pytest.raises(BadMessage, match="application/pdf: send the image as image/png") as caught:
        attach_file(message_with("image", {"uploadId": "u1/menu.pdf"}), capabilities=only_png)

    assert caught.value.reason == "gw_media_type"
