"""The activity, on each database: what acts concern, filters, and pages whose acts have the same time."""

import csv
import io

import pytest

from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import InvalidInputError
from wabroadcast_core.models.activity import ActObject
from wabroadcast_core.store import audit_log


@pytest.fixture
def acted(broadcaster: Broadcaster) -> Broadcaster:
    """A broadcaster with five acts at one moment, on three kinds of objects."""
    broadcaster.connections.pause("sandbox", actor="boss")
    with broadcaster.context.database.write() as conn:
        for name in ("a", "b", "c"):
            audit_log.record_action(
                conn, action="delete", actor="shop", now=1_000_000_000.0000007, other=ActObject.TAG, object_id=name
            )
    broadcaster.blacklist.add("0812-1111-2222", connection="sandbox", reason="asked", actor="shop")
    return broadcaster


def test_each_act_names_its_object(acted: Broadcaster) -> None:
    items = acted.activity.list().items

    assert [(item.object, item.action, item.object_id, item.actor, item.detail) for item in items] == [
        ("blacklist", "opt_out", "+6281211112222", "shop", "asked"),
        ("connection", "pause", "sandbox", "boss", None),
        ("tag", "delete", "c", "shop", None),
        ("tag", "delete", "b", "shop", None),
        ("tag", "delete", "a", "shop", None),
    ]


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_have_each_act_once(acted: Broadcaster, limit: int) -> None:
    page = acted.activity.list(limit=limit)
    found = list(page.items)
    while page.next_cursor is not None:
        page = acted.activity.list(cursor=page.next_cursor, limit=limit)
        found += page.items

    assert found == acted.activity.list().items


def test_the_time_that_is_shown_selects_its_act(acted: Broadcaster) -> None:
    moment = acted.activity.list(object="tag").items[0].at.isoformat()

    assert len(acted.activity.list(since=moment).items) == 5
    assert acted.activity.list(until=moment).items == []


def test_a_deleted_connection_keeps_its_name_and_its_blacklist_its_numbers(acted: Broadcaster) -> None:
    acted.connections.save("mine", {"sender": "sandbox"}, actor="boss")
    acted.connections.delete("mine", actor="boss")
    acted.connections.delete("sandbox", actor="boss")

    assert [item.action for item in acted.activity.list(object_id="mine").items] == ["delete", "save"]
    assert [item.action for item in acted.activity.list(object_id="sandbox").items] == ["delete", "pause"]
    assert len(acted.activity.list(object="blacklist").items) == 1


def test_the_export_has_a_row_for_each_act(acted: Broadcaster) -> None:
    text = b"".join(acted.activity.export(actor="shop")).decode("utf-8-sig")

    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["objectId"] for row in rows] == ["'+6281211112222", "c", "b", "a"]


def test_a_time_without_an_offset_is_refused(acted: Broadcaster) -> None:
    with pytest.raises(InvalidInputError, match="since"):
        acted.activity.export(since="2026-01-01T00:00:00")
