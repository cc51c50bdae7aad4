"""Import of contact files into the contact book, on both stores."""

import csv
import functools
import importlib
import io
import itertools
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from tests.forked import ForkedProcess
from tests.waiting import wait_for
from wabroadcast_core import AudienceRow, FileError, InvalidInputError, NotFoundError, Reading, Settings
from wabroadcast_core.audience.import_rows import MOST_CHARACTERS, ContactReader
from wabroadcast_core.audience.imports import run_import
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.contact import ImportReport, ImportStatus
from wabroadcast_core.store import imports as import_store
from wabroadcast_core.testing import gateway as gateway_plugin
from wabroadcast_core.testing import senders as null_plugin
from wabroadcast_core.worker import Worker

ID = '{"region": "ID"}'  # the options of an import, as they are stored
SMALL_FILE = "Nama;No. HP;Kota;Tag\nBudi;0812-3456-7890;Bandung;vip, lama\nSiti;+62 813 1111 2222;Bogor;\n"


def upload(broadcaster: Broadcaster, text: str | bytes, name: str = "people.csv") -> str:
    data = text.encode() if isinstance(text, str) else text
    return broadcaster.uploads.save([data], filename=name).upload_id


def rows(count: int, *, first: int = 0) -> str:
    return "".join(f"Orang {n},0812{n:08d},K{n}\n" for n in range(first, first + count))


def people(broadcaster: Broadcaster) -> dict[str, tuple[str | None, dict[str, object], list[str]]]:
    page = broadcaster.contacts.list(page_size=1_000)
    return {item.number: (item.name, dict(item.variables), item.tags) for item in page.items}


def test_a_file_becomes_contacts(broadcaster: Broadcaster) -> None:
    report = broadcaster.contacts.import_file(upload(broadcaster, SMALL_FILE), tags=["promo"])

    assert (report.status, report.rows, report.created, report.updated, report.rejected) == ("done", 2, 2, 0, 0)
    assert report.columns == {"Nama": "name", "No. HP": "number", "Kota": "kota", "Tag": "tag, tags"}
    assert report.reading == Reading(delimiter=";", encoding="utf-8", header_row=1)
    assert people(broadcaster) == {
        "+6281234567890": ("Budi", {"kota": "Bandung", "tag": "vip, lama"}, ["lama", "promo", "vip"]),
        "+6281311112222": ("Siti", {"kota": "Bogor"}, ["promo"]),
    }
    assert broadcaster.contacts.get("081234567890").source == "people.csv"
    assert {tag.name: tag.contacts for tag in broadcaster.tags.list()} == {"lama": 1, "promo": 2, "vip": 1}


def test_a_workbook_becomes_contacts(broadcaster: Broadcaster) -> None:
    book = Workbook()
    for cells in (["Nama", "HP"], ["Budi", 81234567890.0], ["Siti", "0813-1111-2222"]):
        book.worksheets[0].append(cells)
    file = io.BytesIO()
    book.save(file)

    report = broadcaster.contacts.import_file(upload(broadcaster, file.getvalue(), "anything"))

    assert (report.status, report.created) == ("done", 2)
    assert set(people(broadcaster)) == {"+6281234567890", "+6281311112222"}


def test_a_second_file_changes_only_the_values_that_it_has(broadcaster: Broadcaster) -> None:
    broadcaster.contacts.import_file(upload(broadcaster, SMALL_FILE))

    report = broadcaster.contacts.import_file(
        upload(broadcaster, "HP,Nama,Kota,Poin,Grup\n081234567890,,Jakarta,7,baru\n081399998888,Ani,,,\n")
    )

    assert (report.created, report.updated) == (1, 1)
    name, variables, tags = people(broadcaster)["+6281234567890"]
    assert name == "Budi"
    assert variables == {"kota": "Jakarta", "tag": "vip, lama", "poin": "7", "grup": "baru"}
    assert tags == ["baru", "lama", "vip"]


