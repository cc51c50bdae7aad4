"""The use cases of contacts and opt-outs, on both stores."""

import json

import pytest

from tests.waiting import wait_for
from wabroadcast_core import InvalidInputError, NotFoundError, NumberError
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.testing.gateway import Gateway
from wabroadcast_core.worker import Worker


def test_a_contact_is_created_then_changed_in_part(broadcaster: Broadcaster) -> None:
    made = broadcaster.contacts.save(
        {
            "number": "0812-3456-7890",
            "name": "Budi",
            "tags": ["vip", " vip "],
            "variables": {"poin": 7, "kosong": None},
        },
        actor="dewi",
    )
    changed = broadcaster.contacts.save({"number": "+6281234567890", "variables": {"kota": "Solo"}})

    assert (made.number, made.name, made.tags, made.source) == ("+6281234567890", "Budi", ["vip"], "dewi")
    assert made.variables == {"poin": 7, "kosong": None}
    assert (changed.name, changed.tags, changed.variables) == ("Budi", ["vip"], {"kota": "Solo"})
    assert changed.created_at == made.created_at
    assert broadcaster.contacts.get("081234567890") == changed
    assert broadcaster.contacts.save({"number": "081234567890", "name": None, "tags": []}).tags == []
    assert broadcaster.contacts.get("081234567890").name is None


def test_names_tags_and_variables_are_cleaned_as_in_a_file(broadcaster: Broadcaster) -> None:
    contact = broadcaster.contacts.save(
        {"number": "081234567890", "name": " Budi ", "tags": ["* vip"], "variables": {" No.  Kamar ": " 12 "}}
    )

    assert (contact.name, contact.tags, contact.variables) == ("Budi", ["vip"], {"No. Kamar": " 12 "})
    assert broadcaster.contacts.save({"number": "081234567890", "name": "  "}).name is None


def test_characters_that_no_database_stores_are_replaced(broadcaster: Broadcaster) -> None:
    for name in ("Budi", "Bu\0di"):  # created, then changed
        contact = broadcaster.contacts.save({"number": "081234567890", "name": name, "variables": {"a": "x\0y"}})
    report = broadcaster.contacts.import_file(broadcaster.uploads.save([b"HP,Kota\n081234567890,Solo\n"]).upload_id)

    assert contact.name == "Bu\N{REPLACEMENT CHARACTER}di"
    assert (report.updated, report.rejected) == (1, 0)
    assert broadcaster.contacts.get("081234567890").variables == {"a": "x\N{REPLACEMENT CHARACTER}y", "kota": "Solo"}


def test_upsert_returns_whether_the_contact_is_new(broadcaster: Broadcaster) -> None:
    saved = [broadcaster.contacts.upsert({"number": number})[1] for number in ("081234567890", "+6281234567890")]

    assert saved == [True, False]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"number": "12"}, id="number"),
        pytest.param({"number": "081234567890", "tags": [" "]}, id="empty-tag"),
        pytest.param({"number": "081234567890", "tags": ["x" * 101]}, id="long-tag"),
        pytest.param({"number": "081234567890", "tags": ["a, b"]}, id="two-tags-in-one"),
        pytest.param({"number": "081234567890", "tags": ["a\tb"]}, id="control-character-in-a-tag"),
        pytest.param({"number": "081234567890", "variables": {"name": "x"}}, id="variable-called-name"),
        pytest.param({"number": "081234567890", "variables": {" ": "x"}}, id="variable-without-a-name"),
        pytest.param({"number": "081234567890", "variables": {"a\0b": "x"}}, id="control-character-in-a-variable"),
        pytest.param({"number": "081234567890", "nama": "Budi"}, id="unknown-field"),
    ],
)
def test_an_invalid_contact_is_refused(broadcaster: Broadcaster, fields: dict[str, object]) -> None:
    with pytest.raises((InvalidInputError, NumberError)):
        broadcaster.contacts.save(fields)

    assert broadcaster.contacts.list().total == 0


def test_a_deleted_contact_is_gone(broadcaster: Broadcaster) -> None:
    broadcaster.contacts.save({"number": "081234567890", "tags": ["vip"]})

    broadcaster.contacts.delete("0812 3456 7890")

    assert broadcaster.contacts.list().items == []
    assert [(tag.name, tag.contacts) for tag in broadcaster.tags.list()] == [("vip", 0)]
    for gone in ("+6281234567890", "no number"):
        with pytest.raises(NotFoundError):
            broadcaster.contacts.delete(gone)


def test_contacts_are_listed_as_the_api_shows_them(broadcaster: Broadcaster) -> None:
    broadcaster.contacts.save({"number": "081234567890", "name": "Budi", "tags": ["vip"]})

    page = json.loads(broadcaster.contacts.list(tag="vip", query="bud").model_dump_json())

    assert page["total"] == page["page"] == 1
    assert set(page["items"][0]) == {"number", "name", "tags", "variables", "source", "createdAt", "updatedAt"}


# --- opt-outs --------------------------------------------------------------------------------------------------


def test_blocking_lists_a_number_once_with_its_first_reason(broadcaster: Broadcaster) -> None:
    first = broadcaster.blacklist.add("0812-3456-7890", reason="asked by phone", actor="dewi")
    again = broadcaster.blacklist.add("+6281234567890", reason="other")

    assert (first.number, first.connection, first.reason, first.source) == (
        "+6281234567890", None, "asked by phone", "dewi",
    )  # fmt: skip
    assert again == first
    assert broadcaster.blacklist.list(query="3456").items == [first]
    assert broadcaster.blacklist.list(query="999").items == []


