"""Logging of the server's processes: one line an event, on standard error, phone numbers masked.

A line is text, or a JSON object whose fields a log collector can search.
"""

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal, TypeAlias

from wabroadcast_core.audience.numbers import mask_number

_NUMBER = re.compile(r"(?<![\w.-])\+?\d{9,15}(?![\w.-])")
_USERINFO = re.compile(r"://[^/@\s]+@")
_PLACEHOLDER = re.compile(r"%%|(?:\b(connection|broadcast|message) )?(%[^a-zA-Z%]*[a-zA-Z])")
_NAME = re.compile(r"[\w-]+")
_FIELDS = {"connection": "connection", "broadcast": "job", "message": "job"}
_VERBOSE_LIBRARIES = ("huey", "huey.consumer", "uvicorn", "uvicorn.error", "uvicorn.access", "httpx", "alembic")
_MOST_FRAMES = 4  # of a traceback, the innermost ones

ErrorInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class LineFormatter(logging.Formatter):
    """Formatter that writes each event on one line of text.

    Of a traceback it writes the error and the innermost places, joined by ``>``.
    """

    def __init__(self, process: str) -> None:
        super().__init__(f"%(asctime)s %(levelname)s {process} %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return _mask(_join_lines(super().format(record)))

    def formatException(self, ei: ErrorInfo) -> str:  # noqa: N802 - the base class' name
        return _describe(ei)


class JsonFormatter(logging.Formatter):
    """Formatter that writes each event as a JSON object on one line.

    The fields ``connection`` and ``job`` are there if the text names them, as all log lines of this program do.
    """

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "process": self._process,
            "message": _join_lines(record.getMessage()),
            **_subjects_of(record),
        }
        if record.exc_info:
            fields["error"] = _join_lines(_describe(record.exc_info))
        return json.dumps({name: _mask(value) for name, value in fields.items()}, ensure_ascii=False)


def _subjects_of(record: logging.LogRecord) -> dict[str, str]:
    """Return the names of the connection and the job in the arguments of a log line.

    An argument is the name of a connection if the text has ``connection %s`` there; likewise for ``broadcast %s`` and
    ``message %s``, whose id begins with that of its job.
    """
    arguments = record.args if isinstance(record.args, tuple) else ()
    found: dict[str, str] = {}
    words = [word for word, placeholder in _PLACEHOLDER.findall(str(record.msg)) if placeholder]
    for word, argument in zip(words, arguments, strict=False):
        if word and _NAME.fullmatch(str(argument)):
            name = str(argument).rpartition("-")[0] if word == "message" else str(argument)
            found.setdefault(_FIELDS[word], name)
    return found


def _mask(text: str) -> str:
    """Mask everything that looks like a phone number, and the user and the password in an address."""
    return _NUMBER.sub(lambda match: mask_number(match[0]), _USERINFO.sub("://…@", text))


def _join_lines(text: str) -> str:
    return " | ".join(line.strip() for line in text.splitlines() if line.strip())


def _describe(info: ErrorInfo) -> str:
    """Return an error with the innermost places of its traceback."""
    _, error, trace = info
    frames = traceback.extract_tb(trace)[-_MOST_FRAMES:]
    places = " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames)
    return f"{type(error).__name__}: {error} ({places})"


def set_up_logging(process: str, *, log_format: Literal["text", "json"]) -> None:
    """Log events of level INFO and above to standard error; of some libraries only warnings and errors.

    :param process: name of this process in each line: ``serve``, ``web``, ``worker 1``.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(process) if log_format == "json" else LineFormatter(process))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in _VERBOSE_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
