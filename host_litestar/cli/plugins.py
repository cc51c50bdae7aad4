"""``plugins``: what is installed here."""

import rich_click as click

from host_litestar.cli.output import print_table
from host_litestar.cli.server import read_settings
from wabroadcast_core.plugins import build_plugins


@click.command()
def plugins() -> None:
    """List the plugins of this installation, with the hooks they answer."""
    found = build_plugins(blocked=read_settings().blocked_plugins)
    rows = [
        (fact.name, "blocked" if fact.blocked else "active", fact.origin, ", ".join(fact.hooks))
        for fact in found.facts()
    ]
    print_table(("NAME", "STATE", "FROM", "HOOKS"), rows)