def test_an_entry_for_one_connection_is_separate_from_one_for_all(broadcaster: Broadcaster) -> None:
    broadcaster.blacklist.add("081234567890", connection="sandbox")
    broadcaster.blacklist.add("081234567890")
    assert {entry.connection for entry in broadcaster.blacklist.list().items} == {None, "sandbox"}

    broadcaster.blacklist.remove("081234567890", connection="sandbox")
    assert {entry.connection for entry in broadcaster.blacklist.list().items} == {None}

    broadcaster.blacklist.remove("081234567890")
    assert broadcaster.blacklist.list().total == 0
    with pytest.raises(NotFoundError) as caught:
        broadcaster.blacklist.remove("081234567890")
    assert "81234567890" not in str(caught.value)


def test_blocking_on_a_missing_connection_adds_no_entry(broadcaster: Broadcaster) -> None:
    with pytest.raises(NotFoundError):
        broadcaster.blacklist.add("081234567890", connection="gone")

    assert broadcaster.blacklist.list().total == 0


def test_many_numbers_are_blocked_together_or_not_at_all(broadcaster: Broadcaster) -> None:
    numbers = [f"0812{place:08d}" for place in range(12_000)]

    with pytest.raises(InvalidInputError) as caught:
        broadcaster.blacklist.add_many([*numbers, "12"])
    assert [fault.path for fault in caught.value.faults] == ["numbers.12000"]
    assert broadcaster.blacklist.list().total == 0

    assert broadcaster.blacklist.add_many([*numbers, numbers[0]]) == 12_000
    assert broadcaster.blacklist.add_many(numbers[:5]) == 0
    assert broadcaster.blacklist.list(page=240, page_size=50).total == 12_000


def test_whatsapp_ids_outside_the_number_plans_can_be_blocked(broadcaster: Broadcaster) -> None:
    assert broadcaster.blacklist.add("+551187654321").number == "+551187654321"

    broadcaster.blacklist.remove("+551187654321")

    with pytest.raises(NumberError):
        broadcaster.blacklist.add("not a number")


def test_a_person_who_opts_out_while_a_broadcast_runs_gets_no_message(
    broadcaster: Broadcaster, worker: Worker, gateway: Gateway
) -> None:
    limits = {"rate": {"messages": 20, "perSeconds": 1}}
    broadcaster.connections.save("main", {"sender": "gateway", "settings": {"url": gateway.url}, **limits})
    people = [{"number": f"0812{place:08d}"} for place in range(60)]
    message = {"type": "text", "text": "Halo"}
    job = broadcaster.submit({"name": "Promo", "connection": "main", "message": message}, people)
    wait_for(gateway.arrivals, what="the first message")

    late = [person["number"] for person in people[40:]]
    broadcaster.blacklist.add_many(late)
    wait_for(lambda: broadcaster.status(job.job_id).status == "completed", what="completion")

    reached = {arrival.number for arrival in gateway.arrivals()}
    assert reached == {f"+62812{place:08d}" for place in range(40)}
    assert broadcaster.status(job.job_id).skipped_by == {"blacklisted": 20}


def test_a_person_who_is_erased_while_a_broadcast_runs_gets_no_message(
    broadcaster: Broadcaster, worker: Worker, gateway: Gateway
) -> None:
    limits = {"rate": {"messages": 40, "perSeconds": 1}}
    broadcaster.connections.save("main", {"sender": "gateway", "settings": {"url": gateway.url}, **limits})
    people = [{"number": f"0812{place:08d}"} for place in range(160)]
    message = {"type": "text", "text": "Halo"}
    job_id = broadcaster.submit({"name": "Promo", "connection": "main", "message": message}, people).job_id
    wait_for(gateway.arrivals, what="the first message")
    wait_for(lambda: broadcaster.status(job_id).prepared, what="the end of the audience")

    for person in people[150:]:
        broadcaster.contacts.erase(person["number"])
    wait_for(lambda: broadcaster.status(job_id).status == "completed", what="completion")

    assert {arrival.number for arrival in gateway.arrivals()} == {f"+62812{place:08d}" for place in range(150)}
    counts = broadcaster.status(job_id).counts
    assert (counts.sent, counts.cancelled) == (150, 10)
    erased = broadcaster.messages(job_id, reason="erased").items
    assert [(view.number, view.status) for view in erased] == [("", "cancelled")] * 10


def test_contacts_by_tag_are_an_audience(broadcaster: Broadcaster, worker: Worker, gateway: Gateway) -> None:
    broadcaster.connections.save("main", {"sender": "gateway", "settings": {"url": gateway.url}})
    for place, tags in enumerate((["vip"], ["vip", "lama"], ["lama"])):
        broadcaster.contacts.save({"number": f"0812{place:08d}", "name": f"Orang {place}", "tags": tags})

    job = broadcaster.submit(
        {
            "name": "Promo",
            "connection": "main",
            "message": {"type": "text", "text": "Halo {{ name }}"},
            "source": {"type": "contacts", "tags": ["vip"]},
        }
    )
    wait_for(lambda: broadcaster.status(job.job_id).status == "completed", what="completion")

    assert {arrival.text for arrival in gateway.arrivals()} == {"Halo Orang 0", "Halo Orang 1"}


def test_an_empty_audience_is_no_error(broadcaster: Broadcaster) -> None:
    source = {"type": "contacts", "tags": ["gone"], "match": "all", "without": ["vip"]}
    message = {"type": "text", "text": "Halo"}
    job_id = broadcaster.submit({"name": "Promo", "message": message, "source": source}).job_id

    broadcaster.handlers.prepare(1)

    assert (broadcaster.status(job_id).status, broadcaster.status(job_id).total) == ("completed", 0)
