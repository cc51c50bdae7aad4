"""API keys: made, listed and revoked; known to a process for a moment; uses recorded rarely."""

from typing import Any

import pytest
from sqlalchemy import select

from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import ConflictError, InvalidInputError, NotFoundError
from wabroadcast_core.services.api_keys import digest_key
from wabroadcast_core.services.known_keys import USE_SECONDS, KnownKeys
from wabroadcast_core.store.tables import api_keys


class SettableClock:
    """A clock that a test sets."""

    def __init__(self, now: float) -> None:
        self.time = now

    def now(self) -> float:
        return self.time


def create(broadcaster: Broadcaster, name: str = "shop", *scopes: str) -> str:
    return broadcaster.api_keys.create({"name": name, "scopes": list(scopes or ("read",))}, actor="boss").key


def test_a_key_has_the_prefix_and_256_bits_and_is_stored_as_a_digest(broadcaster: Broadcaster) -> None:
    key, other = create(broadcaster), create(broadcaster, "other")

    with broadcaster.context.database.read() as conn:
        rows = conn.execute(select(api_keys).order_by(api_keys.c.id)).mappings().all()
    assert key.startswith("wab_")
    assert len(bytes.fromhex(key.removeprefix("wab_"))) == 32
    assert key != other
    assert rows[0]["digest"] == digest_key(key)
    assert key.removeprefix("wab_") not in str([dict(row) for row in rows])


def test_the_list_has_all_of_a_key_but_the_key(broadcaster: Broadcaster) -> None:
    key = create(broadcaster, "shop", "operate", "read")

    [shown] = broadcaster.api_keys.list()

    assert (shown.name, shown.scopes, shown.created_by) == ("shop", ["read", "operate"], "boss")
    assert key.startswith(shown.start)
    assert len(shown.start) == 10
    assert (shown.last_used_at, shown.revoked_at) == (None, None)
    assert "key" not in shown.model_dump()


def test_the_name_of_a_key_is_taken_until_the_key_is_revoked(broadcaster: Broadcaster) -> None:
    create(broadcaster)
    with pytest.raises(ConflictError, match="there is a key 'shop' already"):
        create(broadcaster)

    broadcaster.api_keys.revoke("shop")
    create(broadcaster)

    assert [key.revoked_at is None for key in broadcaster.api_keys.list(revoked=True)] == [False, True]
    assert len(broadcaster.api_keys.list()) == 1


def test_a_key_that_is_unknown_or_revoked_cannot_be_revoked(broadcaster: Broadcaster) -> None:
    create(broadcaster)
    broadcaster.api_keys.revoke("shop")

    for name in ("shop", "none"):
        with pytest.raises(NotFoundError):
            broadcaster.api_keys.revoke(name)


@pytest.mark.parametrize(
    ("draft", "path"),
    [
        pytest.param({"name": "", "scopes": ["read"]}, "name", id="empty-name"),
        pytest.param({"name": "a/b", "scopes": ["read"]}, "name", id="slash"),
        pytest.param({"name": " a", "scopes": ["read"]}, "name", id="blank-first"),
        pytest.param({"name": "a\n", "scopes": ["read"]}, "name", id="line-end"),
        pytest.param({"name": "x" * 64, "scopes": ["read"]}, "name", id="long-name"),
        pytest.param({"name": "engine", "scopes": ["read"]}, "name", id="actor-of-the-engine"),
        pytest.param({"name": "API", "scopes": ["read"]}, "name", id="actor-without-key"),
        pytest.param({"name": "9820c1", "scopes": ["read"]}, "name", id="actor-of-a-key-of-the-settings"),
        pytest.param({"name": "a", "scopes": []}, "scopes", id="no-scope"),
        pytest.param({"name": "a"}, "scopes", id="missing-scopes"),
        pytest.param({"name": "a", "scopes": ["write"]}, "scopes.0", id="unknown-scope"),
    ],
)
def test_a_draft_that_is_not_valid_is_refused(broadcaster: Broadcaster, draft: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        broadcaster.api_keys.create(draft)

    assert [fault.path for fault in refused.value.faults] == [path]
    assert broadcaster.api_keys.list() == []


def test_keys_are_recalled_for_a_moment_and_forgotten_after_a_change(broadcaster: Broadcaster) -> None:
    known = broadcaster.known_keys
    assert known.read().by_digest == {}

    key = create(broadcaster)

    assert known.recall(seconds=60) is None
    assert [entry.name for entry in known.read().by_digest.values()] == ["shop"]
    recalled = known.recall(seconds=60)
    assert recalled is not None
    assert digest_key(key) in recalled.by_digest
    assert known.recall(seconds=0) is None


def test_a_revoked_key_is_not_known_but_the_store_has_had_one(broadcaster: Broadcaster) -> None:
    assert not broadcaster.known_keys.read().has_any
    create(broadcaster)

    broadcaster.api_keys.revoke("shop")

    snapshot = broadcaster.known_keys.read()
    assert (dict(snapshot.by_digest), snapshot.has_any) == ({}, True)


def test_a_use_is_written_at_most_once_a_minute_over_all_processes(broadcaster: Broadcaster) -> None:
    key, clock = create(broadcaster), SettableClock(1_000.0)
    processes = [KnownKeys(broadcaster.context.database, clock) for _ in range(2)]

    written = []
    for clock.time in (1_000.0, 1_030.0, 1_059.0, 1_060.0, 1_060.0 + USE_SECONDS):
        for process in processes:
            if process.note_use(process.read().by_digest[digest_key(key)]):
                process.write_uses()
        [shown] = broadcaster.api_keys.list()
        assert shown.last_used_at is not None
        written.append(shown.last_used_at.timestamp())

    assert written == [1_000.0, 1_000.0, 1_000.0, 1_060.0, 1_120.0]
