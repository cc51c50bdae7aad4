"""Shows what a broadcast would do: ``send --preview``."""

import rich_click as click

from wabroadcast_core.models.preview import Preview, PreviewMessage


def show_preview(preview: Preview) -> int:
    """Print it. :returns: 0 when everybody would get it, 1 otherwise."""
    looked = "" if preview.complete else " of those looked at"
    click.echo(f"{preview.sendable} of {preview.total} would get it{looked}")
    for reason, number in preview.skipped_by.items():
        click.echo(f"  skipped  {number:>7}  {reason}")
    for variable, number in preview.missing_variables.items():
        click.echo(f"  without  {number:>7}  {variable}")
    for message in preview.messages:
        _show_message(message)
    if preview.finishes_at is not None:
        click.echo(f"it would end at {preview.finishes_at.astimezone():%Y-%m-%d %H:%M %z}")
    return 0 if preview.sendable == preview.total > 0 else 1


def _show_message(message: PreviewMessage) -> None:
    click.echo(f"to {message.number}{f' ({message.name})' if message.name else ''}:")
    for line in (message.text or "").splitlines():
        click.echo(f"  {line}")
