"""The form of a webhook call, parsed when its sender reads the first field: most senders read only the body."""

import io
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Final
from urllib.parse import parse_qsl

from multipart import MultipartError, MultipartParser, parse_options_header

FORM_BYTES: Final = 1024 * 1024  # of a call that is a form
FIELDS: Final = 1_000  # of a call's form, and of its query string
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
_FORMS: Final = frozenset({URLENCODED, MULTIPART})


def is_form(content_type: str) -> bool:
    """Return whether the header ``Content-Type`` of a call claims that its body is a form."""
    return content_type.partition(";")[0].strip().lower() in _FORMS


class WebhookForm(Mapping[str, str]):
    """The text fields of a form, without its files; empty if the body is not a form.

    :param content_type: the header ``Content-Type`` of the call.
    """

    def __init__(self, content_type: str, body: bytes) -> None:
        self._media_type, self._options = parse_options_header(content_type)
        self._body = body

    def count_fields(self) -> int:
        """Return the number of fields that the body can have at most. Nothing is parsed for it."""
        if self._media_type == URLENCODED:
            return self._body.count(b"&") + 1
        boundary = self._options.get("boundary", "") if self._media_type == MULTIPART else ""
        return self._body.count(b"--" + boundary.encode("latin-1", "replace")) - 1 if boundary else 0

    def __getitem__(self, name: str) -> str:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    @cached_property
    def _fields(self) -> dict[str, str]:
        if self._media_type == URLENCODED:
            return dict(parse_qsl(self._body.decode(errors="replace"), keep_blank_values=True, max_num_fields=FIELDS))
        if self._media_type != MULTIPART or not self._options.get("boundary"):
            return {}
        try:
            parts = list(MultipartParser(io.BytesIO(self._body), self._options["boundary"], part_limit=FIELDS))
            return {part.name: part.value for part in parts if part.name and not part.filename}
        except (MultipartError, UnicodeError, LookupError):  # a part may name any character set
            return {}
