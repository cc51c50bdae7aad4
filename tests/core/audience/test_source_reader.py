"""A contact source that hangs is left behind: its broadcast fails with its name, and the worker goes on."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, field_validator

from wabroadcast_core import Settings
from wabroadcast_core.audience.prepare import prepare_broadcast
from wabroadcast_core.audience.source_reader import SourceReader
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import FileError, SourceError
from wabroadcast_core.hookspecs import ContactSource, SourceContext, hookimpl
from wabroadcast_core.models.base import Model
from wabroadcast_core.models.recipient import AudienceRow
from wabroadcast_core.plugins.threads import PluginThreads

ROWS = [AudienceRow(f"+62812000000{place:02}") for place in range(10)]


def reader_of(rows: Iterable[AudienceRow], **options: Any) -> SourceReader:
    given: dict[str, Any] = {"seconds": 5, "threads": PluginThreads(), "owner": "attic", **options}
    return SourceReader(lambda: rows, kind="attic", **given)


def test_rows_are_read_in_their_order_and_none_ahead() -> None:
    yielded: list[AudienceRow] = []

    def rows() -> Iterator[AudienceRow]:
        for row in ROWS:
            yielded.append(row)
            yield row

    with reader_of(rows()) as reader:
        reader.skip(2)
        taken = reader.take(3)

        assert taken == ROWS[2:5]
        assert yielded == ROWS[:5]
        assert [*reader.rows()] == ROWS[5:]


class Odd(BaseException):
    """No Exception."""


def failing(error: BaseException) -> Iterator[AudienceRow]:
    yield ROWS[0]
    raise error


def test_an_error_of_ours_is_raised_in_the_reader() -> None:
    with reader_of(failing(FileError("the line is dead"))) as reader:
        assert reader.take(1) == ROWS[:1]
        with pytest.raises(FileError, match="the line is dead"):
            reader.take(1)


@pytest.mark.parametrize("kind", [LookupError, SystemExit, Odd])
def test_any_other_exception_is_a_bug_of_the_source(
    kind: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    with reader_of(failing(kind("S3CRET"))) as reader, pytest.raises(SourceError) as raised:
        reader.take(2)

    assert str(raised.value).startswith(f"the contact source attic failed with {kind.__name__} (see the log): repair")
    assert f"the contact source attic failed: {kind.__name__} at " in caplog.text
    assert "S3CRET" not in caplog.text + str(raised.value)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        pytest.param({"number": "0812"}, "dict instead of an AudienceRow", id="a-dict"),
        pytest.param(None, "NoneType instead of an AudienceRow", id="nothing"),
        pytest.param(AudienceRow(81200001001), "a row whose number is int", id="a-number-that-is-an-int"),  # type: ignore[arg-type]
        pytest.param(AudienceRow(None), "a row whose number is NoneType", id="no-number"),  # type: ignore[arg-type]
        pytest.param(AudienceRow("0812", 7), "a row whose name is int", id="a-name-that-is-an-int"),  # type: ignore[arg-type]
        pytest.param(AudienceRow("0812", None, None), "a row whose variables are not a dict", id="no-variables"),  # type: ignore[arg-type]
        pytest.param(AudienceRow("0812", None, {1: "a"}), "a row whose variables are not a dict", id="a-name"),  # type: ignore[dict-item]
        pytest.param(AudienceRow("0812", None, {"a": object()}), "a row with a variable that JSON", id="an-object"),  # type: ignore[dict-item]
    ],
)
def test_a_row_of_a_wrong_type_is_named(row: Any, fault: str) -> None:
    with reader_of([ROWS[0], row]) as reader:
        assert reader.take(1) == ROWS[:1]
        with pytest.raises(SourceError, match=f"the contact source attic yielded {fault}"):
            reader.take(1)


def test_values_that_json_has_are_taken_whatever_their_type() -> None:
    rows = [AudienceRow("0812", None, {"sum": Decimal("9.50"), "day": date(2026, 1, 31)})]  # type: ignore[dict-item]

    with reader_of(rows) as reader:
        assert reader.take(2) == rows


def test_all_rows_are_read_in_one_thread() -> None:
    def rows() -> Iterator[AudienceRow]:
        with contextlib.closing(sqlite3.connect(":memory:")) as conn:  # it may be used in its own thread only
            for row in ROWS:
                conn.execute("SELECT 1")
                yield row

    with reader_of(rows()) as reader:
        assert [reader.take(1) for _ in ROWS] == [[row] for row in ROWS]
        assert reader.take(1) == []


def test_a_slow_source_with_signs_of_life_is_waited_for() -> None:
    def rows() -> Iterator[AudienceRow]:
        for row in ROWS[:4]:
            time.sleep(0.2)
            yield row

    begun = time.monotonic()
    asked = lambda: int((time.monotonic() - begun) * 100)  # noqa: E731 - a clock that grows
    with reader_of(rows(), seconds=0.1, signs_of_life=asked) as reader:
        assert reader.take(4) == ROWS[:4]


class AtticSettings(Model):
    hang_at: str

    @field_validator("hang_at")
    @classmethod
    def _check(cls, hang_at: str) -> str:
        return {"bug": hang_at}[hang_at] if hang_at == "a bug" else hang_at


class Attic:
    kind: ClassVar[str] = "attic"
    Settings: ClassVar[type[BaseModel]] = AtticSettings
    repeatable: ClassVar[bool] = True
    released: ClassVar[threading.Event]
    threads: ClassVar[set[threading.Thread]]

    def __init__(self, settings: Any, context: SourceContext) -> None:
        del context
        self._hang_at = settings.hang_at
        self._hang("opening")

    def read(self) -> Iterator[AudienceRow]:
        yield ROWS[0]
        self._hang("reading")

    def _hang(self, place: str) -> None:
        self.threads.add(threading.current_thread())
        if self._hang_at == place:
            self.released.wait(60)


class AtticPlugin:
    @hookimpl
    def wab_contact_sources(self) -> Sequence[type[ContactSource]]:
        return [Attic]


@pytest.fixture
def attic(settings: Settings) -> Iterator[Broadcaster]:
    Attic.released, Attic.threads = threading.Event(), set()
    short = settings.model_copy(update={"source_seconds": 0.5, "plugin_seconds": 0.5})
    with Broadcaster(short, plugins=[AtticPlugin()]) as broadcaster:
        yield broadcaster
    Attic.released.set()


def draft(hang_at: str) -> dict[str, Any]:
    source = {"type": "attic", "hang_at": hang_at}
    return {"name": "x", "connection": "sandbox", "message": {"type": "text", "text": "Halo"}, "source": source}


def test_a_broadcast_whose_source_hangs_fails_with_its_name(attic: Broadcaster) -> None:
    job_id = attic.submit(draft("reading")).job_id
    with attic.context.database.read() as conn:
        key = conn.exec_driver_sql("SELECT id FROM broadcasts").scalar_one()

    prepare_broadcast(attic.context, key)

    report = attic.status(job_id)
    assert report.status == "failed"
    assert "the contact source attic has yielded no row for 0.5 s" in (report.status_reason or "")


def test_many_readings_share_threads(attic: Broadcaster) -> None:
    for _ in range(10):
        attic.preview(draft("nowhere"))

    assert len(Attic.threads) <= 2  # the one before may still end the reading


@pytest.mark.parametrize("hang_at", ["opening", "reading"])
def test_a_preview_of_a_source_that_hangs_is_refused(attic: Broadcaster, hang_at: str) -> None:
    with pytest.raises(SourceError, match="the contact source attic"):
        attic.preview(draft(hang_at), seconds=0.5)


def test_a_submit_with_a_source_that_hangs_is_refused(attic: Broadcaster) -> None:
    with pytest.raises(SourceError, match=r"attic cannot be opened: it has not returned within 0\.5 s"):
        attic.submit(draft("opening"))


def test_a_submit_whose_source_has_a_bug_is_refused_with_its_name(attic: Broadcaster) -> None:
    with pytest.raises(SourceError, match="the contact source attic failed with KeyError"):
        attic.submit(draft("a bug"))
