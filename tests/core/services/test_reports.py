"""The report of a broadcast as a file, on both stores."""

import contextlib
import csv
import io
import sys
import threading
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from typing import Any

import openpyxl
import pytest
from sqlalchemy import Engine, event, text

from tests.core.store.harness import StoreHarness
from wabroadcast_core.audience import workbook_files
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import InvalidInputError, NotFoundError
from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.services.report_columns import HEADER
from wabroadcast_core.store import message_pages
from wabroadcast_core.store.messages import message_key
from wabroadcast_core.store.outcomes import Outcome

JOB = "job0"


@pytest.fixture
def broadcaster(shared: Broadcaster) -> Broadcaster:
    return shared


@pytest.fixture
def store(broadcaster: Broadcaster) -> StoreHarness:
    harness = StoreHarness(broadcaster.context.database)
    harness.clear()
    return harness


def fill(store: StoreHarness, amount: int) -> int:
    key = store.add_broadcast(job_id=JOB)
    store.add_messages(key, range(amount), batch_size=2)
    return key


def change(store: StoreHarness, key: int, **values: Any) -> None:
    columns = ", ".join(f"{name} = :{name}" for name in values)
    with store.database.write() as conn:
        conn.execute(text(f"UPDATE messages SET {columns} WHERE id = :key"), {"key": key, **values})


def read_csv(broadcaster: Broadcaster, **options: Any) -> list[list[str]]:
    data = b"".join(broadcaster.report(JOB, **options))
    assert data.startswith(b"\xef\xbb\xbf")
    delimiter = options.get("delimiter", ",")
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=delimiter))


def read_workbook(broadcaster: Broadcaster, **options: Any) -> list[list[tuple[Any, ...]]]:
    book = openpyxl.load_workbook(io.BytesIO(b"".join(broadcaster.report(JOB, "xlsx", **options))))
    return [[tuple(cell.value for cell in row) for row in sheet.iter_rows()] for sheet in book.worksheets]


@contextlib.contextmanager
def held_connections(db_engine: Engine) -> Iterator[Counter[str]]:
    """Count the database connections that this thread takes from the pool and returns to it."""
    counts: Counter[str] = Counter()
    thread = threading.get_ident()

    def count(what: str) -> None:
        counts[what] += threading.get_ident() == thread

    def taken(*_: object) -> None:
        count("taken")

    def returned(*_: object) -> None:
        count("returned")

    event.listen(db_engine, "checkout", taken)
    event.listen(db_engine, "checkin", returned)
    yield counts
    event.remove(db_engine, "checkout", taken)
    event.remove(db_engine, "checkin", returned)


def positions(rows: list[list[str]]) -> list[int]:
    return [int(row[0].rpartition("-")[2]) for row in rows[1:]]


def test_a_row_has_all_facts_of_its_message_in_either_format(broadcaster: Broadcaster, store: StoreHarness) -> None:
    key = fill(store, 3)
    sent, failed = (claim.key for claim in store.claim(key, 2))
    store.record(Outcome(sent, MessageStatus.SENT, used=True, connection_id=store.connections[0], sent_at=1e6))
    store.record(Outcome(failed, MessageStatus.FAILED, used=True, reason="131026", detail='not "there", <b>'))
    change(store, sent, name="=1+1", provider_id="00123", delivered_at=1e6 + 1.9, read_at=1e6 + 61)
    change(store, message_key(key, 2), number=None, raw="0812", status="skipped", reason="too short")

    table = read_csv(broadcaster)
    [sheet] = read_workbook(broadcaster)

    times = ["1970-01-12T13:46:40Z", "1970-01-12T13:46:41Z", "1970-01-12T13:47:41Z"]
    assert table == [
        list(HEADER),
        ["job0-0", "+62 8120 0000 000", "'=1+1", "sent", "", "", "1", "0", "c0", "'00123", "", *times],
        ["job0-1", "+62 8120 0000 001", "", "failed", "131026", 'not "there", <b>', "1", "0", "c0", "", *[""] * 4],
        ["job0-2", "'0812", "", "skipped", "too short", "", "0", "1", "", "", *[""] * 4],
    ]
    assert [list(row[:10]) for row in sheet] == [
        list(HEADER[:10]),
        ["job0-0", "+6281200000000", "'=1+1", "sent", None, None, 1, 0, "c0", "00123"],
        ["job0-1", "+6281200000001", None, "failed", "131026", 'not "there", <b>', 1, 0, "c0", None],
        ["job0-2", "0812", None, "skipped", "too short", None, 0, 1, None, None],
    ]
    assert sheet[1][11:] == tuple(times)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        pytest.param({}, [0, 1, 2, 3, 4, 5, 6], id="all"),
        pytest.param({"status": MessageStatus.FAILED}, [1, 5], id="status"),
        pytest.param({"reason": "b"}, [5], id="reason"),
        pytest.param({"query": "0000006"}, [6], id="text"),
        pytest.param({"batch": 2}, [4, 5], id="batch"),
        pytest.param({"batch": 2, "status": MessageStatus.FAILED}, [5], id="batch-and-status"),
        pytest.param({"reason": "none"}, [], id="nothing"),
    ],
)
def test_a_report_has_the_messages_that_the_filter_picks_over_all_pages(
    broadcaster: Broadcaster, store: StoreHarness, monkeypatch: pytest.MonkeyPatch, options: Any, found: list[int]
) -> None:
    monkeypatch.setattr(message_pages, "PAGE", 3)
    key = fill(store, 7)
    for position, reason in ((1, "a"), (5, "b")):
        change(store, message_key(key, position), status="failed", reason=reason)

    assert positions(read_csv(broadcaster, **options)) == found
    assert len(read_workbook(broadcaster, **options)[0]) == 1 + len(found)


