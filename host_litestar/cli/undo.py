"""``undo``: turn a broadcast of which nothing has left into a draft again."""

from typing import Any

import rich_click as click

from host_litestar.cli.client import Client
from host_litestar.cli.job_ids import find_job, job_argument
from host_litestar.cli.output import json_option, print_json


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
    pending = f", {result['underWay']} of which were under way" if result["underWay"] else ""
    left = f"too late: {result['left']} messages have left{pending}; {job_id} is {status}"
    return f"{left}: resume or cancel it" if status == "paused" else left
