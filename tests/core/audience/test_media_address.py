"""Addresses of files that may look wrong and are right; the wrong ones are in the tests of the preview."""

import pytest

from wabroadcast_core.audience.media_address import address_faults
from wabroadcast_core.models.message import MediaContent, MediaSource


@pytest.mark.parametrize(
    "url",
    [
        "https://x.example",
        "http://10.0.0.1:8080/a.png?x=1&y=@#z",
        "https://[2001:db8::1]/a.png",
        "https://b\u00fccher.example/gr\u00fc\u00dfe.png",
        "https://x_y.example./a%20b.png",
    ],
)
def test_an_unusual_address_of_a_file_is_taken(url: str) -> None:
    assert list(address_faults(MediaContent(type="image", media=MediaSource(url=url)))) == []
