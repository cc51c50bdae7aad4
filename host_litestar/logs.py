"""Logging of our processes: one line an event, on stderr, and no phone number in it."""

import logging
import re
import sys
import traceback
from types import TracebackType
from typing import TypeAlias

from wabroadcast_core.audience.numbers import mask_number

_NUMBER = re.compile(r"(?<![\w.-])\+?\d{9,15}(?![\w.-])")
_QUIET = ("huey", "huey.consumer", "uvicorn", "uvicorn.error", "uvicorn.access", "httpx", "alembic")
_DEEPEST_FRAMES = 4

ErrorInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class LineFormatter(logging.Formatter):
    """One line an event: a traceback is folded into the places it passed, whatever looks like a number is masked."""

    def __init__(self, process: str) -> None:
        super().__init__(f"%(asctime)s %(levelname)s {process} %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return _NUMBER.sub(lambda match: mask_number(match[0]), self._fold(super().format(record)))

    def formatException(self, ei: ErrorInfo) -> str:  # noqa: N802 - the base class' name
        _, error, trace = ei
        frames = traceback.extract_tb(trace)[-_DEEPEST_FRAMES:]
        places = " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames)
        return f"{type(error).__name__}: {error} ({places})"

    @staticmethod
    def _fold(text: str) -> str:
        return " | ".join(line.strip() for line in text.splitlines() if line.strip())


def set_up_logging(process: str) -> None:
    """:param process: who speaks: ``serve``, ``web``, ``worker 1``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(process))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
