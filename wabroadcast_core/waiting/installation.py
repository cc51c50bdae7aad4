"""Causes that stop the whole installation: no worker, a Redis or a store that cannot be used."""

import redis
from sqlalchemy import Connection

from wabroadcast_core.context import Context
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.models.base import as_utc
from wabroadcast_core.models.waiting import NoWorker, RedisDown, StoreDown
from wabroadcast_core.redis_access.probe import RedisProbe, describe_failure
from wabroadcast_core.sentence_texts import say
from wabroadcast_core.store import installation as installation_store
from wabroadcast_core.store import workers as worker_store

PROBE_SECONDS = 1.0  # that a probe of the store waits while another process writes


def redis_fault(error: redis.RedisError) -> RedisDown:
    """Return that Redis cannot be used, with the cause and the way out."""
    return RedisDown(reason=describe_failure(error))


def pairing_fault(context: Context) -> RedisDown | None:
    """Return that Redis is not the one of this store; None if it is."""
    if context.pairing.fault is None:
        return None
    return RedisDown(reason=say("redis_of_another_store"))


def missing_worker(context: Context, conn: Connection, *, steady: float, jump: float) -> NoWorker | None:
    """Return that no worker is alive; None if one is, or may be because Redis lost its keys a moment ago.

    :param steady: the present steady time.
    :param jump: by which the wall clock is ahead of it (seconds).
    :raises redis.RedisError: Redis cannot be reached.
    """
    workers = worker_store.open_workers(conn)
    leases = context.redis.mget([context.keys.worker(key) for key in workers]) if workers else []
    ends = [float(lease) for lease in leases if lease is not None]
    if any(end > steady for end in ends) or (len(ends) < len(workers) and not _has_old_keys(context, steady)):
        return None
    last_end = worker_store.last_end(conn)
    known = [end + jump for end in ends] + ([] if last_end is None else [last_end])
    return NoWorker(since=as_utc(max(known, default=None)))


def _has_old_keys(context: Context, steady: float) -> bool:
    """Return whether a living worker would have renewed its lease since Redis has its keys."""
    epoch = context.redis.get(context.keys.epoch)
    grace = context.settings.lease_seconds + 2 * context.settings.heartbeat_seconds
    return epoch is not None and steady - float(epoch.split()[0]) > grace


def refused_write(context: Context) -> RedisDown | StoreDown | None:
    """Write to Redis and to the store, as a worker must; return which of them refuses."""
    try:
        RedisProbe(context.keys).call(context.redis)
    except redis.RedisError as error:
        return redis_fault(error)
    try:
        with context.database.write(lock_seconds=PROBE_SECONDS) as conn:
            installation_store.probe_write(conn, now=context.clock.now())
    except UnavailableError as error:
        return StoreDown(reason=error.cause or say("store_away"))
    return None
