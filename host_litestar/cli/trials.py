"""``send --test`` and ``send --rehearse``: one message to one number; the whole audience through the sandbox."""

import time
import uuid
from typing import TYPE_CHECKING, Any

import rich_click as click

from host_litestar.cli.contact_file import AnyFunction
from host_litestar.cli.output import describe_reason
from host_litestar.cli.progress import POLL_SECONDS, Backend
from host_litestar.cli.waiting import describe_waiting
from wabroadcast_core.models.status import OPEN_MESSAGES, SENT

if TYPE_CHECKING:
    from wabroadcast_core.models.message_detail import MessageDetail

LONGEST_ROW = 6  # digits of a row; more are a phone number


def trial_options(command: AnyFunction) -> AnyFunction:
    """Add the options for tests and rehearsals to a command."""
    for option in (
        click.option(
            "--rehearse",
            is_flag=True,
            help="Send to the whole audience through the sandbox, now: no phone gets a message.",
        ),
        click.option(
            "--as",
            "as_who",
            metavar="NUMBER|ROW",
            help="With --test: the recipient for whom the text is rendered. [default: the first one]",
        ),
        click.option(
            "--test",
            "test_number",
            metavar="NUMBER",
            help="Send one message to this number only, now; it is in no count and no report.",
        ),
    ):
        command = option(command)
    return command


def check_trial(*, test_number: str | None, as_who: str | None, rehearse: bool, preview: bool) -> None:
    """Check that the options of a trial fit together.

    :raises UsageError: they do not.
    """
    if sum((test_number is not None, rehearse, preview)) > 1:
        raise click.UsageError("--test, --rehearse and --preview exclude each other")
    if as_who is not None and test_number is None:
        raise click.UsageError("--as says for whom a test is rendered: add --test NUMBER")


def send_test(backend: Backend, draft: dict[str, Any], number: str, *, as_who: str | None, detach: bool) -> int:
    """Send a test and show its result.

    :param as_who: the number or the row of the recipient for whom the text is rendered.
    :param detach: whether to exit once it is accepted.
    :returns: the exit status: 0 if it was sent, or accepted with ``detach``; 1 otherwise.
    """
    sent = backend.send_test(draft, {"number": number, **_chosen(as_who)}, key=str(uuid.uuid4()))
    click.echo(f"test {sent.job_id}")
    for line in (sent.text or "").splitlines():
        click.echo(f"  {line}")
    if detach:
        return 0
    try:
        result = _follow(backend, sent)
    except KeyboardInterrupt:
        click.echo(
            f"\nthe test is sent as soon as it may: `GET /broadcast/test/{sent.job_id}` shows its result, and "
            f"`POST /broadcast/test/{sent.job_id}/cancel` ends it"
        )
        return 1
    return _report(result)


def rehearse(backend: Backend, draft: dict[str, Any]) -> str:
    """Submit a rehearsal, and show the numbers whose messages end in a special way.

    :returns: its job id.
    """
    rehearsal = backend.rehearse(draft, key=str(uuid.uuid4()))
    click.echo(f"rehearsal {rehearsal.job_id}, through {rehearsal.connection[0]}: no phone gets a message")
    if rehearsal.test_numbers:
        click.echo("messages to these numbers end in a special way, all others are accepted; no person is opted out:")
    for number, ending in rehearsal.test_numbers.items():
        click.echo(f"  {number}  {ending}")
    return rehearsal.job_id


def _chosen(as_who: str | None) -> dict[str, Any]:
    if as_who is None:
        return {}
    is_row = as_who.isascii() and as_who.isdecimal() and len(as_who) <= LONGEST_ROW and not as_who.startswith("0")
    return {"asRow": int(as_who)} if is_row else {"asNumber": as_who}


def _follow(backend: Backend, result: "MessageDetail") -> "MessageDetail":
    """Wait until a test has a final status. Show why it waits, where that is not its turn."""
    shown = None
    while result.status in OPEN_MESSAGES:
        cause = result.waiting_for
        waiting = None if cause is None else describe_waiting(cause.model_dump(mode="json", by_alias=True))
        if waiting not in {None, shown}:
            click.echo(f"waits: {waiting}")
            shown = waiting
        time.sleep(POLL_SECONDS)
        result = backend.test_result(result.job_id)
    return result


def _report(result: "MessageDetail") -> int:
    cause = describe_reason(result.reason, result.detail)
    click.echo(f"{result.status} to {result.number}{': ' if cause else ''}{cause}")
    if result.explanation is not None:
        click.echo(f"{result.explanation.meaning} {result.explanation.action}")
    return 0 if result.status == SENT else 1
