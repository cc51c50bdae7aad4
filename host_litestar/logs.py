"""Logging of the server's processes: one line an event, on standard error, phone numbers masked."""

import logging
import re
import sys
import traceback
from types import TracebackType
from typing import TypeAlias

from wabroadcast_core.audience.numbers import mask_number

_NUMBER = re.compile(r"(?<![\w.-])\+?\d{9,15}(?![\w.-])")
_VERBOSE_LIBRARIES = ("huey", "huey.consumer", "uvicorn", "uvicorn.error", "uvicorn.access", "httpx", "alembic")
_MOST_FRAMES = 4  # of a traceback, the innermost ones

ErrorInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class LineFormatter(logging.Formatter):
    """Formatter that writes each event on one line and masks everything that looks like a phone number.

    Of a traceback it writes the error and the innermost places, joined by ``>``.
    """

    def __init__(self, process: str) -> None:
        super().__init__(f"%(asctime)s %(levelname)s {process} %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return _NUMBER.sub(lambda match: mask_number(match[0]), self._join_lines(super().format(record)))

    def formatException(self, ei: ErrorInfo) -> str:  # noqa: N802 - the base class' name
        _, error, trace = ei
        frames = traceback.extract_tb(trace)[-_MOST_FRAMES:]
        places = " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames)
        return f"{type(error).__name__}: {error} ({places})"

    @staticmethod
    def _join_lines(text: str) -> str:
        return " | ".join(line.strip() for line in text.splitlines() if line.strip())


def set_up_logging(process: str) -> None:
    """Log events of level INFO and above to standard error; of some libraries only warnings and errors.

    :param process: name of this process in each line: ``serve``, ``web``, ``worker 1``.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(process))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in _VERBOSE_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
