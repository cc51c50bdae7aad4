"""``plugins``: the installed plugins."""

import rich_click as click

from host_litestar.cli.output import print_table
from host_litestar.cli.server import read_settings


@click.command()
def plugins() -> None:
    """List the installed plugins, with the hooks that each implements and the settings that turn it on."""
    from wabroadcast_core.plugins import build_plugins

    settings = read_settings()
    manager = build_plugins(settings=settings, blocked=settings.blocked_plugins)
    rows = [
        (fact.name, fact.state, fact.origin, ", ".join(fact.hooks), ", ".join(fact.settings))
        for fact in manager.facts()
    ]
    print_table(("NAME", "STATE", "FROM", "HOOKS", "SETTINGS"), rows)
