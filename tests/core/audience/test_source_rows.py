"""The rows of a file from which messages come, by their positions in the audience."""

import io
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from tests.stores import ON_SQLITE
from wabroadcast_core import AudienceRow, ContactSource, Settings, SourceContext, hookimpl
from wabroadcast_core.audience import source_rows
from wabroadcast_core.audience.source_rows import find_rows
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.base import Model

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


class FaultySource:
    """A source whose read fails or hangs."""

    kind: ClassVar[str] = "faulty"
    Settings: ClassVar[type[BaseModel]] = Model
    repeatable: ClassVar[bool] = True
    fault: ClassVar[Callable[[], object]] = lambda: None

    def __init__(self, settings: Any, context: SourceContext) -> None: ...

    def read(self) -> Iterator[AudienceRow]:
        yield AudienceRow("081234561001", row=1)
        type(self).fault()


class FaultyPlugin:
    @hookimpl
    def wab_contact_sources(self) -> list[type[ContactSource]]:
        return [FaultySource]


@ON_SQLITE
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(lambda: int("S3CRET"), id="a-bug"),
        pytest.param(lambda: sys.exit("S3CRET"), id="an-exit"),
        pytest.param(lambda: threading.Event().wait(5), id="hangs"),
    ],
)
def test_a_source_that_fails_while_it_is_read_again_has_no_rows(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fault: Callable[[], object]
) -> None:
    monkeypatch.setattr(FaultySource, "fault", fault)
    with Broadcaster(settings.model_copy(update={"plugin_seconds": 0.2}), plugins=[FaultyPlugin()]) as broadcaster:
        assert find_rows(broadcaster.context, {"type": "faulty"}, {0, 1}) == {}
    assert "S3CRET" not in caplog.text


def test_a_long_file_is_not_read_to_its_end_when_the_time_is_up(
    broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_rows, "LONGEST_SECONDS", -1)
    source = source_of(broadcaster, FILE)

    assert find_rows(broadcaster.context, source, {0, 1}) == {0: 3}