@pytest.mark.parametrize("chunk", [1, 2, 5_000])
def test_rows_with_the_same_number_are_one_contact(broadcaster: Broadcaster, chunk: int) -> None:
    broadcaster.settings.prepare_chunk = chunk
    file = "Nama,HP,Kota,Tag\nBudi,081234567890,Bandung,a\nAni,081300000001,,\n,+6281234567890,Bogor,b\n"

    report = broadcaster.contacts.import_file(upload(broadcaster, file))

    assert (report.rows, report.created, report.updated, report.rejected) == (3, 2, 1, 0)
    assert people(broadcaster)["+6281234567890"] == ("Budi", {"kota": "Bogor", "tag": "b"}, ["a", "b"])


def test_damaged_rows_are_reported_and_the_others_are_imported(broadcaster: Broadcaster) -> None:
    long_ones = f"X;081200000001;{'t' * 101}\n{'n' * 513};081200000002;\n"
    file = f"Nama;HP;Tag\nBudi;081234567890;\nAni;hubungi kantor;\nTuti;;\n{long_ones}"

    report = broadcaster.contacts.import_file(upload(broadcaster, file))

    assert (report.rows, report.created, report.rejected) == (5, 1, 4)
    assert [(row.row, row.column, row.reason) for row in report.rejections] == [
        (3, "number", "contains no phone number"),
        (4, "number", "empty"),
        (5, "tags", "a tag is longer than 100 characters"),
        (6, "name", "longer than 512 characters"),
    ]
    assert sum(report.reasons.values()) == 4


@pytest.mark.parametrize("part", [1, 2, import_store.COUNTED_AT_ONCE])
def test_the_reasons_of_rejected_rows_are_counted(
    broadcaster: Broadcaster, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_store, "COUNTED_AT_ONCE", part)
    numbers = ("081234567890", "", "kantor", "rumah", "", "toko", "12", "")
    file = "Nama;HP\n" + "".join(f"Budi;{number}\n" for number in numbers)

    report = broadcaster.contacts.import_file(upload(broadcaster, file))

    counted = [("contains no phone number", 3), ("empty", 3), ("too short", 1)]
    assert list(report.reasons.items()) == counted


def test_a_row_has_no_more_tags_than_a_call(broadcaster: Broadcaster) -> None:
    file = "".join(f"Budi;08123456789{count % 10};{','.join(map(str, range(count)))}\n" for count in (100, 101))

    report = broadcaster.contacts.import_file(upload(broadcaster, f"Nama;HP;Tag\n{file}"), tags=["promo"])

    assert [(row.row, row.column, row.reason) for row in report.rejections] == [
        (3, "tags", "there are more than 100 tags")
    ]
    assert len(people(broadcaster)["+6281234567890"][2]) == 101


def test_no_spreadsheet_runs_a_cell_of_the_file_of_rejected_rows(broadcaster: Broadcaster) -> None:
    file = "Nama;HP;Kota\n=1+1;@nobody;-Bogor\nBudi;081234567890;\n+Ani;12;\tKediri\n"

    assert rejected_rows(broadcaster, file) == [
        ["Nama", "HP", "Kota", "row", "reason"],
        ["'=1+1", "'@nobody", "'-Bogor", "2", "contains no phone number"],
        ["'+Ani", "12", "'\tKediri", "4", "too short"],
    ]


def test_the_file_of_rejected_rows_has_all_their_original_columns(broadcaster: Broadcaster) -> None:
    file = "No,First Name,Last Name,Kode,Kode,,HP,HP Rumah\n1,Ani,Ayu,a,b,c,12,\n2,Budi,Santoso,a\n3,Eka,,,,,\0,,x\n"

    rows = rejected_rows(broadcaster, file, mapping={"No": "", "5": ""})

    assert rows == [
        ["No", "First Name", "Last Name", "Kode", "Kode", "column 6", "HP", "HP Rumah", "row", "reason"],
        ["1", "Ani", "Ayu", "a", "b", "c", "12", "", "2", "too short"],
        ["2", "Budi", "Santoso", "a", "", "", "", "", "3", "empty"],
        ["3", "Eka", "", "", "", "", "\ufffd", "", "4", "the cell holds a NUL byte: the file is damaged here", "x"],
    ]


