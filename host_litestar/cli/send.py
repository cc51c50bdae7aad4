"""``send``: send a message to the people in a contact file, and show the progress."""

import uuid
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click
from rich.console import Console

from host_litestar.cli import trials
from host_litestar.cli.client import without_none
from host_litestar.cli.confirmation import confirm_send
from host_litestar.cli.contact_file import CHOICES, reading_options
from host_litestar.cli.moments import MomentType, describe_moment
from host_litestar.cli.option_types import BatchType, RateType, WindowType
from host_litestar.cli.preview import show_preview
from host_litestar.cli.progress import Backend, follow, report
from host_litestar.cli.send_audience import AUDIENCE, Audience, audience_options
from host_litestar.cli.send_content import CONTENT, MessageOptions, content_options
from host_litestar.cli.server import data_dir_option, read_settings
from host_litestar.cli.trials import check_trial, trial_options
from wabroadcast_core.models.status import BroadcastStatus, Priority

if TYPE_CHECKING:
    from wabroadcast_core.models.broadcast import BroadcastProgress


@click.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@content_options
@audience_options
@click.option("--name", help="Name of the broadcast. [default: name of the file or the tags]")
@click.option(
    "--connection",
    "-c",
    "connections",
    multiple=True,
    help="Connection to send through; if repeated, they share the broadcast. [default: the default connection]",
)
@click.option(
    "--priority",
    type=click.Choice([word.value for word in Priority]),
    default="normal",
    show_default=True,
    help="Priority among broadcasts.",
)
@click.option("--rate", type=RateType(), help="Highest rate, as 20/s or 100/m.")
@click.option(
    "--at",
    "moment",
    type=MomentType(),
    help="Time to start, as 2026-12-01T08:00; without an offset as +07:00 it is in WABROADCAST_TIMEZONE.",
)
@click.option(
    "--batch", "batching", type=BatchType(), help="Send in batches, as 1000/10m: a thousand every ten minutes."
)
@click.option(
    "--hold",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Start no sooner than in so many seconds (600 at most); until then `undo` makes it a draft again.",
)
@click.option("--window", type=WindowType(), help="Send only in these hours, as 08:00-20:00@Asia/Jakarta.")
@reading_options
@click.option(
    "--preview",
    is_flag=True,
    help="Send nothing; show how many would get a message, how it looks, and who is left out and why.",
)
@trial_options
@click.option("--yes", "-y", is_flag=True, help="Do not ask before more than 100 people get a message.")
@click.option(
    "--detach", is_flag=True, help="Submit and exit; exit status 0 then means that the broadcast was accepted."
)
@click.option("--local", is_flag=True, help="Send from this process, without a server.")
@data_dir_option
def send(
    file: Path | None,
    moment: datetime | None,
    data_dir: Path | None,
    *,
    preview: bool,
    test_number: str | None,
    as_who: str | None,
    rehearse: bool,
    yes: bool,
    detach: bool,
    local: bool,
    **options: Any,
) -> int:
    """Send a message to each person in FILE (CSV or Excel), and show the progress.

    Instead of FILE, --tag, --everyone or --source name the people.

    Exit status: 0 if all messages were sent, 1 if some were not or there was no recipient, 2 if the command failed.
    With --preview it is 0 if every recipient would get a message, and 1 if some are skipped or there is none.
    """
    if detach and local:
        raise click.UsageError("--local sends only while the command runs: leave out --detach")
    check_trial(test_number=test_number, as_who=as_who, rehearse=rehearse, preview=preview)
    choices = without_none({name: options.pop(name) for name in CHOICES})
    audience = Audience(file=file, choices=choices, **{name: options.pop(name) for name in AUDIENCE})
    message = MessageOptions(**{name: options.pop(name) for name in CONTENT})
    audience.check()
    message.check()
    draft = make_draft(title=audience.title, moment=moment, **options)
    console = Console()
    with open_backend(local=local, data_dir=data_dir) as backend:
        draft |= {"message": message.content(backend), "source": audience.source(backend)}
        if preview:
            return show_preview(backend.preview(draft))
        if test_number is not None:
            return trials.send_test(backend, draft, test_number, as_who=as_who, detach=detach)
        job_id = trials.rehearse(backend, draft) if rehearse else _submit(backend, draft, moment=moment, yes=yes)
        if detach:
            return 0
        return watch(backend, job_id, console=console, local=local)


def _submit(backend: Backend, draft: dict[str, Any], *, moment: datetime | None, yes: bool) -> str:
    """Submit a broadcast, after a question where many people would get it, and return its job id."""
    if not yes:
        confirm_send(backend, draft)
    job_id = backend.submit(draft, key=str(uuid.uuid4())).job_id
    click.echo(f"broadcast {job_id}")
    if moment is not None:
        click.echo(f"starts at {describe_moment(moment)}")
    if hold := draft.get("holdSeconds"):
        click.echo(f"starts in {hold:g} s at the soonest: until then `wabroadcast undo {job_id}`")
    return job_id


def make_draft(
    *,
    title: str,
    moment: datetime | None,
    name: str | None,
    connections: tuple[str, ...],
    priority: str,
    rate: dict[str, float] | None,
    batching: dict[str, float] | None,
    hold: float | None,
    window: dict[str, str] | None,
) -> dict[str, Any]:
    """Create the body of a submit, without its message and its source.

    :param title: the name of the broadcast, if none is given.
    """
    draft = {
        "name": name or title[:200],
        "connection": list(connections) or None,
        "priority": priority,
        "rate": rate,
        "scheduledAt": None if moment is None else moment.isoformat(),
        "batching": batching,
        "holdSeconds": hold,
        "sendWindow": window,
    }
    return {key: value for key, value in draft.items() if value is not None}


def open_backend(*, local: bool, data_dir: Path | None) -> AbstractContextManager[Backend]:
    """Return the backend to send with: a server, or a broadcaster in this process."""
    if local:
        from host_litestar.cli.local import LocalBackend

        return LocalBackend(read_settings(data_dir=data_dir))
    from host_litestar.cli.client import Client

    return Client()


def watch(backend: Backend, job_id: str, *, console: Console, local: bool) -> int:
    """Show the progress of a broadcast until it ends, then its result.

    :param local: whether this process sends, without a server.
    :returns: the exit status: 0 if all messages were sent, 1 otherwise.
    """
    try:
        progress = follow(backend, job_id, console=console)
    except KeyboardInterrupt:
        where = "in this data directory, with its next worker" if local else "on the server"
        click.echo(
            f"\nthe broadcast continues {where}: see `wabroadcast status {job_id}`,"
            f" or end it with `wabroadcast cancel {job_id}`"
        )
        return 1
    report(backend, progress, console=console)
    if progress.status == BroadcastStatus.PAUSED:
        click.echo(f"the broadcast is paused: continue it with `wabroadcast resume {job_id}`")
    return 0 if _all_sent(progress) else 1


def _all_sent(progress: "BroadcastProgress") -> bool:
    sent = progress.counts.sent
    # an empty audience is not a success
    return progress.status == BroadcastStatus.COMPLETED and sent == progress.total > 0
