"""``jobs``, ``status``, ``pause``, ``resume``, ``cancel``, ``retry``: look at broadcasts and transition them."""

from typing import Any
from urllib.parse import quote

import rich_click as click
from rich.console import Console

from host_litestar.cli.client import Client
from host_litestar.cli.output import json_option, print_json, print_table
from host_litestar.cli.progress import describe_progress, report
from host_litestar.cli.send import watch
from wabroadcast_core.models.broadcast import BroadcastProgress
from wabroadcast_core.models.status import BroadcastStatus, Priority

job_argument = click.argument("job_id", metavar="JOB")
batch_option = click.option("--batch", type=click.IntRange(0), help="One batch only, by its number.")


@click.command()
@click.option("--status", type=click.Choice([word.value for word in BroadcastStatus]))
@click.option("--priority", type=click.Choice([word.value for word in Priority]))
@click.option("--connection", help="Only those that send through it.")
@click.option("--search", "q", help="Part of the name.")
@click.option("--page", type=click.IntRange(1), default=1)
@json_option
def jobs(*, as_json: bool, **filters: Any) -> None:
    """List broadcasts, newest first."""
    with Client() as client:
        given = {name: value for name, value in filters.items() if value is not None}
        answer = client.call("GET", "/broadcast/jobs", params=given)
    if as_json:
        print_json(answer)
        return
    titles = ("JOB", "STATUS", "PRIORITY", "SENT", "TOTAL", "CREATED", "NAME")
    print_table(titles, [_job_row(job) for job in answer["items"]])


@click.command()
@job_argument
@click.option("--watch", "keep_watching", is_flag=True, help="Stay until it ends; exit status as of `send`.")
@json_option
def status(job_id: str, *, keep_watching: bool, as_json: bool) -> int:
    """Show how far a broadcast is, and why some were not sent."""
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
    """Let nothing of a broadcast start until it is resumed."""
    _steer("pause", job_id, batch=batch)


@click.command()
@job_argument
@batch_option
def resume(job_id: str, batch: int | None) -> None:
    """Go on with a paused broadcast."""
    _steer("resume", job_id, batch=batch)


@click.command()
@job_argument
@batch_option
def cancel(job_id: str, batch: int | None) -> None:
    """End a broadcast: what has not left never will."""
    _steer("cancel", job_id, batch=batch)


@click.command()
@job_argument
@click.option("--status", type=click.Choice(["failed", "unknown"]), default="failed", show_default=True)
@click.option("--code", help="Only those that failed for this reason.")
def retry(job_id: str, status: str, code: str | None) -> None:
    """Try again those that failed, or whose outcome is not known."""
    _steer("retry", job_id, status=status, code=code)


def _steer(act: str, job_id: str, **parameters: Any) -> None:
    given = {name: value for name, value in parameters.items() if value is not None}
    with Client() as client:
        answer = client.call("POST", f"/broadcast/{act}/{quote(job_id, safe='')}", params=given)
    click.echo(f"{answer['jobId']} is {answer['status']}")


def _job_row(job: dict[str, Any]) -> tuple[object, ...]:
    sent, created = job["counts"]["sent"], job["createdAt"][:19].replace("T", " ")
    return job["jobId"], job["status"], job["priority"], sent, job["total"], created, job["name"]


def _path(job_id: str) -> str:
    return f"/broadcast/{quote(job_id, safe='')}"


COMMANDS = (jobs, status, pause, resume, cancel, retry)
