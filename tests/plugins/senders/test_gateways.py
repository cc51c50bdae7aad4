import asyncio
import base64
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wabroadcast_core import BadMessage, Capabilities, OutgoingMessage
from wabroadcast_core.testing import fake_sender_context, message_to
from wabroadcast_plugins.senders.gateways import Attachment, attach, find_refusal, seconds_of, shown

PDF = b"%PDF-1.7 menu"
ALL_KINDS = Capabilities(media_bytes=dict.fromkeys(("image", "document", "audio", "video"), len(PDF)))


def message_with(kind: str, media: dict[str, str], *, text: str | None = None, **content: Any) -> OutgoingMessage:
    return replace(message_to("+628123456789"), type=kind, text=text, content={"media": media, **content})


def attached(message: OutgoingMessage, *, capabilities: Capabilities = ALL_KINDS) -> Attachment:
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
        pytest.param("https://[x/doc.xyz", "document", "application/octet-stream", "doc.xyz", id="no-good-address"),
    ],
)
def test_a_medium_with_an_address_goes_by_it_and_nobody_looks_into_it(
    url: str, kind: str, content_type: str, filename: str
) -> None:
    assert attached(message_with(kind, {"url": url})) == Attachment(content_type, filename, url=url)


def test_an_upload_goes_as_base64_with_the_type_that_its_content_tells() -> None:
    found = attached(message_with("document", {"uploadId": "u1/menu.pdf"}))

    assert found == Attachment("application/pdf", "menu.pdf", data=base64.b64encode(PDF).decode())
    assert found.source == found.data


def test_a_file_name_of_the_message_counts_before_the_files_own() -> None:
    upload = attached(message_with("document", {"uploadId": "u1/menu.pdf"}, filename="Menu Budi.pdf"))
    linked = attached(message_with("document", {"url": "https://x.example/1.pdf"}, filename="Menu Budi.pdf"))

    assert (upload.filename, linked.filename) == ("Menu Budi.pdf", "Menu Budi.pdf")


@pytest.mark.parametrize(
    ("message", "capabilities", "reason"),
    [
        pytest.param(message_with("document", {"uploadId": "gone"}), ALL_KINDS, "no_media", id="no-such-upload"),
        pytest.param(
            message_with("document", {"uploadId": "u1/menu.pdf"}),
            Capabilities(media_bytes={"document": len(PDF) - 1}),
            "gw_too_large",
            id="too-large",
        ),
        pytest.param(
            message_with("audio", {"url": "https://x.example/v.ogg"}, text="Halo"),
            ALL_KINDS,
            "gw_caption",
            id="voice-with-words",
        ),
        pytest.param(message_with("template", {}), ALL_KINDS, "gw_type", id="no-medium-at-all"),
    ],
)
def test_what_can_be_sent_to_nobody_is_said_before_anything_leaves(
    message: OutgoingMessage, capabilities: Capabilities, reason: str
) -> None:
    with pytest.raises(BadMessage) as caught:
        attached(message, capabilities=capabilities)

    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param(1_717_689_097, 1_717_689_097.0, id="seconds"),
        pytest.param("1717689097", 1_717_689_097.0, id="digits"),
        pytest.param(1_741_249_702_485, 1_741_249_702.485, id="milliseconds"),
        pytest.param(1_710_481_111.853, 1_710_481_111.853, id="fraction"),
        pytest.param(0, None, id="zero"),
        pytest.param(-5, None, id="negative"),
        pytest.param(True, None, id="boolean"),
        pytest.param("soon", None, id="words"),
        pytest.param("nan", None, id="not-a-number"),
        pytest.param(10**400, None, id="more-than-a-float-holds"),
        pytest.param({"low": 1}, None, id="object"),
        pytest.param(None, None, id="none"),
    ],
)
def test_a_time_is_read_in_seconds_or_milliseconds(value: object, seconds: float | None) -> None:
    assert seconds_of(value) == seconds


@settings(deadline=None)
@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()))
def test_a_time_is_a_sensible_one_or_none(value: object) -> None:
    seconds = seconds_of(value)

    assert seconds is None or 0 < seconds < 100_000_000_000


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("2 UNKNOWN: server returned error 463", "463", id="timelock"),
        pytest.param("server returned error 475", "475", id="capping"),
        pytest.param("server returned error 4631", None, id="longer-code"),
        pytest.param("server returned error 479", None, id="another-code"),
        pytest.param("no session for 62812463463", None, id="digits-of-a-number"),
    ],
)
def test_a_refusal_of_new_contacts_is_found_in_an_error_text(text: str, code: str | None) -> None:
    assert find_refusal(text) == code


def test_what_is_shown_of_a_gateways_words_is_short_and_without_numbers() -> None:
    said = shown("nobody at\n628123456789  " + "x" * 500)

    assert said.startswith("nobody at … x")
    assert len(said) == 200
