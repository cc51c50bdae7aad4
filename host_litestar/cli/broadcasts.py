"""``jobs``, ``status``, ``batches``, ``pause``, ``resume``, ``cancel``, ``retry``: list, show, control broadcasts."""

from typing import Any

import rich_click as click
from rich.console import Console

from host_litestar.cli.client import Client, without_none
from host_litestar.cli.job_ids import find_job, find_message, job_argument
from host_litestar.cli.output import describe_time_of, json_option, page_option, print_json, print_table
from host_litestar.cli.progress import describe_progress, report
from host_litestar.cli.send import watch
from host_litestar.cli.waiting import describe_waiting
from wabroadcast_core.models.status import BroadcastStatus, Priority, Purpose

batch_option = click.option("--batch", type=click.IntRange(0), help="Only the batch with this number.")
message_option = click.option("--message", metavar="MESSAGE", help="Only this message: its id, as `messages` lists it.")


@click.command()
@click.option(
    "--status", type=click.Choice([word.value for word in BroadcastStatus]), help="Only broadcasts with this status."
)
@click.option(
    "--priority", type=click.Choice([word.value for word in Priority]), help="Only broadcasts with this priority."
)
@click.option("--connection", help="Only broadcasts on this connection.")
@click.option("--search", "q", help="Only broadcasts whose name contains this text, or whose job id begins with it.")
@page_option
@json_option
def jobs(*, as_json: bool, **filters: Any) -> None:
    """List broadcasts, the newest first."""
    with Client() as client:
        response = client.call("GET", "/broadcast/jobs", params=without_none(filters))
    if as_json:
        print_json(response)
        return
    titles = ("JOB", "STATUS", "PRIORITY", "SENT", "TOTAL", "CREATED (UTC)", "STARTS", "NAME", "WAITING FOR")
    print_table(titles, [_job_row(job) for job in response["items"]])


@click.command()
@job_argument
@click.option(
    "--watch", "keep_watching", is_flag=True, help="Wait until the broadcast ends; the exit status is that of `send`."
)
@json_option
def status(job: str, *, keep_watching: bool, as_json: bool) -> int:
    """Show the progress of a broadcast, and why messages were not sent."""
    console = Console()
    with Client() as client:
        job_id = find_job(client, job)
        if keep_watching:
            return watch(client, job_id, console=console, local=False)
        if as_json:
            print_json(client.call("GET", f"/broadcast/{job_id}/status"))
            return 0
        progress = client.status(job_id)
        if progress.purpose is Purpose.REHEARSAL:
            click.echo("a rehearsal: no phone gets a message")
        click.echo(f"{progress.status.value}: {describe_progress(progress)}")
        report(client, progress, console=console)
    return 0


@click.command()
@job_argument
@page_option
@json_option
def batches(job: str, *, as_json: bool, **page: int) -> None:
    """List the batches of a broadcast, each with its state."""
    with Client() as client:
        response = client.call("GET", f"/broadcast/{find_job(client, job)}/batches", params=page)
    if as_json:
        print_json(response)
    elif not response["total"]:
        click.echo("the broadcast has no batches: its messages are sent without a break, or none of them is ready yet")
    else:
        print_table(("BATCH", "STATE", "SIZE", "MESSAGES", "RELEASED"), map(_batch_row, response["items"]))


@click.command()
@job_argument
@batch_option
@message_option
def pause(job: str, batch: int | None, message: str | None) -> None:
    """Pause a broadcast: no message of it starts until it is resumed."""
    _control("pause", job, batch=batch, message=message)


@click.command()
@job_argument
@batch_option
@message_option
def resume(job: str, batch: int | None, message: str | None) -> None:
    """Continue a paused broadcast."""
    _control("resume", job, batch=batch, message=message)


@click.command()
@job_argument
@batch_option
@message_option
def cancel(job: str, batch: int | None, message: str | None) -> None:
    """End a broadcast: messages that have not left yet are never sent."""
    _control("cancel", job, batch=batch, message=message)


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
def retry(job: str, status: str, code: str | None) -> None:
    """Send messages of a broadcast again that failed, or whose outcome is unknown."""
    with Client() as client:
        path = f"/broadcast/retry/{find_job(client, job)}"
        response = client.call("POST", path, params=without_none({"status": status, "code": code}))
    click.echo(f"{response['jobId']} is {response['status']}")


def _control(verb: str, job: str, *, batch: int | None, message: str | None) -> None:
    if batch is not None and message is not None:
        raise click.UsageError("--batch and --message exclude each other")
    with Client() as client:
        job_id = find_job(client, job)
        if message is not None:
            found = client.call("POST", f"/broadcast/{job_id}/messages/{find_message(job_id, message)}/{verb}")
            click.echo(f"{found['messageId']} is {found['status']}")
            return
        response = client.call("POST", f"/broadcast/{verb}/{job_id}", params=without_none({"batch": batch}))
    part = "" if batch is None else f"batch {batch} of "
    click.echo(f"{part}{job_id} is {_PARTICIPLES[verb]}" if part else f"{job_id} is {response['status']}")


_PARTICIPLES = {"pause": "paused", "resume": "resumed", "cancel": "cancelled"}


def _job_row(job: dict[str, Any]) -> tuple[object, ...]:
    sent, created = job["counts"]["sent"], job["createdAt"][:19].replace("T", " ")
    starts = describe_time_of(job["scheduledAt"]) if job["status"] == BroadcastStatus.SCHEDULED else None
    waits = describe_waiting(job["waitingFor"])
    name = f"{job['name']} (rehearsal)" if job["purpose"] == Purpose.REHEARSAL else job["name"]
    return job["jobId"], job["status"], job["priority"], sent, job["total"], created, starts, name, waits


def _batch_row(batch: dict[str, Any]) -> tuple[object, ...]:
    counts = ", ".join(f"{amount} {status}" for status, amount in batch["counts"].items())
    return batch["batch"], batch["state"], batch["size"], counts, describe_time_of(batch["releasesAt"])
