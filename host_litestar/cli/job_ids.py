"""Ids on the command line: of a broadcast a whole id, any unique beginning of one, or ``last``; of a message in it."""

import re
from typing import Any
from urllib.parse import quote

import rich_click as click

from host_litestar.cli.client import Client
from host_litestar.cli.errors import RefusedError

LAST = "last"
MOST_CANDIDATES = 10
JOB_ID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
"""The pattern of a whole job id, in lower case."""

job_argument = click.argument("job", metavar="JOB")


def find_job(client: Client, text: str) -> str:
    """Return the job id that a text on the command line names.

    :raises RefusedError: no job id begins with the text, or several do.
    """
    if re.fullmatch(JOB_ID, text.lower()):
        return text.lower()
    if not text:  # every job id begins with it
        raise RefusedError(_describe_missing(text))
    wanted = {} if text.lower() == LAST else {"idPrefix": text}
    answer = client.call("GET", "/broadcast/jobs", params={"pageSize": MOST_CANDIDATES, **wanted})
    found = answer["items"]
    if not found:
        raise RefusedError(_describe_missing(text))
    if wanted and len(found) > 1:
        raise RefusedError(f"several job ids begin with {text}, type more of it: {_list(found, total=answer['total'])}")
    return str(found[0]["jobId"])


def find_message(job_id: str, text: str) -> str:
    """Return the id of a message for a path: from the id itself, or from its last part, as in ``17`` for ``…-17``."""
    return quote(f"{job_id}-{text}" if text.isdecimal() else text, safe="")


def _describe_missing(text: str) -> str:
    if text.lower() == LAST:
        return "there is no broadcast yet: `wabroadcast send` makes one"
    return f"no job id begins with {text!r}: `wabroadcast jobs` lists them"


def _list(jobs: list[dict[str, Any]], *, total: int) -> str:
    shown = [f"{job['jobId']} ({job['name']}, {job['status']})" for job in jobs]
    return ", ".join(shown) + (f" and {total - len(jobs)} more" if total > len(jobs) else "")
