"""Messages are checked against what the senders of their connections declare."""

import pytest

from wabroadcast_core.audience.capabilities import SenderCapabilities, UploadInfo
from wabroadcast_core.models.capabilities import Capabilities
from wabroadcast_core.models.message import Content, MediaContent, MediaSource, TemplateContent, TemplateName


@pytest.mark.parametrize(
    ("content", "path"),
    [
        pytest.param(
            MediaContent(type="image", media=MediaSource(upload_id="u1")), "message.media.uploadId", id="media"
        ),
        pytest.param(
            TemplateContent(
                type="template",
                template=TemplateName(name="promo", language="id", components=[{"image": {"uploadId": "u1"}}]),
            ),
            "message.template.components.0.image.uploadId",
            id="template",
        ),
    ],
)
def test_an_upload_is_refused_for_a_sender_that_takes_only_addresses(content: Content, path: str) -> None:
    able = Capabilities(types=frozenset({"image", "template"}), upload_types=frozenset())
    linked = MediaContent(type="image", media=MediaSource(url="https://x.example/a.png"))
    sender = SenderCapabilities("main", "pesan", able)

    (fault,) = sender.faults(content, {"u1": UploadInfo(1, "image/png")})

    assert fault.path == path
    assert "only from an address: give a public url instead" in fault.message
    assert list(sender.faults(linked, {})) == []
