"""``message``: one message with its text, its attempts and its receipts, or all messages to a number."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import rich_click as click
from click.core import ParameterSource

from host_litestar.cli.client import Client, without_none
from host_litestar.cli.job_ids import JOB_ID, find_job
from host_litestar.cli.output import (
    describe_exact_time,
    describe_reason,
    describe_time_of,
    json_option,
    print_json,
    print_table,
)
from host_litestar.cli.reasons import explain

TITLES = ("MESSAGE", "BROADCAST", "STATUS", "SENT", "DELIVERED", "READ", "REASON")
LIST_OPTIONS = {"job": "--job", "limit": "--limit", "cursor": "--after"}
DETAIL_OPTIONS = {"lang": "--lang"}
_MESSAGE_ID = re.compile(rf"(?P<job>{JOB_ID})-\d+")


@click.command()
@click.argument("message_or_number", metavar="MESSAGE|NUMBER")
@click.option("--job", metavar="JOB", help="Only messages of this broadcast.")
@click.option("--lang", metavar="LANGUAGE", help="Language of the explanation: en or id.")
@click.option(
    "--limit", type=click.IntRange(1, 200), default=50, show_default=True, help="Most messages that are listed."
)
@click.option("--after", "cursor", metavar="MESSAGE", help="Only messages behind the one with this id.")
@json_option
@click.pass_context
def message(
    context: click.Context,
    message_or_number: str,
    *,
    job: str | None,
    lang: str | None,
    limit: int,
    cursor: str | None,
    as_json: bool,
) -> None:
    """Show one message, by its id, or list the messages to a number in any spelling, the newest first."""
    found = _MESSAGE_ID.fullmatch(message_or_number.strip().lower())
    if found:
        _refuse_unused(context, LIST_OPTIONS, shown="the id of one message")
    else:
        _refuse_unused(context, DETAIL_OPTIONS, shown="the list of the messages to a number")
    with Client() as client:
        if found:
            path = f"/broadcast/{found['job']}/messages/{found[0]}"
            _show(client.call("GET", path, params=without_none({"lang": lang})), as_json=as_json)
            return
        path = "/messages" if job is None else f"/broadcast/{find_job(client, job)}/messages"
        parameters = without_none({"number": message_or_number, "limit": limit, "cursor": cursor})
        response = client.call("GET", path, params=parameters)
    if as_json:
        print_json(response)
        return
    print_table(TITLES, [_row(one) for one in response["items"]])
    if response["nextCursor"]:
        click.echo(f"there are more: add --after {response['nextCursor']}", err=True)


def _refuse_unused(context: click.Context, options: Mapping[str, str], *, shown: str) -> None:
    """Check that no option is given that has no effect on what is shown.

    :param options: each option by the name of its parameter.
    :raises UsageError: some are given.
    """
    sources = {option: context.get_parameter_source(name) for name, option in options.items()}
    given = [option for option, source in sources.items() if source is ParameterSource.COMMANDLINE]
    if given:
        raise click.UsageError(f"{shown} takes no {' and no '.join(given)}: leave it out")


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    for line in _lines_of(found):
        click.echo(line)


def _lines_of(found: dict[str, Any]) -> Iterator[str]:
    """Yield the lines that describe a message."""
    name = f" ({found['name']})" if found["name"] else ""
    yield f"{found['messageId']}: {found['status']}"
    yield f"broadcast: {found['broadcast']}"
    yield f"to: {found['number'] or 'no number'}{name}"
    if found["notRendered"]:
        yield f"no text: {found['notRendered']}"
    for field, value in {"text": found["text"], **found["content"], "variables": found["variables"]}.items():
        if value not in (None, {}, False):
            yield f"{field}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
    if found["providerId"]:
        yield f"provider's id: {found['providerId']}"
    for attempt in found["attemptLog"]:
        yield f"attempt {attempt['attempt']}: {describe_exact_time(attempt['at'])}, {_describe_attempt(attempt)}"
    for receipt in found["receipts"]:
        cause = _cause(receipt)
        yield f"receipt: {describe_exact_time(receipt['at'])}, {receipt['kind']}{': ' if cause else ''}{cause}"
    for act in found["acts"]:
        detail = f": {act['detail']}" if act["detail"] else ""
        yield f"act: {describe_exact_time(act['at'])}, {act['act']} by {act['actor']}{detail}"
    if found["explanation"]:
        yield from explain(found["explanation"])


def _describe_attempt(attempt: dict[str, Any]) -> str:
    times = f", {attempt['times']} times until {describe_exact_time(attempt['lastAt'])}" if attempt["lastAt"] else ""
    cause = _cause(attempt)
    return f"{attempt['connection'] or 'no connection'}, {attempt['outcome']}{times}{': ' if cause else ''}{cause}"


def _row(found: dict[str, Any]) -> tuple[object, ...]:
    times = (describe_time_of(found[field]) for field in ("sentAt", "deliveredAt", "readAt"))
    return found["messageId"], found.get("broadcast"), found["status"], *times, _cause(found)


def _cause(fields: dict[str, Any]) -> str:
    return describe_reason(fields["reason"], fields["detail"])
