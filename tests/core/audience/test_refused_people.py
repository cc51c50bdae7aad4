"""A person who says no in one row of a file gets no message, whatever another row with the same number says."""

import pytest

from tests.core.audience.test_prepare import prepared
from wabroadcast_core.broadcaster import Broadcaster

HEADER = b"Nama,HP,Opted out\n"
YES, NO, SECOND_YES = b"Budi,081295000001,\n", b"Budi,+62 812-9500-0001,Ya\n", b"Budi,0812 9500 0001,\n"
OTHER = b"Ani,081295000002,\n"
BUDI, ANI = "+6281295000001", "+6281295000002"

IN_ANY_ORDER = pytest.mark.parametrize(
    "rows",
    [
        pytest.param([NO, OTHER, YES], id="no first"),
        pytest.param([YES, OTHER, NO], id="no last"),
        pytest.param([YES, NO, OTHER, SECOND_YES], id="no between"),
    ],
)
CHUNKS = pytest.mark.parametrize("chunk", [1, 2, 5_000])


@IN_ANY_ORDER
@CHUNKS
def test_no_message_is_left_for_a_person_who_says_no_in_another_row(
    broadcaster: Broadcaster, rows: list[bytes], chunk: int
) -> None:
    broadcaster.settings.prepare_chunk = chunk

    job_id = prepared(broadcaster, HEADER + b"".join(rows))

    found = broadcaster.messages(job_id).items
    assert [item.number for item in found if item.status == "queued"] == [ANI]
    status = broadcaster.status(job_id)
    assert (status.total, status.counts.queued, status.counts.skipped) == (len(rows), 1, len(rows) - 1)
    assert sum(status.skipped_by.values()) == len(rows) - 1
    assert status.skipped_by["no_consent"] >= 2
    assert sorted(item.reason or "" for item in found if item.status == "skipped") == sorted(
        reason for reason, amount in status.skipped_by.items() for _ in range(amount)
    )


def test_a_skipped_row_says_which_column_says_no(broadcaster: Broadcaster) -> None:
    job_id = prepared(broadcaster, HEADER + NO + OTHER + YES)

    found = broadcaster.messages(job_id).items

    assert [(item.number, item.name, item.detail) for item in found] == [
        (BUDI, "Budi", "Opted out: no consent: this column of the file says no"),
        (ANI, "Ani", None),
        (BUDI, "Budi", "no consent: another row with this number says no"),
    ]


@IN_ANY_ORDER
@pytest.mark.parametrize("chunk", [2, 5_000])
def test_no_contact_is_imported_who_says_no_in_another_row(
    broadcaster: Broadcaster, rows: list[bytes], chunk: int
) -> None:
    broadcaster.settings.prepare_chunk = chunk
    upload_id = broadcaster.uploads.save([HEADER + b"".join(rows)], filename="people.csv").upload_id

    report = broadcaster.contacts.import_file(upload_id)

    refused_later = rows[0] == YES and chunk == 2 and rows[1] != NO  # what was stored before stays
    imported = {contact.number for contact in broadcaster.contacts.list().items}
    assert imported == ({BUDI, ANI} if refused_later else {ANI})
    assert report.created + report.updated + report.rejected == report.rows == len(rows)


def test_a_person_who_said_no_is_found_and_erased_by_the_number(broadcaster: Broadcaster) -> None:
    job_id = prepared(broadcaster, HEADER + NO + OTHER)

    assert [item.number for item in broadcaster.messages(job_id, query="0812-9500-0001").items] == [BUDI]
    assert [item.job_id for item in broadcaster.messages_to("081295000001").items] == [job_id]
    report = b"".join(broadcaster.report(job_id)).decode()
    assert "'+6281295000001" not in report

    broadcaster.contacts.erase("081295000001")

    assert [item.number for item in broadcaster.messages(job_id).items] == ["", ANI]
    assert broadcaster.messages_to("081295000001").items == []
