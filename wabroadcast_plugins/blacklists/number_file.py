"""Numbers that must not be messaged, from a text file.

Hooks: wab_blacklisted. Settings: WABROADCAST_BLACKLIST_FILE; off without it.

One number a line, in any spelling; a number that names no country is one of WABROADCAST_DEFAULT_REGION. Blank lines are
allowed, and ``#`` begins a comment. A change of the file counts from the next check on, without a restart. Replace
the file in one step (write a new file beside it, then rename it): a file that is half written is half a blacklist.

A line that is no number is named in the log by its line number and blocks no number; the other lines still count. A
file that is missing or unreadable raises an error, so that nothing is sent until it can be read again.

To read a million lines takes seconds, in which messages wait, and minutes the first time if they are foreign numbers.
A list that is that long and changes often belongs into the store: ``wabroadcast blacklist import``.
"""

import io
import logging
import os
import re
import threading
import time
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

from wabroadcast_core import NumberError, PluginError, Settings, hookimpl, parse_number
from wabroadcast_plugins.sentences import say
from wabroadcast_plugins.settings import read_plugin_settings

log = logging.getLogger(__name__)

Numbers: TypeAlias = "array[int]"  # sorted; the digits of a number in E.164 take 8 bytes, a string takes 70

SETTINGS: Final = ("WABROADCAST_BLACKLIST_FILE",)
SETTLED_SECONDS: Final = 2.0  # file systems count times in steps: a younger file may change without a newer time
MOST_NAMED: Final = 20  # faulty lines that one log line names
HEAD_BYTES: Final = 4_096
_E164: Final = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The numbers of one version of the file."""

    version: tuple[int, ...]
    settled: bool  # a later change would show in the version
    numbers: Numbers


class NumberFile:
    """A blacklist that is a text file.

    :param path: the file.
    :param region: two letters; the country of numbers that name none.
    """

    def __init__(self, path: Path, *, region: str) -> None:
        self._path = path
        self._region = region
        self._lock = threading.Lock()
        self._snapshot: _Snapshot | None = None
        self._logged = ""

    @hookimpl
    def wab_blacklisted(self, numbers: Sequence[str]) -> dict[str, str]:
        blocked = self._read_current()
        reason = say("number_listed", file=self._path.name)
        return {number: reason for number in numbers if _contains(blocked, int(number[1:]))}

    def _read_current(self) -> Numbers:
        """Return the numbers of the file as it is now. A second thread waits while the first one reads the file.

        :raises PluginError: the file cannot be read.
        """
        with self._lock:
            try:
                known = self._snapshot
                if known is None or not known.settled or known.version != _version_of(self._path.stat()):
                    known = self._snapshot = self._read_file()
            except OSError as error:
                raise PluginError(
                    f"the blacklist file {self._path} cannot be read ({error.strerror}): "
                    f"restore it, or unset {SETTINGS[0]} and restart"
                ) from error
            return known.numbers

    def _read_file(self) -> _Snapshot:
        with self._path.open("rb") as file:
            status = os.fstat(file.fileno())  # before the first byte: a change while it is read is noticed afterwards
            settled = abs(time.time() - status.st_mtime) > SETTLED_SECONDS
            self._check_encoding(file)
            with io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace") as lines:
                numbers, faults = self._parse_lines(lines)
        self._log_faults(faults)
        return _Snapshot(_version_of(status), settled, numbers)

    def _check_encoding(self, file: BinaryIO) -> None:
        """Refuse UTF-16, in which no line would be a number.

        :raises PluginError: the file is not UTF-8.
        """
        if b"\0" in file.read(HEAD_BYTES):
            raise PluginError(f"the blacklist file {self._path} is no UTF-8 text: save it as UTF-8")
        file.seek(0)

    def _parse_lines(self, lines: Iterable[str]) -> tuple[Numbers, dict[int, str]]:
        """Return the numbers, and for each line that holds none the reason."""
        numbers, faults = array("Q"), dict[int, str]()
        for place, line in enumerate(lines, 1):
            text = line.partition("#")[0].strip()
            if text:
                try:
                    numbers.append(self._parse(text))
                except NumberError as error:
                    faults[place] = error.reason
        return array("Q", sorted(numbers)), faults

    def _parse(self, text: str) -> int:
        """Return the digits of a number.

        What the file had before in this very form is not parsed again: a foreign number takes a tenth of a
        millisecond, so a million of them would hold up the messages for minutes at every change.

        :raises NumberError: it is no number.
        """
        if self._snapshot is not None and _E164.fullmatch(text) and _contains(self._snapshot.numbers, int(text[1:])):
            return int(text[1:])
        return int(parse_number(text, region=self._region)[1:])

    def _log_faults(self, faults: dict[int, str]) -> None:
        named = [f"line {place} ({reason})" for place, reason in list(faults.items())[:MOST_NAMED]]
        more = [f"{len(faults) - MOST_NAMED} more"] if len(faults) > MOST_NAMED else []
        text = ", ".join(named + more)
        if text and text != self._logged:
            log.warning("blacklist file %s: these lines hold no phone number and block none: %s", self._path, text)
        self._logged = text


def create_plugin(settings: Settings) -> NumberFile | None:
    """Return the plugin, or None where no file is set.

    :raises SetupError: a setting of the built-in plugins does not fit.
    """
    path = read_plugin_settings().blacklist_file
    return None if path is None else NumberFile(path, region=settings.default_region)


def _version_of(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _contains(numbers: Numbers, digits: int) -> bool:
    place = bisect_left(numbers, digits)
    return place < len(numbers) and numbers[place] == digits
