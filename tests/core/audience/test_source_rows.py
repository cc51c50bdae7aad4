"""The rows of a file from which messages come, by their positions in the audience."""

import io
from typing import Any

import pytest

from wabroadcast_core.audience import source_rows
from wabroadcast_core.audience.source_rows import find_rows
from wabroadcast_core.broadcaster import Broadcaster

FILE = "Nama;No. HP\n\nBudi;0812-3456-1001\n;\nSiti;081234561002\nAgus;12\n"


@pytest.fixture
def broadcaster(shared: Broadcaster) -> Broadcaster:
    return shared


def source_of(broadcaster: Broadcaster, text: str) -> dict[str, Any]:
    upload = broadcaster.uploads.save(io.BytesIO(text.encode()), filename="a.csv")
    return {"type": upload.kind, "uploadId": upload.upload_id}


def test_rows_are_those_of_the_file_with_its_header_and_its_blank_rows(broadcaster: Broadcaster) -> None:
    source = source_of(broadcaster, FILE)

    assert find_rows(broadcaster.context, source, {0, 1, 2}) == {0: 3, 1: 5, 2: 6}
    assert find_rows(broadcaster.context, source, {1, 9}) == {1: 5}
    assert find_rows(broadcaster.context, source, set()) == {}


@pytest.mark.parametrize(
    "source",
    [
        pytest.param({}, id="none"),
        pytest.param({"type": "gone"}, id="its-plugin-is-gone"),
        pytest.param({"type": "csv", "uploadId": "gone"}, id="its-file-is-gone"),
        pytest.param({"type": "contacts"}, id="other-rows-at-each-read"),
    ],
)
def test_a_source_that_cannot_be_read_again_has_no_rows(broadcaster: Broadcaster, source: dict[str, Any]) -> None:
    broadcaster.contacts.save({"number": "081234561001"})

    assert find_rows(broadcaster.context, source, {0}) == {}


def test_a_long_file_is_not_read_to_its_end_when_the_time_is_up(
    broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_rows, "LONGEST_SECONDS", -1)
    source = source_of(broadcaster, FILE)

    assert find_rows(broadcaster.context, source, {0, 1}) == {0: 3}
