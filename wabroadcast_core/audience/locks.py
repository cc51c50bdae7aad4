"""Locks in Redis for work that only one process at a time does; each lock lasts as long as the work."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import redis
from redis.lock import Lock


@contextmanager
def exclusive_lock(client: redis.Redis, key: str, *, seconds: float) -> Iterator[bool]:
    """Try to hold a lock for the block, or until this process dies.

    :param seconds: how long the lock lasts after this process has stopped renewing it.
    :returns: whether this process has the lock; if not, another process has it.
    :raises redis.RedisError: Redis cannot be reached.
    """
    lock = client.lock(key, timeout=seconds, blocking=False, thread_local=False)  # another thread renews it
    if not lock.acquire():
        yield False
        return
    try:
        with renewed(lock, seconds=seconds):
            yield True
    finally:
        with suppress(redis.RedisError):  # the lock expires without a release
            lock.release()


@contextmanager
def renewed(lock: Lock, *, seconds: float) -> Iterator[None]:
    """Renew an acquired lock from a separate thread, until the block ends or this process dies.

    :param lock: created with ``thread_local=False``.
    :param seconds: how long the lock lasts after this process has stopped renewing it.
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
        with suppress(redis.RedisError):  # if another process has the lock now, the stored read position protects us
            lock.extend(seconds, replace_ttl=True)
