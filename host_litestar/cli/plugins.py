"""``plugins``: the installed plugins, what is wrong with them, and what they failed at; a new one, and checks."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import rich_click as click

from host_litestar.cli.output import print_table
from host_litestar.cli.plugin_check import check
from host_litestar.cli.plugin_new import new
from host_litestar.cli.server import read_settings

if TYPE_CHECKING:
    from wabroadcast_core.plugins import PluginFacts
    from wabroadcast_core.plugins.failures import HookFailures
    from wabroadcast_core.settings import Settings

REDIS_SECONDS = 2.0  # that Redis has for its answer


@click.group(invoke_without_command=True)
@click.pass_context
def plugins(context: click.Context) -> None:
    """List the installed plugins: kinds, hooks in the order of their calls, quarantined plugins, and failures.

    The failures are those since the start of the workers. The commands below write a new plugin and check one.
    """
    if context.invoked_subcommand is None:
        _list_plugins()


plugins.add_command(new)
plugins.add_command(check)


def _list_plugins() -> None:
    from wabroadcast_core.plugins import build_plugins

    settings = read_settings().model_copy(update={"plugins_strict": False})
    manager = build_plugins(settings=settings, blocked=settings.blocked_plugins)
    facts = manager.facts()
    _print_plugins(facts)
    order = manager.call_order().items()
    _print_part(("HOOK", "CALLS, IN THIS ORDER"), [(hook, ", ".join(names)) for hook, names in order])
    unfit = [fact.quarantined for fact in facts if fact.quarantined is not None]
    _print_part(("QUARANTINED", "REASON", "REMEDY"), [(one.name, one.reason, one.remedy) for one in unfit])
    _print_failures(settings)


def _print_plugins(facts: "Sequence[PluginFacts]") -> None:
    titles = ("NAME", "STATE", "FROM", "DISTRIBUTION", "KINDS", "HOOKS", "SETTINGS")
    rows = [
        (
            fact.name,
            fact.state,
            fact.origin,
            f"{fact.distribution} {fact.version}",
            ", ".join(fact.kinds),
            ", ".join(fact.hooks),
            ", ".join(fact.settings),
        )
        for fact in facts
    ]
    print_table(titles, rows)


def _print_failures(settings: "Settings") -> None:
    import redis

    try:
        failures = _read_failures(settings)
    except (redis.RedisError, OSError) as error:
        click.echo(f"\nthe failures are not known, because Redis cannot be reached ({type(error).__name__})", err=True)
        return
    rows = [(one.plugin, one.hook, one.count, _moment(one.last_at), one.last) for one in failures]
    _print_part(("FAILED", "HOOK", "TIMES", "LAST", "FAULT"), rows)


def _read_failures(settings: "Settings") -> "list[HookFailures]":
    """Return what plugins failed at in the workers; nothing if no worker of this data directory can run.

    :raises redis.RedisError: Redis cannot be reached.
    """
    import redis

    from wabroadcast_core.keys import Keys
    from wabroadcast_core.plugins.failure_reports import read_failures
    from wabroadcast_core.queue.embedded import EmbeddedValkey

    embedded = EmbeddedValkey(settings.data_dir)
    if settings.redis_url is None and not embedded.socket_path.exists():
        return []
    url = embedded.url if settings.redis_url is None else settings.redis_url.get_secret_value()
    key, interval = Keys(settings.namespace).plugin_failures, settings.recover_seconds
    with redis.Redis.from_url(url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS) as client:
        return read_failures(client, key, now=time.time(), interval=interval)


def _print_part(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print another table below, if it has a row."""
    if rows:
        click.echo()
        print_table(titles, rows)


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC).astimezone():%Y-%m-%d %H:%M:%S}"