def test_a_report_of_a_running_broadcast_has_each_message_once(
    broadcaster: Broadcaster, store: StoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_pages, "PAGE", 2)
    key = fill(store, 6)
    pieces = broadcaster.report(JOB)
    begun = next(pieces) + next(pieces)

    claims = store.claim(key, 6)  # while it is read, all messages are sent and the audience grows
    store.record(*(Outcome(claim.key, MessageStatus.SENT, used=True, sent_at=1e6) for claim in claims))
    store.add_messages(key, [6, 7])
    rows = list(csv.reader(io.StringIO((begun + b"".join(pieces)).decode("utf-8-sig"), newline="")))

    assert positions(rows) == [0, 1, 2, 3, 4, 5]
    assert Counter(row[3] for row in rows[1:]) == {"queued": 2, "sent": 4}


def test_a_reader_that_leaves_ends_the_work(
    broadcaster: Broadcaster, store: StoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_pages, "PAGE", 2)
    fill(store, 6)

    with held_connections(store.database.db_engine) as held:
        for file_format in ("csv", "xlsx"):
            pieces: Any = broadcaster.report(JOB, file_format)
            next(pieces)
            assert held == Counter({"taken": held["returned"], "returned": held["returned"]})  # no read stays open
            pieces.close()
            taken = held["taken"]

            assert list(pieces) == []
            assert held["taken"] == taken > 0


def test_cells_are_separated_as_the_reader_s_spreadsheet_expects(broadcaster: Broadcaster, store: StoreHarness) -> None:
    key = fill(store, 1)
    change(store, message_key(key, 0), name="a;b,c")

    assert read_csv(broadcaster, delimiter=";")[1][2] == "a;b,c"
    with pytest.raises(InvalidInputError, match="delimiter"):
        broadcaster.report(JOB, "xlsx", delimiter=";")


def test_what_does_not_fit_into_a_sheet_is_in_a_further_one(
    broadcaster: Broadcaster, store: StoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook_files, "MOST_ROWS", 4)
    fill(store, 7)

    sheets = read_workbook(broadcaster)

    assert [len(sheet) for sheet in sheets] == [4, 4, 2]
    assert {sheet[0] for sheet in sheets} == {HEADER}
    assert [row[0] for sheet in sheets for row in sheet[1:]] == [f"job0-{position}" for position in range(7)]


def test_texts_that_no_sheet_can_hold_are_made_to_fit(broadcaster: Broadcaster, store: StoreHarness) -> None:
    key = fill(store, 2)
    change(store, message_key(key, 0), name="x" * 40_000, detail="a bell \x07")

    [sheet] = read_workbook(broadcaster)

    assert (len(sheet[1][2]), sheet[1][5]) == (32_767, "a bell _x0007_")


def test_a_broadcast_without_messages_has_a_report_with_a_header(broadcaster: Broadcaster, store: StoreHarness) -> None:
    store.add_broadcast(job_id=JOB)

    assert read_csv(broadcaster) == [list(HEADER)]
    assert read_workbook(broadcaster) == [[HEADER]]
    with pytest.raises(NotFoundError):
        broadcaster.report("gone")


@pytest.mark.parametrize("started", ["sqlite"], indirect=True)
@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
def test_the_memory_for_a_report_does_not_grow_with_its_length(
    broadcaster: Broadcaster, store: StoreHarness, monkeypatch: pytest.MonkeyPatch, file_format: Any
) -> None:
    monkeypatch.setattr(message_pages, "PAGE", 500)
    key = fill(store, 2_000)

    def peak() -> int:
        tracemalloc.start()
        assert sum(map(len, broadcaster.report(JOB, file_format))) > 10_000
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak()  # fills caches
    few = peak()
    store.add_messages(key, range(2_000, 8_000))

    assert peak() < 1.5 * few


@pytest.mark.parametrize("started", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("file_format", "most"), [("csv", 7), ("xlsx", 2)])
def test_a_row_of_a_report_takes_few_calls(
    broadcaster: Broadcaster, store: StoreHarness, file_format: Any, most: int
) -> None:
    """The bound of its work that no busy machine changes: 100,000 rows a second leave 10 µs for each."""
    key = fill(store, 1_000)

    def calls() -> int:
        counted: Counter[str] = Counter()
        sys.setprofile(lambda _frame, happened, _argument: counted.update([happened]))
        try:
            list(broadcaster.report(JOB, file_format))
        finally:
            sys.setprofile(None)
        return counted["call"] + counted["c_call"]

    calls()  # compiles statements
    few = calls()
    store.add_messages(key, range(1_000, 3_000))

    assert calls() - few < 2_000 * most
