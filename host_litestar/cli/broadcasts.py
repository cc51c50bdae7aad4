"""``jobs``, ``status``, ``pause``, ``resume``, ``cancel``, ``retry``: list, show and control broadcasts."""

from typing import Any
from urllib.parse import quote

import rich_click as click
from rich.console import Console

from host_litestar.cli.client import Client, without_none
from host_litestar.cli.output import json_option, print_json, print_table
from host_litestar.cli.progress import describe_progress, report
from host_litestar.cli.send import watch
from host_litestar.cli.waiting import describe_waiting
from wabroadcast_core.models.broadcast import BroadcastProgress
from wabroadcast_core.models.status import BroadcastStatus, Priority

job_argument = click.argument("job_id", metavar="JOB")
batch_option = click.option("--batch", type=click.IntRange(0), help="Only the batch with this number.")


@click.command()
@click.option(
    "--status", type=click.Choice([word.value for word in BroadcastStatus]), help="Only broadcasts with this status."
)
@click.option(
    "--priority", type=click.Choice([word.value for word in Priority]), help="Only broadcasts with this priority."
)
@click.option("--connection", help="Only broadcasts on this connection.")
@click.option("--search", "q", help="Only broadcasts whose name contains this text, or whose job id begins with it.")
@click.option("--page", type=click.IntRange(1), default=1, show_default=True, help="Page of the list.")
@json_option
def jobs(*, as_json: bool, **filters: Any) -> None:
    """List broadcasts, the newest first."""
    with Client() as client:
        response = client.call("GET", "/broadcast/jobs", params=without_none(filters))
    if as_json:
        print_json(response)
        return
    titles = ("JOB", "STATUS", "PRIORITY", "SENT", "TOTAL", "CREATED (UTC)", "NAME", "WAITING FOR")
    print_table(titles, [_job_row(job) for job in response["items"]])


@click.command()
@job_argument
@click.option(
    "--watch", "keep_watching", is_flag=True, help="Wait until the broadcast ends; the exit status is that of `send`."
)
@json_option
def status(job_id: str, *, keep_watching: bool, as_json: bool) -> int:
    """Show the progress of a broadcast, and why messages were not sent."""
    console = Console()
    with Client() as client:
        if keep_watching:
            return watch(client, job_id, console=console, local=False)
        if as_json:
            print_json(client.call("GET", f"{_path(job_id)}/status"))
            return 0
        progress: BroadcastProgress = client.status(job_id)
        click.echo(f"{progress.status.value}: {describe_progress(progress)}")
        report(client, progress, console=console)
    return 0


@click.command()
@job_argument
@batch_option
def pause(job_id: str, batch: int | None) -> None:
    """Pause a broadcast: no message of it starts until it is resumed."""
    _control("pause", job_id, batch=batch)


@click.command()
@job_argument
@batch_option
def resume(job_id: str, batch: int | None) -> None:
    """Continue a paused broadcast."""
    _control("resume", job_id, batch=batch)


@click.command()
@job_argument
@batch_option
def cancel(job_id: str, batch: int | None) -> None:
    """End a broadcast: messages that have not left yet are never sent."""
    _control("cancel", job_id, batch=batch)


@click.command()
@job_argument
@click.option(
    "--status",
    type=click.Choice(["failed", "unknown"]),
    default="failed",
    show_default=True,
    help="Status of the messages to send again.",
)
@click.option("--code", help="Only messages with this reason.")
def retry(job_id: str, status: str, code: str | None) -> None:
    """Send messages of a broadcast again that failed, or whose outcome is unknown."""
    _control("retry", job_id, status=status, code=code)


def _control(verb: str, job_id: str, **parameters: Any) -> None:
    with Client() as client:
        path = f"/broadcast/{verb}/{quote(job_id, safe='')}"
        response = client.call("POST", path, params=without_none(parameters))
    click.echo(f"{response['jobId']} is {response['status']}")


def _job_row(job: dict[str, Any]) -> tuple[object, ...]:
    sent, created = job["counts"]["sent"], job["createdAt"][:19].replace("T", " ")
    waits = describe_waiting(job["waitingFor"])
    return job["jobId"], job["status"], job["priority"], sent, job["total"], created, job["name"], waits


def _path(job_id: str) -> str:
    return f"/broadcast/{quote(job_id, safe='')}"


COMMANDS = (jobs, status, pause, resume, cancel, retry)
