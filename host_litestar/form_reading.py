"""Reading of multipart forms: files go to temporary files, and every text field is known, short and UTF-8.

Which parts are files is decided by the form that the route declares, not by their file names: a program may send a file
without one, or a text field from a file.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin, get_type_hints
from urllib.parse import unquote

from litestar import Request
from litestar.datastructures import UploadFile
from multipart import MultipartError, MultipartSegment, PushMultipartParser

from host_litestar.request_bodies import body_pieces
from wabroadcast_core.errors import Fault, InvalidInputError
from wabroadcast_core.models.base import shorten
from wabroadcast_core.sentences import Sentence, foreign

MULTIPART = "multipart/form-data"
MOST_PARTS = 120
LONGEST_TEXT = 256 * 1024  # bytes, of all text fields together
LONGEST_HEADERS = 16 * 1024  # bytes, of one part

_EXTENDED_NAME = re.compile(r";\s*filename\*\s*=\s*\"?([\w.:-]+)'[^']*'([^;\"\s]*)", re.IGNORECASE)

FormValue = str | UploadFile


@dataclass(frozen=True, slots=True)
class FormFields:
    """The fields of a form, by what they hold.

    ``is_open``: a file may be missing, and every other field is a text, which may be repeated.
    """

    files: frozenset[str]
    lists: frozenset[str]
    texts: frozenset[str]
    is_open: bool = False

    def is_text(self, name: str | None) -> bool:
        """Return whether a field that is no file holds a text."""
        return self.is_open or name in self.texts

    @classmethod
    def of(cls, form: type[Any]) -> "FormFields":
        """Return the fields of a form's dataclass. A field may be repeated if its type has a list."""
        hints = get_type_hints(form)
        files = {name for name, hint in hints.items() if hint is UploadFile}
        lists = {
            name for name, hint in hints.items() if any(get_origin(one) is list for one in (hint, *get_args(hint)))
        }
        return cls(frozenset(files), frozenset(lists), frozenset(hints) - files)


@dataclass(slots=True)
class _Reader:
    """Collects the parts of one form."""

    fields: FormFields
    values: dict[str, list[FormValue]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    text: bytearray = field(default_factory=bytearray)
    text_size: int = 0
    part: MultipartSegment | None = None
    file: UploadFile | None = None

    def begin(self, part: MultipartSegment) -> None:
        """Begin a part."""
        self.part, self.file = part, None
        self.text.clear()
        if part.name in self.fields.files:
            self.file = UploadFile(
                content_type=part.content_type or "text/plain",
                filename=_file_name(part) or "",
                headers=dict(part.headerlist),
            )

    async def add(self, content: bytes) -> None:
        """Add content to the part.

        :raises InvalidInputError: the texts of the form are too long.
        """
        if self.file is not None:
            await self.file.write(content)
            return
        self.text_size += len(content)
        if self.text_size > LONGEST_TEXT:
            name = self.part.name if self.part else None
            text = "the text fields have more than {most} bytes"
            raise InvalidInputError([Fault(name or "", Sentence("long_text_fields", text, most=LONGEST_TEXT))])
        if self.part is not None and self.fields.is_text(self.part.name):
            self.text += content

    async def end(self) -> None:
        """End the part, and keep its value."""
        if self.part is None:
            return
        name = self.part.name or ""
        value: FormValue | None = self.file
        if self.file is not None:
            await self.file.seek(0)
        elif self.fields.is_text(name):
            value = self._decode(name)
        else:
            self.faults.append(Fault(shorten(name), f"unknown field: the form has {', '.join(self._known())}"))
        if value is not None:
            self.values.setdefault(name, []).append(value)
        self.part = self.file = None

    def _decode(self, name: str) -> str | None:
        try:
            return self.text.decode()
        except UnicodeDecodeError as error:
            text = "the text is not UTF-8: fault at byte {n}"
            self.faults.append(Fault(name, Sentence("field_not_utf8", text, n=error.start + 1)))
            return None

    def _known(self) -> list[str]:
        return sorted(self.fields.files | self.fields.texts)

    def result(self) -> dict[str, Any]:
        """Return the values by field.

        :raises InvalidInputError: there are faults; all are named.
        """
        faults = [*self.faults, *([] if self.fields.is_open else [*self._missing_files(), *self._repeated()])]
        if faults:
            raise InvalidInputError(faults)
        return {name: values if len(values) > 1 else values[0] for name, values in self.values.items()}

    def _missing_files(self) -> Iterator[Fault]:
        for name in sorted(self.fields.files - self.values.keys()):
            yield Fault(name, "required")

    def _repeated(self) -> Iterator[Fault]:
        for name, values in self.values.items():
            if len(values) > 1 and name not in self.fields.lists:
                yield Fault(name, "the field is given twice")

    async def close(self) -> None:
        """Close the files, after a fault."""
        files = [value for values in self.values.values() for value in values if isinstance(value, UploadFile)]
        for file in [*files, *filter(None, [self.file])]:
            await file.close()


async def read_form(request: Request[Any, Any, Any], fields: FormFields) -> dict[str, Any]:
    """Read the form of a request.

    :returns: a text, a file or a list of texts by field.
    :raises InvalidInputError: the body is no such form; each fault is named.
    """
    media_type, options = request.content_type
    if media_type != MULTIPART or "boundary" not in options:
        text = "the body is not a form: send it as {type}, with its boundary"
        raise InvalidInputError([Fault("", Sentence("no_multipart_form", text, type=MULTIPART))])
    reader = _Reader(fields)
    try:
        await _feed(request, options["boundary"], reader)
        return reader.result()
    except MultipartError as error:
        await reader.close()
        text = "the form cannot be read: {error}"
        raise InvalidInputError([Fault("", Sentence("form_unreadable", text, error=foreign(str(error))))]) from None
    except BaseException:
        await reader.close()
        raise


async def _feed(request: Request[Any, Any, Any], boundary: str, reader: _Reader) -> None:
    with PushMultipartParser(
        boundary, max_segment_count=MOST_PARTS, max_header_size=LONGEST_HEADERS, max_header_count=32
    ) as parser:
        async for chunk in body_pieces(request):
            for part in parser.parse(chunk):
                if isinstance(part, MultipartSegment):
                    reader.begin(part)
                elif part:
                    await reader.add(bytes(part))
                else:
                    await reader.end()
            if parser.closed:
                return


def _file_name(part: MultipartSegment) -> str | None:
    """Return the file name of a part. Its extended form (RFC 8187) goes first, as in other headers."""
    if extended := _EXTENDED_NAME.search(part.header("Content-Disposition") or ""):
        with suppress(LookupError):  # an encoding that Python does not know
            return unquote(extended[2], encoding=extended[1], errors="replace")
    filename: str | None = part.filename
    return filename
