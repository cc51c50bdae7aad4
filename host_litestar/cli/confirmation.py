"""The question before many people get a message."""

import sys
from typing import Any

import rich_click as click

from host_litestar.cli.errors import RefusedError
from host_litestar.cli.output import print_notes
from host_litestar.cli.progress import Backend

MOST_WITHOUT_QUESTION = 100  # people


def confirm_send(backend: Backend, draft: dict[str, Any]) -> None:
    """Ask a person at a terminal before more than ``MOST_WITHOUT_QUESTION`` people get a message.

    What the preview notes about the audience is printed for fewer people too.

    :raises RefusedError: the answer is no.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    preview = backend.preview(draft)
    print_notes(preview.notes)
    if preview.complete and preview.sendable <= MOST_WITHOUT_QUESTION:
        return
    people = f"{preview.sendable:,}" if preview.complete else f"more than {preview.sendable:,}"
    if not click.confirm(f"Send to {people} people?"):
        raise RefusedError("nothing was sent; --yes sends without this question")
