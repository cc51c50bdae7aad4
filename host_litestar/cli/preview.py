"""The output of ``send --preview``."""

import json
from typing import TYPE_CHECKING

import rich_click as click

from host_litestar.cli.output import print_notes
from wabroadcast_core.models.amounts import count_of

if TYPE_CHECKING:
    from wabroadcast_core.models.preview import Preview, PreviewMessage


def show_preview(preview: "Preview") -> int:
    """Print a preview.

    :returns: the exit status: 0 if every recipient would get a message, 1 otherwise.
    """
    part = "" if preview.complete else " read in time"
    if preview.total:
        recipients = count_of(preview.total, "recipient")
        click.echo(f"{preview.sendable:,} of {recipients}{part} would get a message")
    else:
        click.echo("the audience has no recipient")
    for reason, count in preview.skipped_by.items():
        click.echo(f"  skipped           {count:>7}  {reason}")
    for variable, count in preview.missing_variables.items():
        click.echo(f"  without variable  {count:>7}  {variable}")
    print_notes(preview.notes)
    for message in preview.messages:
        _show_message(message)
    if preview.starts_at is not None:
        click.echo(f"estimated start: {preview.starts_at.astimezone():%Y-%m-%d %H:%M %z}")
    if preview.finishes_at is not None:
        click.echo(f"estimated end: {preview.finishes_at.astimezone():%Y-%m-%d %H:%M %z}")
    return 0 if preview.sendable == preview.total > 0 else 1


def _show_message(message: "PreviewMessage") -> None:
    click.echo(f"to {message.number}{f' ({message.name})' if message.name else ''}:")
    for line in (message.text or "").splitlines():
        click.echo(f"  {line}")
    for name, value in message.content.items():
        if name != "previewUrl":
            click.echo(f"  {name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
