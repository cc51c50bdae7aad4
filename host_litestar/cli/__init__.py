"""The command ``wabroadcast``. One module a group of commands; errors are one line, never a traceback."""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

import rich_click as click
from click.exceptions import Exit, NoArgsIsHelpError

from host_litestar.cli import blacklist, broadcasts, connections, contacts, plugins, send, server, tags
from host_litestar.cli.errors import REFUSED, RefusedError
from wabroadcast_core.errors import BroadcastError

INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("wabroadcast"), prog_name="wabroadcast")
def cli() -> None:
    """Send a personal WhatsApp message to everyone in a contact file, at the pace each connection allows.

    The commands that talk to a server find it at WABROADCAST_URL (http://127.0.0.1:3004) and use WABROADCAST_API_KEY.
    """


for _command in (*server.COMMANDS, *send.COMMANDS, *broadcasts.COMMANDS, *contacts.COMMANDS):
    cli.add_command(_command)
cli.add_command(tags.tags)
cli.add_command(blacklist.blacklist)
cli.add_command(connections.connections)
cli.add_command(plugins.plugins)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and end the process with its exit status."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command. :returns: its exit status: 2 for what was called wrongly or was refused."""
    try:
        return int(cli.main(arguments, prog_name="wabroadcast", standalone_mode=False) or 0)
    except Exit as end:
        return int(end.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:  # who read our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (click.ClickException, BroadcastError, RefusedError) as error:
        click.echo(_explain(error), err=True)
        return REFUSED


def _explain(error: Exception) -> str:
    if isinstance(error, NoArgsIsHelpError) and error.ctx is not None:
        return error.ctx.get_help()
    text = error.format_message() if isinstance(error, click.ClickException) else str(error)
    more = f" (see {_path_of(error)} --help)" if isinstance(error, click.UsageError) else ""
    return f"wabroadcast: {' '.join(text.split())}{more}"


def _path_of(error: click.UsageError) -> str:
    return error.ctx.command_path if error.ctx else "wabroadcast"
