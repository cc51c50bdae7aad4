"""``undo``: turn a broadcast of which nothing has left into a draft again."""

from typing import Any

import rich_click as click

from host_litestar.cli.client import Client
from host_litestar.cli.job_ids import find_job, job_argument
from host_litestar.cli.output import json_option, print_json
from wabroadcast_core.models.amounts import count_of


@click.command()
@job_argument
@json_option
def undo(job: str, *, as_json: bool) -> int:
    """Undo the start of a broadcast: it becomes a draft again if none of its messages has left.

    Otherwise it is paused. Exit status: 0 if nothing has left, 1 if it was too late, 2 if the command failed.
    """
    with Client() as client:
        result = client.call("POST", f"/broadcast/undo/{find_job(client, job)}")
    if as_json:
        print_json(result)
    else:
        click.echo(_describe(result))
    return 0 if result["undone"] else 1


def _describe(result: dict[str, Any]) -> str:
    job_id, status = result["broadcast"]["jobId"], result["broadcast"]["status"]
    if result["undone"]:
        return f"{job_id} is undone: no message has left; it is draft {result['draftId']} again"
    pending = f", {result['underWay']} of them under way" if result["underWay"] else ""
    left = count_of(result["left"], "message has", several="messages have")
    text = f"too late: {left} left{pending}; {job_id} is {status}"
    return f"{text}: resume or cancel it" if status == "paused" else text
