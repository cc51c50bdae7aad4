"""A preview reports what a submit of the same body would do, and stores nothing."""

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel
from sqlalchemy import func, select

from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.audience.capabilities import SenderCapabilities
from wabroadcast_core.audience.preview import SLOW_CHUNK
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import InvalidInputError, TemplateError
from wabroadcast_core.hookspecs import Sender, SenderContext, hookimpl
from wabroadcast_core.models.base import Model
from wabroadcast_core.models.capabilities import Capabilities
from wabroadcast_core.models.message import Accepted, Content, MediaContent, MediaSource, OutgoingMessage
from wabroadcast_core.plugins import build_plugins
from wabroadcast_core.store.tables import broadcasts, messages, uploads
from wabroadcast_core.testing import senders as null_plugin
from wabroadcast_core.worker import Worker

pytestmark = ON_SQLITE

JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(2_000)


class NoSettings(Model):
    """The sender has no settings."""


class SmallSender:
    """A sender of short texts and small pictures."""

    kind: ClassVar[str] = "small"
    Settings: ClassVar[type[BaseModel]] = NoSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        types=frozenset({"text", "image"}),
        text_length=20,
        caption_length=10,
        media_bytes={"image": 1_000},
        media_types={"image": frozenset({"image/png"})},
    )

    def __init__(self, settings: Any, context: SenderContext) -> None: ...

    async def send(self, message: OutgoingMessage) -> Accepted:
        return Accepted(message.message_id)


class SmallPlugin:
    @hookimpl
    def wab_senders(self) -> Sequence[type[Sender]]:
        return [SmallSender]


@pytest.fixture
def broadcaster(settings: Settings) -> Any:
    with Broadcaster(settings, plugins=[null_plugin, SmallPlugin()]) as started:
        started.connections.save("main", {"sender": "null", "rate": {"messages": 10, "perSeconds": 1}})
        started.connections.save("small", {"sender": "small"})
        yield started


def _draft(**fields: Any) -> dict[str, Any]:
    text = {"type": "text", "text": "Halo {{ name }}, kode {{ code }}"}
    return {"name": "Promo", "connection": "main", "message": text, **fields}


def _people() -> list[dict[str, Any]]:
    """Return four recipients who get the message, and one for each reason to skip a recipient."""
    sendable = [
        {"number": f"0812000000{place:02}", "name": f"Budi {place}", "variables": {"code": f"A{place}"}}
        for place in range(4)
    ]
    return [
        *sendable,
        {"number": "+62 812-0000-0000", "name": "again", "variables": {"code": "x"}},
        {"number": "12", "name": "short", "variables": {"code": "x"}},
        {"number": "081200000090", "name": "Siti"},
        {"number": "081200000091", "name": "Stop", "variables": {"code": "x"}},
    ]


def test_a_preview_counts_as_the_preparation_does(broadcaster: Broadcaster) -> None:
    broadcaster.blacklist.add("081200000091")

    preview = broadcaster.preview(_draft(), _people())
    job_id = broadcaster.submit(_draft(), _people()).job_id
    worker = Worker(broadcaster)
    worker.start()
    try:
        wait_for(lambda: broadcaster.status(job_id).status == "completed", what="the broadcast")
    finally:
        worker.stop()

    status = broadcaster.status(job_id)
    assert (preview.total, preview.sendable, preview.skipped) == (8, 4, 4)
    assert preview.skipped_by == status.skipped_by
    assert preview.sendable == status.counts.sent
    assert preview.missing_variables == {"code": 1}
    assert preview.complete


def test_a_preview_shows_three_messages_of_real_recipients(broadcaster: Broadcaster) -> None:
    shown = broadcaster.preview(_draft(), _people()).messages

    assert [(message.number, message.text) for message in shown] == [
        (f"+6281200000{place:03}", f"Halo Budi {place}, kode A{place}") for place in range(3)
    ]


