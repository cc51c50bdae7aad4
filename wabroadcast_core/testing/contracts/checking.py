"""What all contract suites share: how a check fails, and what a plugin prints and logs."""

import base64
import contextlib
import io
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from pydantic import BaseModel, SecretBytes, SecretStr

from wabroadcast_core.models.message import OutgoingMessage

_HTTP_LIBRARIES: Final = ("httpx", "httpcore", "asyncio", "hpack")  # what they log below INFO is not the plugin's
LOGGED_SECRET: Final = "the log contains a secret: log the name of the setting instead, its value at no level"  # noqa: S105 - a fault
LOGGED_NUMBER: Final = (
    "the log (from INFO up) or what is printed contains a phone number: leave it out, or mask it (mask_number)"
)


def require(kept: object, fault: str) -> None:
    """Fail the check unless the contract is kept.

    :param fault: what is wrong and how to mend it.
    :raises AssertionError: it is not kept. An ``assert`` statement would not be executed under ``python -O``.
    """
    if not kept:
        raise AssertionError(fault)


def require_no_faults(faults: Sequence[str]) -> None:
    """Fail the check if there is a fault.

    :raises AssertionError: there is one; its text has all of them.
    """
    require(not faults, "; ".join(faults))


def secrets_in(value: object) -> Iterator[str]:
    """Yield the secrets in settings, also those in nested models, lists and mappings."""
    match value:
        case SecretStr() if value.get_secret_value():
            yield value.get_secret_value()
        case SecretBytes() if value.get_secret_value():
            yield value.get_secret_value().decode(errors="replace")
        case BaseModel():
            for _name, part in value:
                yield from secrets_in(part)
        case Mapping():
            for part in value.values():
                yield from secrets_in(part)
        case list() | tuple() | set() | frozenset():
            for part in value:
                yield from secrets_in(part)


def has_secret(text: str, settings: object) -> bool:
    """Return whether a text contains a secret, as it is, in a URL, or in Base64."""
    return any(form in text for secret in secrets_in(settings) for form in _forms_of(secret))


def _forms_of(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    yield base64.b64encode(secret.encode()).decode().rstrip("=")


def has_number(text: str, numbers: Iterable[str]) -> bool:
    """Return whether a text contains one of these numbers, with or without the plus sign."""
    return any(number.lstrip("+") in text for number in numbers if number.lstrip("+"))


def personal_parts(text: str, messages: Sequence[OutgoingMessage]) -> list[str]:
    """Return what a text contains of messages: ``a phone number``, ``the text of a message``."""
    bare = text
    for message in messages:
        bare = bare.replace(message.message_id, "")  # an id of a test may be made of the number
    found = ["a phone number"] if has_number(bare, [message.number for message in messages]) else []
    texts = [message.text for message in messages if message.text]
    return [*found, *(["the text of a message"] if any(each in text for each in texts) else [])]


class Output(logging.Handler):
    """What a plugin logs and prints."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.printed = io.StringIO()
        self._lines: list[tuple[logging.LogRecord, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Store a log line, with its traceback."""
        self._lines.append((record, self.format(record)))

    @property
    def shown(self) -> str:
        """The log from INFO up, and what was printed."""
        lines = [line for record, line in self._lines if record.levelno >= logging.INFO]
        return "\n".join([*lines, self.printed.getvalue()])

    @property
    def whole(self) -> str:
        """The log of all levels, and what was printed; of libraries for HTTP only the levels from INFO up."""
        lines = [
            line
            for record, line in self._lines
            if record.levelno >= logging.INFO or not record.name.startswith(_HTTP_LIBRARIES)
        ]
        return "\n".join([*lines, self.printed.getvalue()])


@contextlib.contextmanager
def captured_output() -> Iterator[Output]:
    """Capture what is logged and printed meanwhile, by all threads."""
    root, output = logging.getLogger(), Output()
    level = root.level
    root.addHandler(output)
    root.setLevel(logging.DEBUG)
    try:
        with contextlib.redirect_stdout(output.printed), contextlib.redirect_stderr(output.printed):
            yield output
    finally:
        root.setLevel(level)
        root.removeHandler(output)


def type_of(value: Any) -> str:
    """Return the name of the type of a value, for the text of a fault."""
    return type(value).__name__
