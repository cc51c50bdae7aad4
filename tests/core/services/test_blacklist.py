"""Importing files of numbers into the blacklist, and the history of a number, on both stores."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from openpyxl import Workbook
from sqlalchemy import update

from tests.core.store.harness import StoreHarness
from wabroadcast_core import FileError, InvalidInputError, NotFoundError, NumberError
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.control.announcements import Announcement
from wabroadcast_core.services import blacklist as blacklist_service
from wabroadcast_core.store import blacklist as blacklist_store
from wabroadcast_core.store.messages import message_key
from wabroadcast_core.store.new_messages import NewMessage, insert_messages
from wabroadcast_core.store.tables import messages

FILE = "Nama;No HP\nBudi;0812-0000-0001\nSalah;12\nSiti;+62 812 0000 0002\nBudi lagi;+6281200000001\nKosong;\n"


@pytest.fixture
def broadcaster(shared: Broadcaster) -> Broadcaster:
    return shared


def upload(broadcaster: Broadcaster, text: str | bytes, name: str = "stop.csv") -> str:
    return broadcaster.uploads.save([text.encode() if isinstance(text, str) else text], filename=name).upload_id


def listed(broadcaster: Broadcaster) -> dict[str, str]:
    return {entry.number: entry.reason for entry in broadcaster.blacklist.list(page_size=500).items}


def with_numbers(file: str) -> str:
    """Return a file with a phone number in the place of the number of each row."""
    header, *rows = file.splitlines()
    return "\n".join([header, *(f"0812-0000-000{row}" for row in rows)]) + "\n"


def test_the_numbers_of_a_file_are_listed_and_the_report_counts_every_row(
    broadcaster: Broadcaster,
) -> None:
    broadcaster.blacklist.add("081200000002", reason="before")

    report = broadcaster.blacklist.add_file(upload(broadcaster, FILE), reason="campaign", actor="dewi")

    assert (report.filename, report.reason, report.columns) == ("stop.csv", None, {"Nama": "name", "No HP": "number"})
    assert (report.rows, report.added, report.known, report.rejected) == (5, 1, 2, 2)
    assert report.reasons == {"too short": 1, "empty": 1}
    assert [(row.row, row.column, row.reason) for row in report.rejections] == [
        (3, "number", "too short"),
        (6, "number", "empty"),
    ]
    assert listed(broadcaster) == {"+6281200000001": "campaign", "+6281200000002": "before"}
    assert broadcaster.blacklist.list(query="0001").items[0].source == "dewi"


def test_cells_with_several_numbers_are_reported(broadcaster: Broadcaster) -> None:
    report = broadcaster.blacklist.add_file(upload(broadcaster, "HP\n081234567801 / 081345678902\n"))

    assert list(listed(broadcaster)) == ["+6281234567801"]
    assert [note.partition(": ")[0] for note in report.notes] == [
        "1 cell holds several phone numbers, the first in row 2"
    ]


@pytest.mark.parametrize(
    ("file", "added"),
    [
        pytest.param("HP;Bersedia menerima pesan WA\n1;Ya\n2;Ya\n3;Tidak\n4;\n", [3], id="consent-given"),
        pytest.param("HP;Opted out\n1;Ya\n2;Tidak\n3;\n4;2024-05-01\n", [1, 4], id="consent-withdrawn"),
        pytest.param("HP;Berhenti langganan;Opt-in\n1;Ya;\n2;;no\n3;;ya\n", [1, 2], id="two-columns"),
        pytest.param("HP;Status\n1;active\n2;unsubscribed\n3;\n4;blocked\n", [2, 4], id="status"),
    ],
)
def test_only_who_says_no_in_a_file_with_consent_is_listed_and_the_others_are_counted(
    broadcaster: Broadcaster, file: str, added: list[int]
) -> None:
    key = upload(broadcaster, with_numbers(file))
    tried = broadcaster.blacklist.add_file(key, dry_run=True)

    report = broadcaster.blacklist.add_file(key)

    titles = ", ".join(file.partition("\n")[0].split(";")[1:])
    others = sorted(set(range(1, report.rows + 1)) - set(added))
    assert set(listed(broadcaster)) == {f"+628120000000{place}" for place in added}
    assert (report.added, report.known, report.rejected) == (len(added), 0, len(others))
    assert report.reasons == {f"does not plainly say no in {titles}": len(others)}
    assert [(row.row, row.column) for row in report.rejections] == [
        (place + 1, titles.split(", ")[0]) for place in others
    ]
    assert ["only people who say no there are added to the blacklist" in note for note in report.notes] == [
        True for _ in titles.split(", ")
    ]
    assert tried == report


@pytest.mark.parametrize(
    ("file", "options", "note"),
    [
        pytest.param("HP;Nama\n1;Budi\n2;Siti\n", {}, None, id="no-consent"),
        pytest.param(
            "NUMBER;CONNECTION;REASON;SOURCE\n1;toko;opted out;api\n2;;opted out;api\n", {}, None, id="our-list"
        ),
        pytest.param(
            "number;connection;reason;source;created_at\n1;;opted out;inbound;2024-05-01T00:00:00Z\n2;;x;api;\n",
            {},
            None,
            id="our-api",
        ),
        pytest.param("HP;Opt-out reason\n1;marah\n2;\n", {}, None, id="reason"),
        pytest.param("HP;Status\n1;lunas\n2;baru\n", {}, None, id="another-status"),
        pytest.param("HP;Opt-in\n1;ya\n2;tidak\n", {"mapping": {"Opt-in": "opt_in"}}, None, id="mapped"),
        pytest.param(
            "HP;Setuju harga\n1;ya\n2;tidak\n",
            {},
            "Setuju harga may be about consent, but it is not plain enough to tell who says no: every number of the"
            " file is added, whatever the column says",
            id="doubtful",
        ),
        pytest.param(
            "HP;Status\n1;blocked\n2;aktif\n",
            {},
            "Status may say who wants no messages, but it is not plain enough to tell who says no: every number of the"
            " file is added, whatever the column says",
            id="perhaps-a-status",
        ),
    ],
)
def test_a_file_without_plain_consent_is_listed_whole(
    broadcaster: Broadcaster, file: str, options: dict[str, Any], note: str | None
) -> None:
    report = broadcaster.blacklist.add_file(upload(broadcaster, with_numbers(file)), **options)

    assert (report.added, report.rejected) == (2, 0)
    assert report.notes == ([note] if note else [])


def test_unclear_cells_and_wrong_numbers_of_a_file_with_consent_are_reported(broadcaster: Broadcaster) -> None:
    file = "HP;Opt-in\n1;mungkin\n2;Tidak, terima kasih\n"

    report = broadcaster.blacklist.add_file(upload(broadcaster, with_numbers(file) + "12;tidak\n"))

    assert list(listed(broadcaster)) == ["+6281200000002"]
    assert report.reasons == {"does not plainly say no in Opt-in": 1, "too short": 1}
    assert report.notes == [
        (
            "Opt-in: only people who say no there are added to the blacklist. Map the column to a variable to add every"
            " row; not all of its cells are a plain yes or no"
        )
    ]


@pytest.mark.parametrize("query", ["kampanye", "PROMO", "élan", "Elan", "0001", "promo É"])
def test_an_entry_is_found_by_its_reason_or_its_number(broadcaster: Broadcaster, query: str) -> None:
    broadcaster.blacklist.add("081200000001", reason="Kampanye promo Élan")
    broadcaster.blacklist.add("081200000002", reason="asked")

    assert [entry.number for entry in broadcaster.blacklist.list(query=query).items] == ["+6281200000001"]


def test_a_workbook_and_ids_outside_the_number_plans_are_read(broadcaster: Broadcaster) -> None:
    book = Workbook()
    for cells in (["WhatsApp"], [6281200000001.0], ["+551187654321"]):
        book.worksheets[0].append(cells)
    file = io.BytesIO()
    book.save(file)

    report = broadcaster.blacklist.add_file(upload(broadcaster, file.getvalue(), "stop.xlsx"))

    assert (report.added, report.rejected) == (2, 0)
    assert set(listed(broadcaster)) == {"+6281200000001", "+551187654321"}


def test_a_long_file_is_stored_in_chunks_and_each_is_announced(
    broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blacklist_service, "MOST_AT_ONCE", 2)
    monkeypatch.setattr(blacklist_service, "SHOWN_REJECTIONS", 3)
    announced: list[Announcement] = []
    monkeypatch.setattr(blacklist_service, "announce", lambda _client, _keys, news: announced.append(news))
    rows = "".join(f"0812{place:08d}\nx{place}\n" for place in range(5))

    report = broadcaster.blacklist.add_file(upload(broadcaster, "HP\n" + rows))

    assert (report.rows, report.added, report.rejected) == (10, 5, 5)
    assert (sum(report.reasons.values()), [row.row for row in report.rejections]) == (5, [3, 5, 7])
    assert [number for news in announced for number in news.numbers] == [f"+62812{place:08d}" for place in range(5)]
    assert {len(news.numbers) for news in announced} == {1}


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        pytest.param({"mapping": {"A": "number"}, "region": "vn"}, {"+84912345678"}, id="mapping-and-region"),
        pytest.param({"mapping": {"2": "number"}, "region": "VN"}, {"+84987654321"}, id="by-place"),
    ],
)
def test_a_mapping_and_a_region_override_the_detection(
    broadcaster: Broadcaster, options: dict[str, Any], numbers: set[str]
) -> None:
    report = broadcaster.blacklist.add_file(upload(broadcaster, "A,B\n0912345678,0987654321\n"), **options)

    assert report.rejected == 0
    assert set(listed(broadcaster)) == numbers


def test_a_file_may_concern_one_connection(broadcaster: Broadcaster) -> None:
    broadcaster.blacklist.add_file(upload(broadcaster, FILE), connection="sandbox")

    assert {entry.connection for entry in broadcaster.blacklist.list().items} == {"sandbox"}


def test_the_numbers_before_a_fault_of_a_file_are_listed(broadcaster: Broadcaster) -> None:
    rows = "".join(f"0812{place:08d},a\n" for place in range(60))

    report = broadcaster.blacklist.add_file(upload(broadcaster, f'HP,x\n{rows}"cut,'))

    assert (report.added, report.rows) == (60, 60)
    assert "row 62" in str(report.reason)


@pytest.mark.parametrize(
    ("file", "options", "error"),
    [
        pytest.param("", {}, FileError, id="empty"),
        pytest.param("Nama;Kota\nBudi;Solo\n", {}, FileError, id="no-numbers"),
        pytest.param(FILE, {"region": "XX"}, InvalidInputError, id="region"),
        pytest.param(FILE, {"mapping": {"gone": "number"}}, FileError, id="mapping"),
        pytest.param(FILE, {"connection": "gone"}, NotFoundError, id="connection"),
    ],
)
def test_an_invalid_file_or_option_lists_no_number(
    broadcaster: Broadcaster, file: str, options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        broadcaster.blacklist.add_file(upload(broadcaster, file), **options)

    assert listed(broadcaster) == {}


def test_a_missing_upload_is_not_found(broadcaster: Broadcaster) -> None:
    with pytest.raises(NotFoundError):
        broadcaster.blacklist.add_file("gone")


# --- history ---------------------------------------------------------------------------------------------------


def test_the_history_of_a_number_has_actor_action_and_time(broadcaster: Broadcaster) -> None:
    broadcaster.blacklist.add("081200000001", reason="asked: by mail", actor="dewi")
    broadcaster.blacklist.add("081200000001", reason="again")
    broadcaster.blacklist.add("081200000001", reason="here", connection="sandbox")
    broadcaster.blacklist.remove("081200000001", actor="sari")
    for other in ("+628120000000", "+62812000000012", "+6281200000002"):
        broadcaster.blacklist.add(other)

    acts = broadcaster.blacklist.history("0812-0000-0001")

    assert [(act.act, act.actor, act.connection, act.reason) for act in acts[:2]] == [
        ("opt_out", "dewi", None, "asked: by mail"),
        ("opt_out", "api", "sandbox", "here"),
    ]
    assert {(act.act, act.actor, act.connection, act.reason) for act in acts[2:]} == {
        ("opt_in", "sari", None, None),
        ("opt_in", "sari", "sandbox", None),
    }
    assert len(acts) == 4
    assert all(abs((act.at - datetime.now(UTC)).total_seconds()) < 60 for act in acts)


def test_a_number_that_was_never_listed_has_no_history(broadcaster: Broadcaster) -> None:
    assert broadcaster.blacklist.history("081200000001") == []

    with pytest.raises(NumberError):
        broadcaster.blacklist.history("%")


def test_a_number_is_allowed_again_with_a_reason_and_older_stop_words_stay_ended(broadcaster: Broadcaster) -> None:
    broadcaster.blacklist.add("081200000001", reason="asked by phone")
    assert [entry.reason for entry in broadcaster.blacklist.entries("0812-0000-0001")] == ["asked by phone"]

    broadcaster.blacklist.remove("081200000001", reason="signed the form", actor="dewi")

    assert broadcaster.blacklist.entries("081200000001") == []
    assert [(act.act, act.reason) for act in broadcaster.blacklist.history("081200000001")] == [
        ("opt_out", "asked by phone"),
        ("opt_in", "signed the form"),
    ]
    with broadcaster.context.database.read() as conn:
        assert blacklist_store.was_opted_in(conn, "+6281200000001", after=0)
        assert not blacklist_store.was_opted_in(conn, "+628120000000", after=0)


def test_a_dry_run_of_a_file_counts_as_the_import_and_stores_nothing(
    broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blacklist_service, "MOST_AT_ONCE", 2)
    broadcaster.blacklist.add("081200000002", reason="before")
    key = upload(broadcaster, FILE)

    tried = broadcaster.blacklist.add_file(key, dry_run=True)

    assert set(listed(broadcaster)) == {"+6281200000002"}
    assert tried == broadcaster.blacklist.add_file(key)
    short = broadcaster.blacklist.add_file(key, dry_run=True, seconds=-1)
    assert (short.whole, short.rows) == (False, 2)


def test_the_last_message_before_an_opt_out_may_be_its_cause(broadcaster: Broadcaster) -> None:
    harness = StoreHarness(broadcaster.context.database)
    harness.clear()
    for number in ("+6281200000001", "+6281200000002"):
        broadcaster.blacklist.add(number)
    listed_at = broadcaster.blacklist.entries("+6281200000001")[0].created_at.timestamp()
    for job_id, sent_at in {
        "early": listed_at - 9,
        "last": listed_at - 1,
        "waits": None,
        "later": listed_at + 9,
    }.items():
        insert_message(harness, job_id, "+6281200000001", sent_at=sent_at)

    found = broadcaster.blacklist.last_messages(["+6281200000001", "+6281200000002", "+6281200000003"])

    assert {number: (last.job_id, last.message_id) for number, last in found.items()} == {
        "+6281200000001": ("last", "last-3")
    }


def insert_message(harness: StoreHarness, job_id: str, number: str, *, sent_at: float | None) -> None:
    """Store a message at place 3 of a new broadcast."""
    broadcast_id = harness.add_broadcast(job_id=job_id)
    key = message_key(broadcast_id, 3)
    row = NewMessage(key, broadcast_id, 0, 0, "sent", number, None, None, None, None, None)
    with harness.database.write() as conn:
        insert_messages(conn, [row])
        conn.execute(update(messages).where(messages.c.id == key).values(sent_at=sent_at))
