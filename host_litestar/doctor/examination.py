"""The examination of an installation from its settings: no server need run, and nothing is started or migrated."""

import shutil
import time
from collections import Counter
from collections.abc import Iterator

import redis

from host_litestar.doctor.findings import Finding, Level, fault_of, judge, ok, warning
from host_litestar.doctor.redis_checks import examine_redis
from host_litestar.doctor.store_checks import examine_store
from host_litestar.doctor.texts import say
from host_litestar.doctor.work_checks import examine_callbacks, examine_connections, examine_webhooks, examine_workers
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import BroadcastError
from wabroadcast_core.keys import Keys
from wabroadcast_core.opening import open_store
from wabroadcast_core.plugins import Plugins, build_plugins
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.redis_access.probe import describe_failure
from wabroadcast_core.settings import Settings

LITTLE_SPACE = 1024**3  # bytes
NO_SPACE = 100 * 1024**2
CALL_SECONDS = 2.0


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield what is found, part by part. What depends on a part that cannot be used is left out."""
    blocked = False
    for examine_part in (_examine_redis, _examine_store, _examine_plugins, _examine_disk):
        for finding in examine_part(settings):
            blocked = blocked or finding.blocks
            yield finding
    if blocked:
        yield warning("work", say("not_examined"), say("repair_first"))
    else:
        yield from _examine_work(settings)


def examine_running(broadcaster: Broadcaster, *, thorough: bool) -> Iterator[Finding]:
    """Yield what is found of the installation that a running server serves, with the connections it has already.

    :param thorough: also measure commits, search the store for damage and test the connections, which takes a while.
    """
    context, settings = broadcaster.context, broadcaster.settings
    found = [*examine_redis(context.redis, context.keys)]
    found += examine_store(context.database, now=context.clock.now(), thorough=thorough)
    yield from found
    yield from _plugin_findings(broadcaster.plugins, is_strict=settings.plugins_strict)
    yield from _examine_disk(settings)
    if any(finding.blocks for finding in found):
        yield warning("work", say("not_examined"), say("repair_first"))
        return
    yield from _examine_parts(broadcaster, thorough=thorough)


def _examine_redis(settings: Settings) -> Iterator[Finding]:
    url = settings.redis_url.get_secret_value() if settings.redis_url else EmbeddedValkey(settings.data_dir).url
    with redis.Redis.from_url(url, socket_timeout=CALL_SECONDS, socket_connect_timeout=CALL_SECONDS) as client:
        if settings.redis_url is None and not takes_calls(client):
            yield Finding("redis", Level.WARNING, say("valkey_stopped"), say("start_server"), blocks=True)
        else:
            yield from examine_redis(client, Keys(settings.namespace))


def takes_calls(client: redis.Redis) -> bool:
    """Return whether Redis answers, though it may refuse what it is asked."""
    try:
        client.ping()
    except redis.RedisError as error:
        return isinstance(error, redis.ResponseError)
    return True


def _examine_store(settings: Settings) -> Iterator[Finding]:
    if settings.database_url is None and not settings.sqlite_path.exists():
        fact = say("no_store", path=str(settings.sqlite_path.resolve()))
        yield Finding("store", Level.WARNING, fact, say("start_server_here"), blocks=True)
        return
    try:
        database = open_store(settings, None)
    except BroadcastError as error:
        yield fault_of("store", str(error))
        return
    try:
        yield from examine_store(database, now=time.time())
    finally:
        database.close()


def _examine_plugins(settings: Settings) -> Iterator[Finding]:
    is_strict = settings.plugins_strict  # then no process starts with a quarantined plugin
    lenient = settings.model_copy(update={"plugins_strict": False})
    try:
        plugins = build_plugins(settings=lenient, blocked=settings.blocked_plugins)
    except BroadcastError as error:
        yield fault_of("plugins", str(error))
        return
    yield from _plugin_findings(plugins, is_strict=is_strict)


def _plugin_findings(plugins: Plugins, *, is_strict: bool) -> Iterator[Finding]:
    states = Counter(fact.state for fact in plugins.facts())
    yield ok("plugins", say("plugins", states=[say(f"plugins_{one}", n=n) for one, n in sorted(states.items())]))
    for one in plugins.quarantined.values():
        level = Level.FAULT if one.may_stop or is_strict else Level.WARNING
        fact = say("plugin_quarantined", name=one.name, detail=one.reason)
        yield Finding("plugins", level, fact, one.remedy, blocks=is_strict)


def _examine_disk(settings: Settings) -> Iterator[Finding]:
    place = next(path for path in (settings.data_dir.resolve(), *settings.data_dir.resolve().parents) if path.exists())
    free = shutil.disk_usage(place).free
    yield judge(
        "disk",
        say("disk_space", gibibytes=round(free / 1024**3, 1), place=str(place)),
        -free,
        warn_from=-LITTLE_SPACE,
        fault_from=-NO_SPACE,
        remedy=say("free_disk"),
    )


def _examine_work(settings: Settings) -> Iterator[Finding]:
    """Yield what is found of the parts that need both the store and Redis; both are in use already, as for a server."""
    try:
        with Broadcaster(settings) as broadcaster:
            yield from _examine_parts(broadcaster, thorough=True)
    except BroadcastError as error:
        yield fault_of("work", str(error))
    except redis.RedisError as error:
        yield fault_of("redis", describe_failure(error))


def _examine_parts(broadcaster: Broadcaster, *, thorough: bool) -> Iterator[Finding]:
    yield from examine_workers(broadcaster.context)
    yield from examine_webhooks(broadcaster.context)
    yield from examine_callbacks(broadcaster.context)
    if thorough:
        yield from examine_connections(broadcaster)
