"""``messages``: the messages of a broadcast."""

from typing import Any

import rich_click as click

from host_litestar.cli.client import Client, without_none
from host_litestar.cli.contact_file import AnyFunction
from host_litestar.cli.job_ids import find_job, job_argument
from host_litestar.cli.output import describe_reason, json_option, print_json, print_table
from wabroadcast_core.models.status import MessageStatus

TITLES = ("MESSAGE", "ROW", "NUMBER", "NAME", "STATUS", "BATCH", "RECEIPT", "REASON")


def filter_options(command: AnyFunction) -> AnyFunction:
    """Add the options that pick messages to a command. It gets them under the names of the API, None if not given."""
    for option in (
        click.option("--search", "q", help="Only messages with this text in the name or the number."),
        click.option("--reason", help="Only messages with this reason, as `status` shows it."),
        click.option(
            "--status",
            type=click.Choice([word.value for word in MessageStatus]),
            help="Only messages with this status.",
        ),
    ):
        command = option(command)
    return command


@click.command()
@job_argument
@filter_options
@click.option(
    "--limit", type=click.IntRange(1, 1_000), default=100, show_default=True, help="Most messages that are listed."
)
@click.option("--after", "cursor", metavar="MESSAGE", help="Only messages behind the one with this id.")
@json_option
def messages(job: str, *, as_json: bool, **filters: Any) -> None:
    """List the messages of a broadcast in the order of its audience.

    `pause`, `resume` and `cancel` take one of them with --message.
    """
    with Client() as client:
        path = f"/broadcast/{find_job(client, job)}/messages"
        response = client.call("GET", path, params={**without_none(filters), "withRows": "true"})
    if as_json:
        print_json(response)
        return
    print_table(TITLES, [_message_row(message) for message in response["items"]])
    if response["nextCursor"]:
        click.echo(f"there are more: add --after {response['nextCursor']}", err=True)


def _message_row(message: dict[str, Any]) -> tuple[object, ...]:
    fields = ("messageId", "row", "number", "name", "status", "batch")
    receipt = "read" if message["readAt"] else "delivered" if message["deliveredAt"] else ""
    return *(message[field] for field in fields), receipt, describe_reason(message["reason"], message["detail"])
