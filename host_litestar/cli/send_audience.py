"""The audience of ``send``: a contact file, tags of the contact book, or any contact source."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rich_click as click

from host_litestar.cli.contact_file import AnyFunction
from host_litestar.cli.errors import RefusedError
from host_litestar.cli.progress import Backend

AUDIENCE = ("tags", "match", "without", "everyone", "kind", "fields")
_OPTIONS = {"mapping": "column"}  # the option of a choice, where it has another name
_CHOICES_OF_KIND: Mapping[str, frozenset[str]] = {
    "csv": frozenset({"mapping", "region", "delimiter", "encoding"}),
    "excel": frozenset({"mapping", "region", "sheet"}),
    "vcard": frozenset({"region"}),
}
"""How the files of each kind can be read; a file of another kind is the server's to check."""


class FieldType(click.ParamType[tuple[str, Any]]):
    """A field of a contact source: ``query=customers``, or ``limit:=5`` for a value in JSON; dots lead inside."""

    name = "name=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        name, separator, text = str(value).partition("=")
        if not separator or not name.strip(" :"):
            self.fail(f"{value!r} is not a field: write NAME=VALUE", param, ctx)
        if not name.endswith(":"):
            return name.strip(), text
        try:
            return name[:-1].strip(), json.loads(text)
        except ValueError:
            self.fail(f"{text!r} is not JSON: write NAME=VALUE for a plain text", param, ctx)


def audience_options(command: AnyFunction) -> AnyFunction:
    """Add the options for the audience to a command. It gets them under the names in :data:`AUDIENCE`."""
    for option in (
        click.option(
            "--field",
            "fields",
            type=FieldType(),
            multiple=True,
            help="Field of the --source, as query=customers or parameters.city=Solo; NAME:=JSON for other values.",
        ),
        click.option("--source", "kind", help="Kind of contact source, such as database, or one of a plugin."),
        click.option("--everyone", is_flag=True, help="To all contacts of the contact book."),
        click.option("--without", multiple=True, metavar="TAG", help="Not to contacts with this tag; may be repeated."),
        click.option("--all", "match", flag_value="all", help="Of several tags, a contact must have all."),
        click.option("--any", "match", flag_value="any", help="Of several tags, one is enough. [default]"),
        click.option("--tag", "tags", multiple=True, help="To contacts with this tag; may be repeated."),
    ):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class Audience:
    """The audience as the command line names it."""

    file: Path | None
    choices: Mapping[str, Any]
    """How to read the file."""
    tags: tuple[str, ...]
    match: str | None
    without: tuple[str, ...]
    everyone: bool
    kind: str | None
    fields: tuple[tuple[str, Any], ...]

    @property
    def title(self) -> str:
        """A name for the broadcast, if none is given."""
        if self.file is not None:
            return self.file.name
        if self.kind is not None:
            return self.kind
        return ", ".join(self.tags) or "all contacts"

    def check(self) -> None:
        """Check that the options name one audience.

        :raises UsageError: they name none or several, or an option has no effect.
        """
        from_book = bool(self.tags or self.everyone)
        if self.tags and self.everyone:
            raise click.UsageError("--tag and --everyone exclude each other")
        if from_book and (self.file is not None or self.kind is not None):
            raise click.UsageError("there are two audiences: give either FILE, --source, or --tag or --everyone")
        if not from_book and self.file is None and self.kind is None:
            raise click.UsageError("there is no audience: give a FILE, --tag, --everyone or --source")
        if self.match and not self.tags:
            raise click.UsageError(f"--{self.match} says how tags count: add --tag, or use --everyone for all contacts")
        if self.without and not from_book:
            raise click.UsageError("--without leaves out contacts of the contact book: add --tag or --everyone")
        if self.fields and self.kind is None:
            raise click.UsageError("--field belongs to a contact source: add --source")
        if self.choices and self.file is None:
            raise click.UsageError("there is no FILE: leave out the options that say how it is read")

    def source(self, backend: Backend) -> dict[str, Any]:
        """Return the ``source`` of the broadcast; a file is uploaded.

        :raises RefusedError: the server refuses the file, an option does not fit it, or no contact has one of the tags.
        """
        fields = _nest(self.fields)
        if self.file is not None:
            upload = backend.upload(self.file)
            kind = self.kind or upload.kind
            _check_choices(self.choices, kind=kind)
            return {"type": kind, "uploadId": upload.upload_id, **self.choices, **fields}
        if self.kind is not None:
            return {"type": self.kind, **fields}
        _check_tags([*self.tags, *self.without], known=backend.tags())
        return {"type": "contacts", "tags": self.tags, "match": self.match or "any", "without": self.without}


def _nest(fields: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """Return fields as an object; a dot in a name leads into an object of the object."""
    nested: dict[str, Any] = {}
    for name, value in fields:
        *path, last = name.split(".")
        inner = nested
        for part in path:
            inner = inner.setdefault(part, {})
            if not isinstance(inner, dict):
                raise click.UsageError(f"--field {name} leads into a field that is not an object")
        inner[last] = value
    return nested


def _check_choices(choices: Iterable[str], *, kind: str) -> None:
    known = _CHOICES_OF_KIND.get(kind)
    for choice in choices:
        if known is not None and choice not in known:
            option = _OPTIONS.get(choice, choice)
            raise RefusedError(f"a file of kind {kind} has no {option}: leave out --{option}")


def _check_tags(tags: list[str], *, known: list[str]) -> None:
    from wabroadcast_core.models.contact import fold_tag

    folded = set(map(fold_tag, known))
    for tag in tags:
        if fold_tag(tag) not in folded:
            listed = f"the tags are {', '.join(sorted(known))}" if known else "import contacts with --tag first"
            raise RefusedError(f"there is no tag {tag!r}: {listed}")