def test_a_preview_stores_nothing(broadcaster: Broadcaster) -> None:
    broadcaster.preview(_draft(), _people())

    with broadcaster.context.database.read() as conn:
        counts = [
            conn.execute(select(func.count()).select_from(each)).scalar() for each in (broadcasts, messages, uploads)
        ]
    assert counts == [0, 0, 0]
    assert not broadcaster.has_due_work()


def test_a_number_that_is_repeated_in_a_later_chunk_is_counted_once(broadcaster: Broadcaster) -> None:
    broadcaster.settings.prepare_chunk = 3

    preview = broadcaster.preview(_draft(), _people() * 2)

    assert preview.sendable == 5
    assert preview.skipped_by["duplicate"] == 7


def test_a_preview_reports_when_the_broadcast_would_end(broadcaster: Broadcaster) -> None:
    preview = broadcaster.preview(_draft(scheduledAt="2030-12-01T08:00:00+07:00"), _people())

    assert preview.finishes_at is not None
    assert preview.starts_at is not None
    assert preview.starts_at.isoformat() == "2030-12-01T01:00:00+00:00"
    assert 0 < (preview.finishes_at - preview.starts_at).total_seconds() < 5


def test_a_preview_stops_reading_when_its_time_is_over(broadcaster: Broadcaster) -> None:
    broadcaster.settings.prepare_chunk = 2

    preview = broadcaster.preview(_draft(), _people(), seconds=0)

    assert (preview.complete, preview.total, preview.finishes_at) == (False, 2, None)


def test_a_preview_refuses_what_a_submit_refuses(broadcaster: Broadcaster) -> None:
    with pytest.raises(InvalidInputError):
        broadcaster.preview(_draft(connection="nobody"), _people())
    with pytest.raises(TemplateError):
        broadcaster.preview(_draft(message={"type": "text", "text": "{{"}), _people())
    with pytest.raises(InvalidInputError, match=r"recipients\.1"):
        broadcaster.preview(_draft(), [_people()[0], {"name": "no number"}])


# --- capabilities of senders -----------------------------------------------------------------------------------


def test_a_recipient_whose_text_is_too_long_is_skipped(broadcaster: Broadcaster) -> None:
    people = [
        {"number": "081200000001", "name": "Budi"},
        {"number": "081200000002", "name": "Raden Mas Suryodiningrat"},
    ]
    draft = _draft(connection=["main", "small"], message={"type": "text", "text": "Halo {{ name }}"})

    preview = broadcaster.preview(draft, people)

    assert preview.skipped_by == {"bad_text": 1}
    assert {limit.connection: limit.text_length for limit in preview.limits} == {"main": 4_096, "small": 20}


def _image(upload_id: str, **fields: Any) -> dict[str, Any]:
    return _draft(connection="small", message={"type": "image", "media": {"uploadId": upload_id}, **fields})


def test_a_submit_checks_content_and_size_of_a_file(broadcaster: Broadcaster) -> None:
    upload_id = broadcaster.uploads.save([JPEG], filename="photo.png", content_type="image/png").upload_id

    with pytest.raises(InvalidInputError) as refused:
        broadcaster.submit(_image(upload_id), _people())

    faults = {(fault.path, fault.message.partition(" sends ")[2] or fault.message) for fault in refused.value.faults}
    assert {path for path, _ in faults} == {"message.media.uploadId"}
    assert any("the content of this file is image/jpeg" in text for _, text in faults)
    assert any("files of at most" in text for _, text in faults)


