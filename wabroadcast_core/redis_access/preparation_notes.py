"""Notes on why the preparation of a broadcast was put off, which are only shown.

Nothing depends on them, so Redis has them, not the store: without Redis they are not known until the next try.
"""

import json
from dataclasses import asdict, dataclass
from typing import Final

import redis

from wabroadcast_core.keys import Keys

KEPT_SECONDS: Final = 3600
LONGEST_TEXT: Final = 500  # characters: a plugin's words may be of any length


@dataclass(frozen=True, slots=True)
class PutOff:
    """Why a preparation was put off.

    :param code: of the error, such as ``blacklist_away``.
    :param detail: its text, which names the plugin.
    :param retry_at: when the preparation is tried again, about (UNIX seconds).
    """

    code: str
    detail: str
    retry_at: float


def write_put_off(client: redis.Redis, keys: Keys, broadcast_id: int, note: PutOff) -> None:
    """Note why a preparation was put off.

    :raises redis.RedisError: Redis cannot be reached.
    """
    shown = asdict(note) | {"detail": note.detail[:LONGEST_TEXT].encode(errors="replace").decode()}
    client.set(keys.put_off(broadcast_id), json.dumps(shown), ex=KEPT_SECONDS)


def read_put_off(client: redis.Redis, keys: Keys, broadcast_id: int) -> PutOff | None:
    """Return why the last try of a preparation was put off; None if it was not.

    :raises redis.RedisError: Redis cannot be reached.
    """
    found = client.get(keys.put_off(broadcast_id))
    return None if found is None else PutOff(**json.loads(found))


def forget_put_off(client: redis.Redis, keys: Keys, broadcast_id: int) -> None:
    """Forget why a preparation was put off: it goes on.

    :raises redis.RedisError: Redis cannot be reached.
    """
    client.delete(keys.put_off(broadcast_id))
