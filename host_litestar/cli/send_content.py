"""The message of ``send``: a text, a file with or without a caption, or a template that a provider has approved."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rich_click as click

from host_litestar.cli.contact_file import AnyFunction
from host_litestar.cli.errors import RefusedError
from host_litestar.cli.progress import Backend

CONTENT = ("message", "image", "document", "video", "audio", "filename", "template", "language", "values", "components")
MEDIA = ("image", "document", "video", "audio")
_CAPTIONS = dict.fromkeys(MEDIA, "--message is its caption") | {"audio": "it has no caption"}


def content_options(command: AnyFunction) -> AnyFunction:
    """Add the options for the message to a command. It gets them under the names in :data:`CONTENT`."""
    for option in (
        click.option(
            "--components",
            metavar="JSON",
            help="All components of the template, for headers and buttons; @FILE reads them from FILE.",
        ),
        click.option(
            "--value",
            "values",
            multiple=True,
            help="Value of the template's next placeholder, such as {{ name }}; may be repeated.",
        ),
        click.option("--language", help="Language of the template, as id or en_US."),
        click.option("--template", metavar="NAME", help="Template that is approved by Meta, instead of a text."),
        click.option("--filename", help="Name of the file that a person sees. [default: name of a --document]"),
        *(
            click.option(f"--{kind}", metavar="FILE|URL", help=f"Send this {kind}; {_CAPTIONS[kind]}.")
            for kind in reversed(MEDIA)
        ),
        click.option(
            "--message",
            "-m",
            help="Text of the message; {{ column }} is replaced by the value of a column. @FILE reads it from FILE.",
        ),
    ):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class MessageOptions:
    """The message as the command line names it."""

    message: str | None
    image: str | None
    document: str | None
    video: str | None
    audio: str | None
    filename: str | None
    template: str | None
    language: str | None
    values: tuple[str, ...]
    components: str | None

    def check(self) -> None:
        """Check that the options name one message.

        :raises UsageError: they name none or several, or an option has no effect.
        """
        media = [kind for kind in MEDIA if getattr(self, kind) is not None]
        if len(media) > 1 or (self.template is not None and (media or self.message is not None)):
            raise click.UsageError("there are several messages: give one of --message, one file, or --template")
        if not (media or self.template or self.message is not None):
            raise click.UsageError("there is no message: give --message, a file such as --image, or --template")
        if self.template is None and (self.language or self.values or self.components):
            raise click.UsageError("--language, --value and --components belong to a template: add --template")
        if self.template is not None and not self.language:
            raise click.UsageError("the template has no language: add --language, as id or en_US")
        if self.values and self.components:
            raise click.UsageError("--value and --components exclude each other: write the values into the components")
        if self.audio is not None and self.message is not None:
            raise click.UsageError("an audio file has no caption: leave out --message")
        if self.filename and not media:
            raise click.UsageError("--filename names a file: add one, such as --document")

    def content(self, backend: Backend) -> dict[str, Any]:
        """Return the ``message`` of the broadcast; files are uploaded.

        :raises RefusedError: a file cannot be read, or the server refuses it.
        """
        if self.template is not None:
            template = {"name": self.template, "language": self.language, "components": self._components()}
            return {"type": "template", "template": template}
        for kind in MEDIA:
            if (file := getattr(self, kind)) is not None:
                return self._media(kind, file, backend)
        return {"type": "text", "text": read_message(self.message or "")}

    def _media(self, kind: str, file: str, backend: Backend) -> dict[str, Any]:
        caption = {} if self.message is None else {"caption": read_message(self.message)}
        remote = file.startswith(("http://", "https://"))
        media = {"url": file} if remote else {"uploadId": backend.upload(_existing(file)).upload_id}
        name = self.filename or (Path(file).name if kind == "document" and not remote else None)
        return {"type": kind, "media": media, **caption, **({"filename": name} if name else {})}

    def _components(self) -> Any:
        if self.components is None:
            values = [{"type": "text", "text": value} for value in self.values]
            return [{"type": "body", "parameters": values}] if values else []
        try:
            return json.loads(read_message(self.components))
        except ValueError as error:
            raise RefusedError(f"the components are not JSON: {error}") from None


def read_message(text: str) -> str:
    """Return the text itself, or for ``@FILE`` the content of that file.

    :raises RefusedError: the file cannot be read, or is not UTF-8 text.
    """
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RefusedError(f"the message file {text[1:]} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RefusedError(f"the message file {text[1:]} is not UTF-8 text") from error


def _existing(file: str) -> Path:
    path = Path(file)
    if not path.is_file():
        raise RefusedError(f"there is no file {file}: give its path, or an address that begins with https://")
    return path
