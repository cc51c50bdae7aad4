"""Preparation of a broadcast from a file, up to the messages in the store."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from tests.stores import ON_SQLITE
from wabroadcast_core import Settings, hookimpl
from wabroadcast_core.audience.imports import ImportOptions, run_import
from wabroadcast_core.audience.prepare import prepare_broadcast
from wabroadcast_core.audience.tables import read_table
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import InvalidInputError, TemplateError
from wabroadcast_core.models.waiting import RetryLater
from wabroadcast_core.redis_access.preparation_notes import read_put_off
from wabroadcast_core.sentences import code_of
from wabroadcast_core.store import imports as import_store
from wabroadcast_core.store.workers import insert_worker

DRAFT = {"name": "Promo", "connection": "sandbox", "message": {"type": "text", "text": "Warga {kota}"}}
TEXT = {"type": "text", "text": "Halo"}


def test_a_damaged_row_is_skipped_with_its_reason_and_the_others_are_sent(broadcaster: Broadcaster) -> None:
    file = b'Nama,HP\nBudi,081234567890\n"Ani "A",081311112222\nTuti,12\nCici,081399998888\n'
    upload_id = broadcaster.uploads.save([file], filename="people.csv").upload_id
    message = {"type": "text", "text": "Halo {{ name }}"}
    source = {"type": "csv", "uploadId": upload_id}
    job = broadcaster.submit({"name": "Promo", "connection": "sandbox", "message": message, "source": source})

    with broadcaster.context.database.read() as conn:
        broadcast_id = conn.exec_driver_sql("SELECT id FROM broadcasts").scalar_one()
    prepare_broadcast(broadcaster.context, broadcast_id)

    assert [(item.number, item.status, item.detail) for item in broadcaster.messages(job.job_id).items] == [
        ("+6281234567890", "queued", None),
        ("", "skipped", "a quotation mark inside the cell is not doubled: write it twice"),
        ("12", "skipped", "too short"),
        ("+6281399998888", "queued", None),
    ]
    codes = [code_of(item.detail or "") for item in broadcaster.messages(job.job_id).items]
    assert codes == [None, "stray_quotation", "number_too_short", None]
    assert b",too short," in b"".join(broadcaster.report(job.job_id))


def prepared(broadcaster: Broadcaster, file: bytes, text: str = "Halo", **source: str) -> str:
    """Submit a broadcast to the people of a CSV file, prepare it, and return its id."""
    upload_id = broadcaster.uploads.save([file], filename="people.csv").upload_id
    message = {"type": "text", "text": text}
    fields = {"type": "csv", "uploadId": upload_id, **source}
    job = broadcaster.submit({"name": "Promo", "connection": "sandbox", "message": message, "source": fields})
    prepare(broadcaster, job.job_id)
    return job.job_id


def prepare(broadcaster: Broadcaster, job_id: str) -> None:
    with broadcaster.context.database.read() as conn:
        key = conn.exec_driver_sql(f"SELECT id FROM broadcasts WHERE job_id = '{job_id}'").scalar_one()
    prepare_broadcast(broadcaster.context, key)


def test_a_broadcast_fails_whatever_bytes_the_header_of_its_file_has(broadcaster: Broadcaster) -> None:
    report = broadcaster.status(prepared(broadcaster, b"\xd5\xa7xx#?\xff\n"))

    assert report.status == "failed"
    assert "its columns are \u0567xx#??: map one of them to number" in (report.status_reason or "")
    assert code_of(report.status_reason or "") == "joined"


def test_a_placeholder_that_is_a_column_of_the_file_is_refused_at_once(broadcaster: Broadcaster) -> None:
    upload_id = broadcaster.uploads.save([b"HP,Kota\n081234567890,Solo\n"], filename="k.csv").upload_id
    source = {"type": "csv", "uploadId": upload_id}

    with pytest.raises(TemplateError, match=r"write {{ kota }}"):
        broadcaster.submit({**DRAFT, "source": source})


def test_a_placeholder_that_is_a_variable_of_the_contacts_stops_the_broadcast(broadcaster: Broadcaster) -> None:
    broadcaster.contacts.save({"number": "081234567890", "tags": ["vip"], "variables": {"kota": "Solo"}})
    job = broadcaster.submit({**DRAFT, "source": {"type": "contacts", "tags": ["vip"]}})

    with broadcaster.context.database.read() as conn:
        broadcast_id = conn.exec_driver_sql("SELECT id FROM broadcasts").scalar_one()
    prepare_broadcast(broadcaster.context, broadcast_id)

    report = broadcaster.status(job.job_id)
    assert report.status == "failed"
    assert "write {{ kota }}" in (report.status_reason or "")
    assert broadcaster.messages(job.job_id).items == []


# --- names of variables ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        pytest.param("{{ nama }} {{ no_hp }} {{ kode }}", "Budi 0812-3456-7890 A1", id="own-names"),
        pytest.param("{{ name }} {{ number }}", "Budi +6281234567890", id="names-of-the-fields"),
        pytest.param("{{ KODE }} {{ Nama|upper }} {{ NAME }}", "A1 BUDI Budi", id="any-case"),
    ],
)
def test_a_column_is_found_by_its_own_name(broadcaster: Broadcaster, text: str, rendered: str) -> None:
    draft = {**DRAFT, "message": {"type": "text", "text": text}, "source": people(broadcaster)}

    preview = broadcaster.preview(draft)
    job = broadcaster.submit(draft)
    prepare(broadcaster, job.job_id)

    assert [message.text for message in preview.messages] == [rendered]
    assert [message.status for message in broadcaster.messages(job.job_id).items] == ["queued"]


def test_a_variable_that_no_column_has_is_refused_with_those_that_there_are(broadcaster: Broadcaster) -> None:
    draft = {**DRAFT, "message": {"type": "text", "text": "{{ nama }}: {{ tagihan }}"}}

    with pytest.raises(InvalidInputError, match="there is no tagihan; there are name, number, nama, no_hp, kode"):
        broadcaster.submit({**draft, "source": people(broadcaster)})


@pytest.mark.parametrize("text", ["{{ tagihan|default('-') }}", "{% if tagihan is defined %}{{ tagihan }}{% endif %}!"])
def test_a_variable_that_may_be_absent_is_not_refused(broadcaster: Broadcaster, text: str) -> None:
    preview = broadcaster.preview({**DRAFT, "message": {"type": "text", "text": text}, "source": people(broadcaster)})

    assert preview.sendable == 1


def test_a_contact_without_a_variable_is_skipped_with_those_that_it_has(broadcaster: Broadcaster) -> None:
    broadcaster.contacts.save({"number": "081234567890", "name": "Budi", "variables": {"kota": "Solo"}})
    message = {"type": "text", "text": "{{ Kota }} {{ tagihan }}"}
    job = broadcaster.submit({**DRAFT, "message": message, "source": {"type": "contacts"}})
    prepare(broadcaster, job.job_id)

    (skipped,) = broadcaster.messages(job.job_id).items
    assert "'tagihan' is missing; there are name, number, kota:" in (skipped.detail or "")


def test_the_contact_book_has_the_number_and_the_name_only_once(broadcaster: Broadcaster) -> None:
    broadcaster.contacts.import_file(people(broadcaster)["uploadId"])

    assert broadcaster.contacts.get("081234567890").variables == {"kode": "A1"}


def people(broadcaster: Broadcaster) -> dict[str, str]:
    """Return the source of a file with one person."""
    file = b"Nama,No HP,Kode\nBudi,0812-3456-7890,A1\n"
    return {"type": "csv", "uploadId": broadcaster.uploads.save([file], filename="people.csv").upload_id}


# --- lists of another country ----------------------------------------------------------------------------------

ITALIAN = b"Nama,HP\nAnna,3471234501\nBruno,3281234502\nCarla,3391234503\nDario,+39 340 123 4504\n"


def test_of_a_list_of_another_country_only_who_has_a_country_code_is_messaged(broadcaster: Broadcaster) -> None:
    job_id = prepared(broadcaster, ITALIAN)

    queued = [item.number for item in broadcaster.messages(job_id).items if item.status == "queued"]
    assert queued == ["+393401234504"]
    assert "give the region IT" in (broadcaster.messages(job_id).items[0].detail or "")


def test_a_file_of_a_broadcast_has_a_region_of_its_own(broadcaster: Broadcaster) -> None:
    job_id = prepared(broadcaster, ITALIAN, region="it")

    assert [item.number for item in broadcaster.messages(job_id).items] == [
        "+393471234501",
        "+393281234502",
        "+393391234503",
        "+393401234504",
    ]


def test_an_unknown_region_is_refused(broadcaster: Broadcaster) -> None:
    with pytest.raises(InvalidInputError, match=r"source.region: unknown country 'XX': write its two letters"):
        broadcaster.submit({**DRAFT, "source": {**people(broadcaster), "region": "XX"}})


def test_a_preview_says_that_a_list_is_of_another_country(broadcaster: Broadcaster) -> None:
    upload_id = broadcaster.uploads.save([ITALIAN], filename="people.csv").upload_id
    draft = {"name": "Promo", "connection": "sandbox", "message": {"type": "text", "text": "Ciao"}}

    preview = broadcaster.preview({**draft, "source": {"type": "csv", "uploadId": upload_id}})

    assert preview.skipped_by == {"invalid_number": 3}
    assert "a list of another country" in preview.notes[0]
    assert "give the region IT" in preview.notes[0]


# --- an audience of nobody -------------------------------------------------------------------------------------


def test_a_broadcast_to_a_file_without_rows_says_so(broadcaster: Broadcaster) -> None:
    report = broadcaster.status(prepared(broadcaster, b"Nama,HP\n"))

    assert (report.status, report.total) == ("completed", 0)
    assert report.status_reason == "the audience is empty: the file has no rows below its header"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        pytest.param({}, "the contact book has no contacts", id="all"),
        pytest.param({"tags": ["vpi"]}, "no contact has the tag 'vpi'", id="one-tag"),
        pytest.param({"tags": ["a", "b"], "match": "all"}, "no contact has all of the tags 'a', 'b'", id="several"),
        pytest.param({"tags": ["a"], "without": ["b"]}, "no contact has the tag 'a' without 'b'", id="without"),
    ],
)
def test_a_broadcast_to_no_contact_says_so(broadcaster: Broadcaster, source: dict[str, Any], reason: str) -> None:
    draft = {"name": "Promo", "connection": "sandbox", "message": {"type": "text", "text": "Halo"}}
    draft["source"] = {"type": "contacts", **source}

    preview = broadcaster.preview(draft)
    job_id = broadcaster.submit(draft).job_id
    prepare(broadcaster, job_id)

    assert broadcaster.status(job_id).status_reason == f"the audience is empty: {reason}"
    assert preview.notes == [f"the audience is empty: {reason}"]


# --- files of blank rows ---------------------------------------------------------------------------------------

BLANK_ROWS = 20_000


class CountedRows:
    """The rows of a file of blank rows, and how many of them were read."""

    def __init__(self) -> None:
        self.read = 0

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        yield 1, ["HP"]
        yield 2, ["081234567801"]
        for row in range(3, BLANK_ROWS):
            self.read = row
            yield row, [""]


def test_the_end_of_the_reading_is_noticed_among_blank_rows() -> None:
    rows = CountedRows()
    _, people = read_table(rows, region="ID", is_over=lambda: rows.read >= 5_000)

    assert [person.number for person in people] == ["081234567801"]
    assert 5_000 <= rows.read < 7_000


def test_a_dry_run_and_a_preview_end_in_time_among_blank_rows(broadcaster: Broadcaster) -> None:
    file = b"Nama,HP\nBudi,081234567801\n" + b"\n" * BLANK_ROWS
    upload_id = broadcaster.uploads.save([file], filename="people.csv").upload_id
    draft = {"name": "Promo", "connection": "sandbox", "message": {"type": "text", "text": "Halo"}}
    draft["source"] = {"type": "csv", "uploadId": upload_id}

    dry_run = broadcaster.contacts.import_file(upload_id, dry_run=True, wait_seconds=0)
    preview = broadcaster.preview(draft, seconds=0)

    assert (dry_run.status, dry_run.rows) == ("running", 1)
    assert (preview.complete, preview.total) == (False, 1)


def test_a_stopped_import_is_left_to_another_process_among_blank_rows(broadcaster: Broadcaster) -> None:
    file = b"Nama,HP\n" + b"\n" * BLANK_ROWS + b"Budi,081234567801\n"
    upload_id = broadcaster.uploads.save([file], filename="people.csv").upload_id
    with broadcaster.context.database.write() as conn:
        options = ImportOptions(region="ID").model_dump_json()
        import_store.insert_import(conn, "a", upload_id=upload_id, filename=None, options=options, now=0)

    run_import(broadcaster.context, "a", is_stopped=lambda: True)
    stopped = broadcaster.contacts.import_report("a")
    run_import(broadcaster.context, "a")

    assert (stopped.status, stopped.rows) == ("running", 0)
    assert broadcaster.contacts.import_report("a").created == 1


def test_a_cancelled_broadcast_is_not_read_to_the_end_of_its_blank_rows(
    broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wabroadcast_core.audience.prepare._ASK_SECONDS", 0)
    file = b"Nama,HP\nBudi,081234567801\n" + b"\n" * BLANK_ROWS
    upload_id = broadcaster.uploads.save([file], filename="people.csv").upload_id
    draft = {"name": "Promo", "connection": "sandbox", "message": {"type": "text", "text": "Halo"}}
    draft["source"] = {"type": "csv", "uploadId": upload_id}
    job_id = broadcaster.submit(draft).job_id
    opened = broadcaster.context.plugins.contact_source("csv")
    monkeypatch.setattr(opened, "read", cancelling(broadcaster, job_id, opened.read))

    prepare(broadcaster, job_id)

    assert (broadcaster.status(job_id).status, broadcaster.status(job_id).prepared) == ("cancelled", False)


def cancelling(broadcaster: Broadcaster, job_id: str, read: Callable[[Any], Any]) -> Callable[[Any], Iterator[Any]]:
    """Return a ``read`` of a source during which the broadcast is cancelled."""

    def reading(source: Any) -> Iterator[Any]:
        broadcaster.cancel(job_id)
        yield from read(source)

    return reading


class Crm:
    """A blacklist that fails until it is repaired."""

    is_broken = True

    @hookimpl
    def wab_blacklisted(self, numbers: Sequence[str]) -> Mapping[str, str]:
        if self.is_broken:
            raise LookupError(len(numbers))
        return {}


@ON_SQLITE
def test_a_failing_blacklist_is_the_cause_for_which_a_broadcast_waits(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    crm = Crm()
    with Broadcaster(settings, plugins=[crm]) as broadcaster:
        job = broadcaster.submit({**DRAFT, "message": TEXT}, [{"number": "081234567890"}])
        now = time.time()
        with broadcaster.context.database.write() as conn:
            worker = insert_worker(conn, now=now)
        broadcaster.context.redis.set(broadcaster.context.keys.worker(worker), f"{now + 60:.6f}")

        with caplog.at_level("ERROR"):
            prepare(broadcaster, job.job_id)
        waiting = broadcaster.status(job.job_id).waiting_for
        crm.is_broken = False
        prepare(broadcaster, job.job_id)

        assert isinstance(waiting, RetryLater)
        assert waiting.reason == "blacklist_away"
        assert "plugin Crm failed in wab_blacklisted: LookupError" in (waiting.detail or "")
        assert waiting.until is not None
        assert "its audience is not read, the next try is in" in caplog.text
        report = broadcaster.status(job.job_id)
        assert (report.prepared, report.counts.queued) == (True, 1)
        with broadcaster.context.database.read() as conn:
            key = conn.exec_driver_sql("SELECT id FROM broadcasts").scalar_one()
        assert read_put_off(broadcaster.context.redis, broadcaster.context.keys, key) is None
