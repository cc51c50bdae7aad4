"""A contact source that hangs is left behind: its broadcast fails with its name, and the worker goes on."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
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
from wabroadcast_core.models.status import SkipReason
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
    ("row", "name"),
    [({"number": "0812"}, "a dict"), (None, "a NoneType"), ("0812", "a str"), (1, "an int")],
)
def test_what_is_no_row_is_named_with_its_place(row: object, name: str) -> None:
    with reader_of([ROWS[0], row]) as reader:  # type: ignore[list-item]
        assert reader.take(1) == ROWS[:1]
        with pytest.raises(SourceError, match=f"the contact source attic yielded {name} as its row 2 instead of an"):
            reader.take(1)


ODD_ROWS: list[tuple[Any, ...]] = [
    (AudienceRow(["0812"]), "the number is a list: give a text", SkipReason.INVALID_NUMBER),  # type: ignore[arg-type]
    (AudienceRow(True), "the number is a bool: give a text", SkipReason.INVALID_NUMBER),  # type: ignore[arg-type]
    (AudienceRow("0812", {}), "the name is a dict: give a text", SkipReason.BAD_TEXT),  # type: ignore[arg-type]
    (AudienceRow("0812", None, ["a"]), "the variables are a list: give values by name", SkipReason.BAD_TEXT),  # type: ignore[arg-type]
    (AudienceRow("0812", None, {1: "a"}), "the name of a variable is an int: give a text", SkipReason.BAD_TEXT),  # type: ignore[dict-item]
    (
        AudienceRow("0812", None, {"born": {1}}),  # type: ignore[dict-item]
        "the variable 'born' is a set: give a text, a number, true or false",
        SkipReason.BAD_TEXT,
    ),
]


@pytest.mark.parametrize(("row", "reason", "code"), ODD_ROWS)
def test_a_value_of_a_wrong_type_is_the_fault_of_its_row(row: AudienceRow, reason: str, code: SkipReason) -> None:
    with reader_of([row, ROWS[0]]) as reader:
        [read, following] = reader.take(2)

    assert read.fault is not None
    assert (read.fault.reason, read.fault.code) == (reason, code)
    assert following == ROWS[0]


@pytest.mark.parametrize(
    ("given", "read"),
    [
        pytest.param(AudienceRow(None), AudienceRow(""), id="no-number"),  # type: ignore[arg-type]
        pytest.param(AudienceRow(float("nan")), AudienceRow(""), id="an-empty-cell-of-pandas"),  # type: ignore[arg-type]
        pytest.param(AudienceRow(6281200001001), AudienceRow("6281200001001"), id="an-int"),  # type: ignore[arg-type]
        pytest.param(AudienceRow(6281200001001.0), AudienceRow("6281200001001"), id="a-float"),  # type: ignore[arg-type]
        pytest.param(AudienceRow("0812", "Budi", None), AudienceRow("0812", "Budi"), id="no-variables"),  # type: ignore[arg-type]
        pytest.param(AudienceRow("0812", 7), AudienceRow("0812", "7"), id="a-name-that-is-an-int"),  # type: ignore[arg-type]
    ],
)
def test_a_row_is_read_as_it_is_meant(given: AudienceRow, read: AudienceRow) -> None:
    with reader_of([given]) as reader:
        assert reader.take(2) == [read]


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
    rows: ClassVar[Sequence[AudienceRow]]

    def __init__(self, settings: Any, context: SourceContext) -> None:
        del context
        self._hang_at = settings.hang_at
        self._hang("opening")

    def read(self) -> Iterator[AudienceRow]:
        yield from self.rows
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
    Attic.released, Attic.threads, Attic.rows = threading.Event(), set(), ROWS[:1]
    short = settings.model_copy(update={"source_seconds": 0.5, "plugin_seconds": 0.5})
    with Broadcaster(short, plugins=[AtticPlugin()]) as broadcaster:
        yield broadcaster
    Attic.released.set()


def draft(hang_at: str) -> dict[str, Any]:
    source = {"type": "attic", "hang_at": hang_at}
    return {"name": "x", "connection": "sandbox", "message": {"type": "text", "text": "Halo"}, "source": source}


def test_a_broadcast_whose_source_hangs_fails_with_its_name(attic: Broadcaster) -> None:
    job_id = attic.submit(draft("reading")).job_id

    prepare(attic)

    report = attic.status(job_id)
    assert report.status == "failed"
    assert "the contact source attic has yielded no row for 0.5 s" in (report.status_reason or "")


def test_bad_rows_are_skipped_and_the_others_are_messaged(attic: Broadcaster) -> None:
    born = {"born": date(1990, 5, 17)}
    Attic.rows = [
        AudienceRow(None, "A", born),  # type: ignore[arg-type]  # as sources of other people yield it
        AudienceRow("081200001001", "B", {"born": {1}}),  # type: ignore[dict-item]
        AudienceRow(6281200001002, "C", born),  # type: ignore[arg-type]
        AudienceRow("081200001003", "D", None),  # type: ignore[arg-type]
    ]
    text = {"type": "text", "text": "Lahir {{ born | default('-') }}, {{ born | default('2000-01-02') | tanggal }}"}
    job_id = attic.submit(draft("nowhere") | {"message": text}).job_id

    prepare(attic)

    messages = attic.messages(job_id).items
    preview = attic.preview(draft("nowhere") | {"message": text})
    assert [message.status for message in messages] == ["skipped", "skipped", "queued", "queued"]
    assert [message.reason for message in messages[:2]] == ["invalid_number", "bad_text"]
    assert "the variable 'born' is a set" in str(messages[1].detail)
    assert [message.text for message in preview.messages] == [
        "Lahir 1990-05-17, 17 Mei 1990",
        "Lahir -, 2 Januari 2000",
    ]


def prepare(broadcaster: Broadcaster) -> None:
    """Read the audience of the only broadcast."""
    with broadcaster.context.database.read() as conn:
        key = conn.exec_driver_sql("SELECT id FROM broadcasts").scalar_one()
    prepare_broadcast(broadcaster.context, key)


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
