"""Notes about a connection that are only shown: the last webhook calls of its provider, and its last test.

Nothing depends on them, so Redis has them, not the store: without Redis they are not known.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import redis

from wabroadcast_core.keys import Keys
from wabroadcast_core.sentences import Sentence, pack_sentence, storable, unpack_sentence

KEPT_SECONDS: Final = 90 * 86400
LONGEST_TEXT: Final = 500  # characters: a provider's words may be of any length
LONGEST_SENTENCE: Final = 4_000  # characters of a sentence as it is stored; of a longer one, only the text is


@dataclass(frozen=True, slots=True)
class ConnectionNotes:
    """What is noted of one connection. Times are UNIX seconds; None: there was no such event, or long ago.

    :param called_at: when a webhook call passed its check.
    :param refused_at: when a webhook call was refused.
    :param refusal: why it was refused.
    :param tested_at: when the connection was tested.
    :param test_state: what the test found: ``up``, ``down`` or ``unknown``.
    :param test_reason: what the provider reported then.
    """

    called_at: float | None = None
    refused_at: float | None = None
    refusal: str = ""
    tested_at: float | None = None
    test_state: str = ""
    test_reason: str = ""


NO_NOTES: Final = ConnectionNotes()


def write_notes(client: redis.Redis, keys: Keys, connection_id: int, notes: ConnectionNotes) -> None:
    """Write the notes that are set; the others stay.

    :raises redis.RedisError: Redis cannot be reached.
    """
    noted = {name: _noted(value) for name, value in asdict(notes).items() if value not in {None, ""}}
    given: dict[Any, Any] = {name: text.encode(errors="replace") for name, text in noted.items()}
    key = keys.connection_notes(connection_id)
    with client.pipeline() as pipeline:
        pipeline.hset(key, mapping=given)
        pipeline.expire(key, KEPT_SECONDS)
        pipeline.execute()


def read_notes(client: redis.Redis, keys: Keys, connection_ids: Sequence[int]) -> dict[int, ConnectionNotes]:
    """Return the notes of connections, by id.

    :raises redis.RedisError: Redis cannot be reached.
    """
    with client.pipeline(transaction=False) as pipeline:
        for key in connection_ids:
            pipeline.hgetall(keys.connection_notes(key))
        found = pipeline.execute()
    return {key: _notes_of(fields) for key, fields in zip(connection_ids, found, strict=True)}


def forget_test(client: redis.Redis, keys: Keys, connection_id: int) -> None:
    """Forget the last test of a connection, whose account may be another one now.

    :raises redis.RedisError: Redis cannot be reached.
    """
    client.hdel(keys.connection_notes(connection_id), "tested_at", "test_state", "test_reason")


def forget_notes(client: redis.Redis, keys: Keys, connection_id: int) -> None:
    """Forget all that is noted of a connection, whose id another one may get.

    :raises redis.RedisError: Redis cannot be reached.
    """
    client.delete(keys.connection_notes(connection_id))


def _noted(value: float | str) -> str:
    """Return a value as it is stored: a sentence with its code and values, unless it is of no bounded length."""
    if not isinstance(value, str):
        return str(value)
    if isinstance(value, Sentence) and len(packed := pack_sentence(value)) <= LONGEST_SENTENCE:
        return packed
    return storable(str(value)[:LONGEST_TEXT])


def _notes_of(fields: dict[bytes, bytes]) -> ConnectionNotes:
    texts = {name.decode(): value.decode() for name, value in fields.items()}
    values = {name: texts[name] for name in ConnectionNotes.__slots__ if name in texts}
    return ConnectionNotes(**{name: _read(name, text) for name, text in values.items()})


def _read(name: str, text: str) -> Any:
    return float(text) if name.endswith("_at") else unpack_sentence(text)