def test_corrected_rejected_rows_are_imported_without_their_reasons(broadcaster: Broadcaster) -> None:
    rows = rejected_rows(broadcaster, "Nama,HP,Kota\nBudi,0812345678x,Bogor\nAni,12,Solo\n")
    mended = "\n".join(map(",".join, rows)).replace("0812345678x", "081234567890")

    report = broadcaster.contacts.import_file(upload(broadcaster, mended))

    assert (report.created, report.rejected) == (1, 1)
    assert report.columns == {"Nama": "name", "HP": "number", "Kota": "kota", "row": "", "reason": ""}
    assert people(broadcaster) == {"+6281234567890": ("Budi", {"kota": "Bogor"}, [])}


def rejected_rows(broadcaster: Broadcaster, file: str, **options: Any) -> list[list[str]]:
    report = broadcaster.contacts.import_file(upload(broadcaster, file), **options)
    data = b"".join(broadcaster.contacts.import_errors(str(report.import_id)))
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))


def test_a_chunk_with_long_rejected_rows_has_fewer_rows(broadcaster: Broadcaster) -> None:
    rows = [AudienceRow("", cells=["x" * (MOST_CHARACTERS // 4)]) for _ in range(10)]

    sizes = [chunk.rows for chunk in ContactReader(region="ID", tags=()).chunks(rows, first=1, size=5_000)]

    assert sizes == [4, 4, 2]


def test_the_file_of_rejected_rows_has_all_of_many_rows(broadcaster: Broadcaster) -> None:
    file = "HP,Nama\n081234567890,Budi\n" + "".join(f"x{n},Orang {n}\n" for n in range(2_500))
    report = broadcaster.contacts.import_file(upload(broadcaster, file))

    lines = b"".join(broadcaster.contacts.import_errors(str(report.import_id))).decode("utf-8-sig").splitlines()

    assert report.rejected == 2_500
    assert len(report.rejections) == 20
    assert [line.split(",")[1] for line in lines[1:]] == [f"Orang {n}" for n in range(2_500)]


def test_a_mapping_and_a_region_override_the_detection(broadcaster: Broadcaster) -> None:
    file = "A,B,C\n0912345678,0987654321,Ana\n"

    report = broadcaster.contacts.import_file(
        upload(broadcaster, file), mapping={"B": "number", "A": "", "C": "panggilan"}, region="vn"
    )

    assert report.rejected == 0
    assert people(broadcaster) == {"+84987654321": (None, {"panggilan": "Ana"}, [])}


def test_delimiter_and_encoding_of_a_text_file_can_be_given(broadcaster: Broadcaster) -> None:
    file = "Nama^HP\nJosé, Ibu^0812-3456-7890\n".encode("cp437")

    report = broadcaster.contacts.import_file(upload(broadcaster, file), delimiter="^", encoding="cp437")

    assert report.reading == Reading(delimiter="^", encoding="cp437", header_row=1)
    assert {number: name for number, (name, *_) in people(broadcaster).items()} == {"+6281234567890": "José, Ibu"}


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_wrong_encoding_is_one_clear_error(broadcaster: Broadcaster, dry_run: bool) -> None:  # noqa: FBT001 - a parameter
    with pytest.raises(FileError, match="not utf-16 text"):
        broadcaster.contacts.import_file(upload(broadcaster, SMALL_FILE), encoding="utf-16", dry_run=dry_run)


def test_an_unknown_option_is_a_type_error(broadcaster: Broadcaster) -> None:
    with pytest.raises(TypeError, match="'maping'"):
        broadcaster.contacts.import_file(upload(broadcaster, SMALL_FILE), maping={"HP": "number"})  # type: ignore[call-arg]


@pytest.mark.parametrize("sheet", ["lama", "2", 2, "3", 2024])
def test_the_sheet_of_a_workbook_can_be_given_by_name_and_position(broadcaster: Broadcaster, sheet: str | int) -> None:
    book = Workbook()
    numbers = ("0812-1111-1111", "0812-2222-2222", "0812-3333-3333", "0812-4444-4444")
    for title, number in zip(("Baru", "3", "Lama", "2024"), numbers, strict=True):
        page = book.create_sheet(title)
        for cells in (["Nama", "HP"], ["Budi", number]):
            page.append(cells)
    book.remove(book.worksheets[0])
    file = io.BytesIO()
    book.save(file)

    broadcaster.contacts.import_file(upload(broadcaster, file.getvalue()), sheet=sheet)

    expected = {"lama": "+6281233333333", 2024: "+6281244444444"}
    assert set(people(broadcaster)) == {expected.get(sheet, "+6281222222222")}  # the name of a sheet may be a number


def test_the_error_for_an_option_of_a_workbook_names_it_or_the_sheets(broadcaster: Broadcaster) -> None:
    file = io.BytesIO()
    Workbook().save(file)
    workbook = upload(broadcaster, file.getvalue())

    with pytest.raises(InvalidInputError) as refused:
        broadcaster.contacts.import_file(workbook, delimiter=",", dry_run=True)
    with pytest.raises(FileError, match="no sheet 'Data': the workbook has Sheet"):
        broadcaster.contacts.import_file(workbook, sheet="Data", dry_run=True)

    assert [fault.path for fault in refused.value.faults] == ["delimiter"]


@pytest.mark.parametrize(
    "file",
    [
        pytest.param("", id="empty"),
        pytest.param("Nama,Kota\nBudi,Bandung\n", id="no-number"),
        pytest.param(b"PK\x03\x04broken", id="broken-zip"),
        pytest.param(b"\x00\x01\x02\x03" * 100, id="binary"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_error(broadcaster: Broadcaster, file: str | bytes) -> None:
    upload_id = upload(broadcaster, file)

    with pytest.raises(FileError):
        broadcaster.contacts.import_file(upload_id)
    with pytest.raises(FileError):
        broadcaster.contacts.import_file(upload_id, dry_run=True)


def test_the_rows_before_a_damage_of_the_file_are_imported(broadcaster: Broadcaster) -> None:
    broadcaster.settings.prepare_chunk = 50

    report = broadcaster.contacts.import_file(upload(broadcaster, "Nama,HP,Kode\n" + rows(120) + '"cut,0812'))

    assert report.status == "failed"
    assert "row 122" in str(report.reason)
    assert report.created == len(people(broadcaster)) == 120
    assert report.finished_at is not None


@pytest.mark.parametrize(
    ("options", "path"),
    [
        pytest.param({"tags": ["x" * 101]}, "tags", id="tag"),
        pytest.param({"region": "XX"}, "region", id="region"),
        pytest.param({"sheet": "A"}, "sheet", id="sheet-of-a-text-file"),
        pytest.param({"encoding": "klingon"}, "encoding", id="encoding"),
        pytest.param({"delimiter": ";;"}, "delimiter", id="delimiter"),
    ],
)
def test_an_invalid_option_is_named(broadcaster: Broadcaster, options: dict[str, object], path: str) -> None:
    upload_id = upload(broadcaster, SMALL_FILE)

    with pytest.raises(InvalidInputError) as caught:
        broadcaster.contacts.import_file(upload_id, **options)  # type: ignore[arg-type]  # a table of cases

    assert [fault.path for fault in caught.value.faults] == [path]


def test_an_unknown_id_is_not_found(broadcaster: Broadcaster) -> None:
    for call in (
        broadcaster.contacts.import_file,
        broadcaster.contacts.import_report,
        broadcaster.contacts.import_errors,
    ):
        with pytest.raises(NotFoundError):
            call("gone")


def test_characters_that_no_database_stores_do_not_stop_an_import(broadcaster: Broadcaster) -> None:
    book = Workbook()
    book.worksheets[0].append(["Nama", "HP", "Tag", "Kota"])
    book.worksheets[0].append(["Bu_xD800_di", "081234567890", "v_x0000_ip", "B_x0000_ogor"])
    file = io.BytesIO()
    book.save(file)

    report = broadcaster.contacts.import_file(upload(broadcaster, file.getvalue()))

    assert (report.status, report.created) == ("done", 1)


# --- dry run ---------------------------------------------------------------------------------------------------


def test_a_dry_run_reports_what_an_import_would_do_and_stores_nothing(broadcaster: Broadcaster) -> None:
    broadcaster.settings.prepare_chunk = 2
    broadcaster.contacts.import_file(upload(broadcaster, SMALL_FILE))
    before = people(broadcaster)
    file = "Nama,HP,Tag\nBudi,081234567890,x\nAni,081300000001,\nAni,081300000001,y\nTuti,12,\nAni,081300000001,\n"

    tried = broadcaster.contacts.import_file(upload(broadcaster, file), tags=["promo"], dry_run=True)

    assert people(broadcaster) == before
    assert (tried.import_id, tried.status) == (None, "done")
    assert (tried.rows, tried.created, tried.updated, tried.rejected) == (5, 1, 3, 1)
    assert tried.samples[0].model_dump() == {
        "number": "+6281234567890", "name": "Budi", "tags": ["promo", "x"], "variables": {"tag": "x"},
    }  # fmt: skip
    done = broadcaster.contacts.import_file(upload(broadcaster, file), tags=["promo"])
    for name in ("rows", "created", "updated", "rejected", "reasons", "rejections", "columns", "reading", "filename"):
        assert getattr(tried, name) == getattr(done, name)


def test_a_dry_run_shows_the_first_rows_and_the_first_faulty_ones_as_the_file_has_them(
    broadcaster: Broadcaster,
) -> None:
    file = "Nama,HP\nAni,12\n" + "".join(f"Budi,0813000000{n:02}\n" for n in range(9)) + f"{'x' * 300},0\n"

    shown = broadcaster.contacts.import_file(upload(broadcaster, file), dry_run=True).file_rows

    assert [(row.row, row.cells[1], row.column, row.reason) for row in shown] == [
        (2, "12", "number", "too short"),
        *[(place, f"0813000000{place - 3:02}", None, None) for place in range(3, 7)],
        (12, "0", "number", "too short"),
    ]
    assert (shown[0].cells[0], len(shown[-1].cells[0])) == ("Ani", 200)


def test_a_dry_run_ends_when_its_time_is_over(broadcaster: Broadcaster) -> None:
    broadcaster.settings.prepare_chunk = 10

    tried = broadcaster.contacts.import_file(
        upload(broadcaster, "Nama,HP,Kode\n" + rows(100)), dry_run=True, wait_seconds=0
    )

    assert (tried.status, tried.rows) == ("running", 10)


def test_a_report_counts_the_cells_with_several_numbers_of_all_chunks(broadcaster: Broadcaster) -> None:
    broadcaster.settings.prepare_chunk = 10
    file = upload(broadcaster, "Nama,HP,Kode\n" + rows(25) + "Budi,081234567801 / 081345678902,K\n")

    reports = [broadcaster.contacts.import_file(file, dry_run=dry_run) for dry_run in (True, False)]

    assert [report.created for report in reports] == [26, 26]
    assert [note.partition(": ")[0] for report in reports for note in report.notes] == [
        "1 cell holds several phone numbers, the first in row 27"
    ] * 2


def test_the_columns_of_a_file_with_a_header_only_are_detected(broadcaster: Broadcaster) -> None:
    upload_id = upload(broadcaster, "Daftar\t\nNama\tHP\n")

    for report in (broadcaster.contacts.import_file(upload_id, dry_run=dry_run) for dry_run in (True, False)):
        assert (report.status, report.rows) == ("done", 0)
        assert report.columns == {"Nama": "name", "HP": "number"}
        assert report.reading == Reading(delimiter="\t", encoding="utf-8", header_row=2)


# --- crashes and several readers --------------------------------------------------------------------------------


def import_and_crash(settings: Settings, upload_id: str, module: str, function: str) -> None:
    """Import an upload, and kill this process at the fourth call of a function of the store."""
    victim = importlib.import_module(f"wabroadcast_core.store.{module}")
    real, calls = getattr(victim, function), itertools.count(1)

    def crash(*arguments: Any, **options: Any) -> Any:
        if next(calls) == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)

    setattr(victim, function, crash)
    with Broadcaster(settings) as broadcaster:
        broadcaster.contacts.import_file(upload_id, tags=["promo"])


@pytest.fixture
def killed_import(broadcaster: Broadcaster, settings: Settings, request: pytest.FixtureRequest) -> str:
    """Return the id of an import whose process was killed in its fourth chunk."""
    module, function = request.param
    upload_id = upload(broadcaster, "Nama,HP,Kode\n" + rows(250) + "Ani,12,\n" + rows(10))
    slow = settings.model_copy(update={"prepare_chunk": 50})
    process = ForkedProcess(functools.partial(import_and_crash, slow, upload_id, module, function))
    assert process.wait(timeout=60) == -signal.SIGKILL
    with broadcaster.context.database.read() as conn:
        return str(conn.exec_driver_sql("SELECT id FROM imports").scalar_one())


KILLED = pytest.mark.parametrize(
    "killed_import",
    [
        pytest.param(("imports", "move_mark"), id="before-a-chunk"),
        pytest.param(("imports", "count_rows"), id="within-a-chunk"),
        pytest.param(("tags", "add_tags"), id="between-contacts-and-tags"),
    ],
    indirect=True,
)


def check_whole(broadcaster: Broadcaster, report: ImportReport) -> None:
    assert (report.status, report.rows, report.created, report.updated, report.rejected) == ("done", 261, 250, 10, 1)
    found = people(broadcaster)
    assert found == {f"+62812{n:08d}": (f"Orang {n}", {"kode": f"K{n}"}, ["promo"]) for n in range(250)}
    assert [(tag.name, tag.contacts) for tag in broadcaster.tags.list()] == [("promo", 250)]


@KILLED
def test_a_killed_import_is_continued(broadcaster: Broadcaster, killed_import: str) -> None:
    left = broadcaster.contacts.import_report(killed_import)
    assert (left.status, left.rows, left.created) == ("running", 150, 150)

    def done() -> bool:
        run_import(broadcaster.context, killed_import)  # does nothing until the lock of the killed process has expired
        return broadcaster.contacts.import_report(killed_import).status == "done"

    wait_for(done, what="the end of the import")

    check_whole(broadcaster, broadcaster.contacts.import_report(killed_import))


@pytest.mark.parametrize("killed_import", [("imports", "count_rows")], indirect=True)
def test_a_worker_continues_the_import_of_a_killed_process(
    broadcaster: Broadcaster, killed_import: str, worker: Worker
) -> None:
    wait_for(lambda: broadcaster.contacts.import_report(killed_import).status == "done", what="the end of the import")

    check_whole(broadcaster, broadcaster.contacts.import_report(killed_import))


def test_several_readers_at_once_create_no_contact_twice(
    broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    broadcaster.settings.prepare_chunk = 20
    monkeypatch.setattr(broadcaster.contacts, "_threads", _NoThreads())
    text = "Nama,HP,Kode\n" + rows(400)
    import_id = str(broadcaster.contacts.import_file(upload(broadcaster, text)).import_id)
    monkeypatch.setattr(broadcaster.context.keys.__class__, "importing", _no_lock())

    readers = [threading.Thread(target=run_import, args=(broadcaster.context, import_id)) for _ in range(4)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()

    run_import(broadcaster.context, import_id)  # all readers but one have stopped, and that one may have stopped too
    report = broadcaster.contacts.import_report(import_id)
    assert (report.status, report.rows, report.created, report.updated) == ("done", 400, 400, 0)
    assert len(people(broadcaster)) == 400


class _NoThreads:
    def start(self, import_id: str, *, wait_seconds: float) -> None: ...
    def close(self) -> None: ...


def _no_lock() -> object:
    """Return a new key at each call, so that each reader has its own lock."""
    keys: Iterator[int] = iter(range(1_000))
    return lambda _keys, import_id: f"{import_id}:{next(keys)}"


def test_an_import_that_another_process_runs_is_not_started_again(
    broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcaster.contacts, "_threads", _NoThreads())
    import_id = str(broadcaster.contacts.import_file(upload(broadcaster, SMALL_FILE)).import_id)
    broadcaster.context.redis.set(broadcaster.context.keys.importing(import_id), "theirs")

    run_import(broadcaster.context, import_id)

    assert broadcaster.contacts.import_report(import_id).status == "queued"


def test_a_file_is_imported_while_redis_cannot_be_reached(tmp_path: Path) -> None:
    with Broadcaster(Settings(data_dir=tmp_path, redis_url="redis://127.0.0.1:1/0")) as broadcaster:
        report = broadcaster.contacts.import_file(upload(broadcaster, SMALL_FILE))

    assert (report.status, report.created) == ("done", 2)


def test_a_long_import_continues_after_the_answer(broadcaster: Broadcaster) -> None:
    broadcaster.settings.prepare_chunk = 50
    upload_id = upload(broadcaster, "Nama,HP,Kode\n" + rows(3_000))

    first = broadcaster.contacts.import_file(upload_id, wait_seconds=0)
    assert first.status in {"queued", "running"}

    wait_for(lambda: broadcaster.contacts.import_report(str(first.import_id)).status == "done")
    assert broadcaster.contacts.import_report(str(first.import_id)).created == 3_000


def test_closing_stops_an_import_after_its_chunk_and_the_next_run_continues_it(settings: Settings) -> None:
    settings.prepare_chunk = 20
    with Broadcaster(settings, plugins=[gateway_plugin, null_plugin]) as broadcaster:
        upload_id = upload(broadcaster, "Nama,HP,Kode\n" + rows(5_000))
        import_id = str(broadcaster.contacts.import_file(upload_id, wait_seconds=0.05).import_id)

    with Broadcaster(settings, plugins=[gateway_plugin, null_plugin]) as broadcaster:
        left = broadcaster.contacts.import_report(import_id)
        run_import(broadcaster.context, import_id)
        report = broadcaster.contacts.import_report(import_id)

    assert left.rows < 5_000
    assert (report.status, report.rows, report.created) == ("done", 5_000, 5_000)


# --- bytes that are no characters ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"\xd5\xa7xx#?\xff\n", id="alone"),
        pytest.param(b"nama\xc3\xa9,no\xff\n0812,x\n", id="above-no-numbers"),
    ],
)
def test_an_import_without_numbers_ends_whatever_bytes_its_header_has(broadcaster: Broadcaster, header: bytes) -> None:
    with pytest.raises(FileError, match="no column holds phone numbers") as refused:
        broadcaster.contacts.import_file(upload(broadcaster, header))
    with pytest.raises(FileError, match="no column holds phone numbers"):
        broadcaster.contacts.import_file(upload(broadcaster, header), dry_run=True)

    assert str(refused.value).encode()


def test_a_bad_byte_in_a_header_stays_in_its_title(broadcaster: Broadcaster) -> None:
    data = b"nama\xc3\xa9,no\xff\nBudi,081200001001\n"

    dry_run = broadcaster.contacts.import_file(upload(broadcaster, data), dry_run=True)
    report = broadcaster.contacts.import_file(upload(broadcaster, data))

    assert (dry_run.created, report.status, report.created) == (1, "done", 1)
    assert report.columns.keys() == dry_run.columns.keys() == {"nama\xe9", "no?"}
    assert report.model_dump_json()


def test_an_import_ends_with_a_reason_that_cannot_be_stored_as_it_is(broadcaster: Broadcaster) -> None:
    with broadcaster.context.database.write() as conn:
        import_store.insert_import(conn, "a", upload_id="b", filename=None, options=ID, now=0)
        import_store.begin_import(conn, "a")
        import_store.end_import(conn, "a", present=0, status=ImportStatus.FAILED, reason="half \udcff, NUL \0", now=1)

    assert broadcaster.contacts.import_report("a").reason == "half ?, NUL \N{REPLACEMENT CHARACTER}"
