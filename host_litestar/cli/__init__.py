"""The command ``wabroadcast``: one module a group of commands. An error is one line, never a traceback."""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

import rich_click as click
from click.exceptions import Exit, NoArgsIsHelpError

from host_litestar.cli import blacklist, broadcasts, connections, contacts, data, plugins, send, server, tags
from host_litestar.cli.errors import REFUSED, RefusedError
from wabroadcast_core.errors import BroadcastError

INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("wabroadcast"), prog_name="wabroadcast")
def cli() -> None:
    """Send a personal WhatsApp message to each person in a contact file, at the pace that each connection allows.

    Commands that need a server call the one at WABROADCAST_URL (default: http://127.0.0.1:3004), with the API key in
    WABROADCAST_API_KEY.
    """


for _command in (*server.COMMANDS, *send.COMMANDS, *broadcasts.COMMANDS, *contacts.COMMANDS, *data.COMMANDS):
    cli.add_command(_command)
cli.add_command(tags.tags)
cli.add_command(blacklist.blacklist)
cli.add_command(connections.connections)
cli.add_command(plugins.plugins)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit the process with its exit status.

    :param arguments: the command line; by default that of the process.
    """
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    :param arguments: the command line; by default that of the process.
    :returns: the exit status; 2 for a wrong command line, or a call that was refused.
    """
    try:
        return int(cli.main(arguments, prog_name="wabroadcast", standalone_mode=False) or 0)
    except Exit as end:
        return int(end.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:  # the reader of the output has ended, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (click.ClickException, BroadcastError, RefusedError) as error:
        click.echo(_explain(error), err=True)
        return REFUSED


def _explain(error: Exception) -> str:
    if isinstance(error, NoArgsIsHelpError) and error.ctx is not None:
        return error.ctx.get_help()
    text = error.format_message() if isinstance(error, click.ClickException) else str(error)
    hint = f" (see {_command_of(error)} --help)" if isinstance(error, click.UsageError) else ""
    return f"wabroadcast: {' '.join(text.split())}{hint}"


def _command_of(error: click.UsageError) -> str:
    return error.ctx.command_path if error.ctx else "wabroadcast"
