"""The command ``wabroadcast``: one module a group of commands. An error is one line, never a traceback."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import rich_click as click
from click.exceptions import Exit, NoArgsIsHelpError

from host_litestar.cli.errors import REFUSED, RefusedError
from wabroadcast_core.errors import BroadcastError

INTERRUPTED = 130
COMMANDS = {
    "serve": "server:serve",
    "worker": "server:worker",
    "send": "send:send",
    "jobs": "broadcasts:jobs",
    "status": "broadcasts:status",
    "messages": "messages:messages",
    "message": "message:message",
    "report": "reports:report",
    "batches": "broadcasts:batches",
    "pause": "broadcasts:pause",
    "resume": "broadcasts:resume",
    "cancel": "broadcasts:cancel",
    "retry": "broadcasts:retry",
    "undo": "undo:undo",
    "import": "contacts:import_contacts",
    "contacts": "contacts:contacts",
    "tags": "tags:tags",
    "blacklist": "blacklist:blacklist",
    "connections": "connections:connections",
    "keys": "keys:keys",
    "callbacks": "callbacks:callbacks",
    "data": "data:data",
    "migrate": "migrate:migrate",
    "doctor": "doctor:doctor",
    "reasons": "reasons:reasons",
    "plugins": "plugins:plugins",
}
"""The module and the function of each command. A module is imported when its command is used: so each starts fast."""


class CommandGroup(click.RichGroup):
    """The group of all commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order of the help."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command by its name, or None."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"{__name__}.{module}"), name)
        return command


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="wabroadcast", prog_name="wabroadcast")
def cli() -> None:
    """Send a personal WhatsApp message to each person in a contact file, at the pace that each connection allows.

    Commands that need a server call the one at WABROADCAST_URL (default: http://127.0.0.1:3004), with the API key in
    WABROADCAST_API_KEY. A JOB is a job id, the beginning of one, or `last`.
    """


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
    except (click.ClickException, BroadcastError, RefusedError, UnicodeEncodeError) as error:
        click.echo(_explain(error), err=True)
        return REFUSED


def _explain(error: Exception) -> str:
    if isinstance(error, NoArgsIsHelpError) and error.ctx is not None:
        return error.ctx.get_help()
    text = error.format_message() if isinstance(error, click.ClickException) else _text_of(error)
    hint = f" (see {_command_of(error)} --help)" if isinstance(error, click.UsageError) else ""
    return f"wabroadcast: {' '.join(text.split())}{hint}"


def _text_of(error: Exception) -> str:
    if isinstance(error, UnicodeEncodeError):  # of an argument with other bytes, or of the terminal
        part = error.object[error.start : error.end]
        return f"{part!r} cannot be written in {error.encoding}: use UTF-8 for the text and for the terminal"
    return str(error)


def _command_of(error: click.UsageError) -> str:
    return error.ctx.command_path if error.ctx else "wabroadcast"