@pytest.mark.parametrize(
    ("message", "path"),
    [
        pytest.param({"type": "image", "media": {"uploadId": "gone"}}, "message.media.uploadId", id="no-such-upload"),
        pytest.param({"type": "video", "media": {"url": "https://x.example/a.mp4"}}, "message.type", id="type"),
        pytest.param({"type": "text", "text": "x" * 21}, "message.text", id="text"),
        pytest.param(
            {"type": "image", "media": {"url": "https://x.example/a.png"}, "caption": "x" * 11},
            "message.caption",
            id="caption",
        ),
    ],
)
def test_a_message_that_a_sender_cannot_send_is_refused_with_its_path(
    broadcaster: Broadcaster, message: dict[str, Any], path: str
) -> None:
    for call in (broadcaster.submit, broadcaster.preview):
        with pytest.raises(InvalidInputError) as refused:
            call(_draft(connection="small", message=message), _people())

        assert [fault.path for fault in refused.value.faults] == [path]


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1",
        "http://a:1@b:2/",
        "https://user@x.example/a.png",
        "https://x.example:99999/a.png",
        "https://x.example:0/a.png",
        "https://x..example/a.png",
        "https://./a.png",
        "https:///a.png",
        "https://%20/a.png",
        f"https://{'x' * 64}.example/a.png",
    ],
)
def test_an_address_of_a_file_that_is_none_is_refused_before_anybody_is_messaged(
    broadcaster: Broadcaster, url: str
) -> None:
    for call in (broadcaster.submit, broadcaster.preview):
        with pytest.raises(InvalidInputError) as refused:
            call(_draft(message={"type": "image", "media": {"url": url}}), _people())

        assert [fault.path for fault in refused.value.faults] == ["message.media.url"]


def test_a_caption_that_is_not_shown_is_refused_for_every_sender(settings: Settings) -> None:
    media = MediaSource(url="https://x.example/a.ogg")
    hidden = MediaContent(type="audio", media=media, caption="Halo {{ name }}")
    shown: list[Content] = [
        MediaContent(type="audio", media=media),
        MediaContent(type="image", media=media, caption="Halo"),
        MediaContent(type="document", media=media, caption="Halo"),
        MediaContent(type="video", media=media, caption="Halo"),
    ]

    for kind, sender in build_plugins(settings).senders.items():
        able = SenderCapabilities("main", kind, sender.capabilities)
        assert [fault.path for fault in able.faults(hidden, {})] == ["message.caption"]
        assert [list(able.faults(content, {})) for content in shown] == [[]] * 4


@pytest.mark.parametrize("blank", ["", " \t", None])
def test_a_blank_value_of_a_recipient_is_missing_as_in_a_file(broadcaster: Broadcaster, blank: str | None) -> None:
    people: list[dict[str, Any]] = [
        {"number": "081200000001", "name": blank, "variables": {"code": "A1"}},
        {"number": "081200000002", "name": "Budi", "variables": {"code": blank}},
    ]

    preview = broadcaster.preview(_draft(), people)

    assert preview.skipped_by == {"missing_variable": 2}
    assert preview.missing_variables == {"name": 1, "code": 1}


def test_a_slow_content_is_classified_in_small_pieces(broadcaster: Broadcaster) -> None:
    people = [{"number": f"08120000{place:04}", "name": "Budi"} for place in range(3 * SLOW_CHUNK)]
    draft = _draft(message={"type": "text", "text": "Halo {{ name|title }}"})

    preview = broadcaster.preview(draft, people, seconds=0)

    assert preview.total == SLOW_CHUNK


def test_a_missing_upload_of_a_template_is_refused_with_its_path(broadcaster: Broadcaster) -> None:
    header = {"type": "header", "parameters": [{"type": "image", "image": {"uploadId": "gone"}}]}
    template = {"name": "promo", "language": "id", "components": [header]}

    with pytest.raises(InvalidInputError) as refused:
        broadcaster.submit(_draft(message={"type": "template", "template": template}), _people())

    assert [fault.path for fault in refused.value.faults] == [
        "message.template.components.0.parameters.0.image.uploadId"
    ]


@pytest.mark.parametrize("text", ["Halo {nama}", "Kode [code]", "{{ 1 }}", "Halo $code"])
def test_a_placeholder_of_another_tool_is_refused_by_preview_and_submit(broadcaster: Broadcaster, text: str) -> None:
    draft = _draft(message={"type": "text", "text": text})

    with pytest.raises(TemplateError):
        broadcaster.preview(draft, _people())
    with pytest.raises(TemplateError):
        broadcaster.submit(draft, _people())

    with broadcaster.context.database.read() as conn:
        assert conn.scalar(select(func.count()).select_from(uploads)) == 0
