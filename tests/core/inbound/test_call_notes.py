"""The last webhook calls of a connection are noted, each kind every few seconds at most."""

import logging
from contextlib import closing

import pytest
import redis

from tests.core.fakes import FakeClock
from wabroadcast_core.inbound.call_notes import AWAY_SECONDS, CallNotes
from wabroadcast_core.keys import Keys
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.redis_access.connection_notes import (
    LONGEST_SENTENCE,
    LONGEST_TEXT,
    NO_NOTES,
    ConnectionNotes,
    read_notes,
    write_notes,
)
from wabroadcast_core.sentences import Sentence, code_of

KEYS = Keys("call-notes")


def test_calls_and_refusals_are_noted_apart_and_seldom(own_valkey: EmbeddedValkey) -> None:
    clock, seen = FakeClock(), []
    start = clock.now()
    with closing(redis.Redis.from_url(own_valkey.url)) as client:
        notes = CallNotes(client, KEYS, clock)
        for _ in range(3):
            notes.add(1)
            notes.add(1, refusal="\ud800" + "r" * 1_000)
            notes.write()
            seen.append(read_notes(client, KEYS, [1, 2]))
            clock.move(3.0)
        is_kept_for_good = client.ttl(KEYS.connection_notes(1)) < 0

    assert [found[1].called_at for found in seen] == [start, start, start + 6.0]
    assert [found[1].refused_at for found in seen] == [start, start, start + 6.0]
    assert seen[0][1].refusal == "?" + "r" * (LONGEST_TEXT - 1)
    assert seen[0][2] == NO_NOTES
    assert not is_kept_for_good


def test_the_words_of_a_test_stay_a_sentence_unless_they_are_very_long(own_valkey: EmbeddedValkey) -> None:
    short, long = (Sentence("said", "it says {words}", words="w" * length) for length in (9, LONGEST_SENTENCE))
    with closing(redis.Redis.from_url(own_valkey.url)) as client:
        for key, reason in enumerate((short, long, "as typed \x1e["), start=1):
            write_notes(client, KEYS, key, ConnectionNotes(tested_at=1.0, test_state="up", test_reason=reason))
        found = read_notes(client, KEYS, [1, 2, 3])

    assert found[1].test_reason == short
    assert code_of(found[1].test_reason) == "said"
    assert found[2].test_reason == long[:LONGEST_TEXT]
    assert (found[3].test_reason, code_of(found[3].test_reason)) == ("as typed \ufffd[", None)


def test_notes_are_dropped_while_redis_is_away_and_written_again_later(
    own_valkey: EmbeddedValkey, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    found: list[float | None] = []
    with closing(redis.Redis.from_url(own_valkey.url)) as client:
        notes = CallNotes(client, KEYS, clock)
        own_valkey.stop()
        for seconds in (0.0, AWAY_SECONDS / 2, AWAY_SECONDS):
            clock.move(seconds)
            notes.add(1)
            notes.write()
            if not found:
                own_valkey.start()
            found.append(read_notes(client, KEYS, [1])[1].called_at)

    assert found == [None, None, clock.now()]
    assert [record.levelno for record in caplog.records if "webhook call" in record.message] == [logging.WARNING]
