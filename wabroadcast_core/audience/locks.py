"""Work that one process at a time does: under a lock that lasts as long as the work."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import redis
from redis.lock import Lock


@contextmanager
def held_alone(client: redis.Redis, key: str, *, seconds: float) -> Iterator[bool]:
    """Hold a lock for the block, or until this process dies.

    :param seconds: how long it lasts without us.
    :returns: whether it is ours; otherwise somebody else has it.
    :raises redis.RedisError: Redis is away.
    """
    lock = client.lock(key, timeout=seconds, blocking=False, thread_local=False)  # another thread renews it
    if not lock.acquire():
        yield False
        return
    try:
        with renewed(lock, seconds=seconds):
            yield True
    finally:
        with suppress(redis.RedisError):  # it runs out by itself
            lock.release()


@contextmanager
def renewed(lock: Lock, *, seconds: float) -> Iterator[None]:
    """Renew a lock that is held, from a thread of its own, until the block ends or this process dies.

    :param lock: made without ``thread_local``.
    :param seconds: how long it lasts without us.
    """
    ended = threading.Event()
    renewing = threading.Thread(target=_renew, args=(lock, ended, seconds), name="wabroadcast-lock", daemon=True)
    renewing.start()
    try:
        yield
    finally:
        ended.set()
        renewing.join()


def _renew(lock: Lock, ended: threading.Event, seconds: float) -> None:
    while not ended.wait(seconds / 3):
        with suppress(redis.RedisError):  # should somebody else have it now, the mark of what was read decides
            lock.extend(seconds, replace_ttl=True)
