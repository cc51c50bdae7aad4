"""``callbacks``: the events that the server sends to the main server."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import rich_click as click

from host_litestar.cli.client import Client
from host_litestar.cli.job_ids import find_job
from host_litestar.cli.output import describe_time_of, json_option, page_option, print_json, print_table

TEST_TIMEOUT = 150.0  # seconds; two calls of a receiver, each of which may take its longest time
STATES = ("pending", "delivered", "failed")


@click.group()
def callbacks() -> None:
    """List the callbacks to the main server, send one again, and test a receiver."""


@callbacks.command("list")
@click.option("--status", type=click.Choice(STATES), help="Only those with this status; failed: given up.")
@click.option("--job", metavar="JOB", help="Only those of one broadcast.")
@page_option
@json_option
def list_callbacks(status: str | None, job: str | None, page: int, *, as_json: bool) -> None:
    """List the callbacks, the newest first."""
    with Client() as client:
        job_id = None if job is None else find_job(client, job)
        chosen = {"status": status, "jobId": job_id, "page": page}
        params = {name: value for name, value in chosen.items() if value is not None}
        response = client.call("GET", "/callbacks", params=params)
    if as_json:
        print_json(response)
        return
    titles = ("ID", "REPORTS", "CREATED", "STATUS", "TRIES", "NEXT TRY", "PROBLEM")
    print_table(titles, [_row(item) for item in response["items"]])


@callbacks.command()
@click.argument("event_id", metavar="ID")
@json_option
def retry(event_id: str, *, as_json: bool) -> None:
    """Send the callback ID again. Older ones of its broadcast that wait go before it."""
    with Client() as client:
        response = client.call("POST", f"/callbacks/{quote(event_id, safe='')}/retry")
    if as_json:
        print_json(response)
        return
    click.echo(f"callback {response['id']} is sent again")


@callbacks.command()
@click.argument("url", required=False)
@json_option
def test(url: str | None, *, as_json: bool) -> int:
    """Send a signed event of a test to URL, by default the address of the server's settings.

    If the receiver takes it, it is sent again with a wrong signature, which the receiver must refuse. The exit status
    is 1 if anything is wrong.
    """
    with Client() as client:
        result = client.call("POST", "/callbacks/test", json={} if url is None else {"url": url}, timeout=TEST_TIMEOUT)
    if as_json:
        print_json(result)
    else:
        for line in _lines_of(result):
            click.echo(line)
    return 1 if result["problem"] else 0


def _lines_of(result: dict[str, Any]) -> Iterator[str]:
    """Yield what a person reads of the result of a test."""
    if result["delivered"]:
        yield f"{result['address']} took the event {result['id']} after {result['seconds']:.2f} s"
    if result["verifiesSignature"]:
        yield "it refused the event with a wrong signature"
    elif result["verifiesSignature"] is None and result["delivered"]:
        yield "whether it verifies signatures is not known: it did not answer to a wrong one"
    if result["problem"]:
        yield f"{result['address']}: {result['problem']}"


def _row(item: dict[str, Any]) -> tuple[object, ...]:
    reports = item["broadcastStatus"] or f"{item['results']:,} results"
    shown = (item["id"], reports, describe_time_of(item["createdAt"]), item["status"], item["tries"])
    return (*shown, describe_time_of(item["nextTryAt"]) or "", item["problem"] or "")
