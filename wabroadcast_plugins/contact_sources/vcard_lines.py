"""The lines of vCard files (2.1, 3.0 and 4.0): unfolded, and parsed into properties.

A property that is not asked for, such as a photo, is passed over line by line and takes no memory.
"""

import quopri
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from wabroadcast_core import LONGEST_FIELD, FileError, Sentence

LONGEST_LINE: Final = LONGEST_FIELD  # bytes, unfolded
_LINES_BETWEEN_LOOKS: Final = 1_000
_LONG_LINE: Final = Sentence("long_vcard_line", "the line is too long for a vCard: export the file again")
_BOM: Final = b"\xef\xbb\xbf"
_OTHER_UNICODE: Final = (b"\xff\xfe", b"\xfe\xff")
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_QUOTED_PRINTABLE: Final = "QUOTED-PRINTABLE"


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a card. ``name``, the names of parameters and the types are in upper case."""

    row: int  # the line of the file, from 1
    name: str
    value: str
    types: frozenset[str] = field(default_factory=frozenset)

    def parts(self) -> list[str]:
        """Return the parts of a structured value, such as a name."""
        return [unescape(part) for part in re.split(r"(?<!\\);", self.value)]


def unescape(value: str) -> str:
    """Return a value without its escapes, in one line."""
    return " ".join(_ESCAPED.sub(lambda match: " " if match[1] in "nN" else match[1], value).split())


def read_properties(file: BinaryIO, *, names: Collection[str], is_over: Callable[[], bool]) -> Iterator[Property]:
    """Yield the properties of these names, in the order of the file.

    :param is_over: returns whether to end the reading; called now and then.
    :raises FileError: the file is no text in UTF-8, or a line is too long.
    """
    wanted = frozenset(name.encode() for name in names)
    for row, line in _unfolded(_physical_lines(file, is_over), wanted):
        yield _parse(line, row)


def _physical_lines(file: BinaryIO, is_over: Callable[[], bool]) -> Iterator[tuple[int, bytes]]:
    for row, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), b""), 1):
        if row == 1 and line.startswith(_OTHER_UNICODE):
            raise FileError(Sentence("vcard_utf16", "the file is text in UTF-16: save it in UTF-8"))
        if len(line) > LONGEST_LINE:
            raise FileError(_LONG_LINE, row=row)
        if row % _LINES_BETWEEN_LOOKS == 0 and is_over():
            return
        yield row, (line.removeprefix(_BOM) if row == 1 else line).rstrip(b"\r\n")


class _Folded:
    """A line of a property and its continuations. Those of an unwanted property are dropped."""

    def __init__(self, row: int, line: bytes, *, is_wanted: bool) -> None:
        self.row = row
        self._is_wanted = is_wanted
        self._parts = [line] if is_wanted else []
        self._size = len(line)
        self._is_soft = _is_quoted_printable(line)  # its lines may end in =, and go on in the next one
        self._ends_softly = self._is_soft and line.endswith(b"=")

    @property
    def whole(self) -> bytes:
        return b"".join(self._parts)

    def add(self, line: bytes) -> bool:
        """Add a line if it continues this one.

        :returns: whether it does.
        :raises FileError: the whole line is too long.
        """
        if not self._ends_softly and not line.startswith((b" ", b"\t")):
            return False
        more = line if self._ends_softly else line[1:]
        if self._is_wanted:
            if self._ends_softly:
                self._parts[-1] = self._parts[-1].removesuffix(b"=")
            self._parts.append(more)
            self._size += len(more)
        if self._size > LONGEST_LINE:
            raise FileError(_LONG_LINE, row=self.row)
        self._ends_softly = self._is_soft and line.endswith(b"=")
        return True


def _unfolded(lines: Iterator[tuple[int, bytes]], names: Collection[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the whole lines of wanted properties, each with the row in which it begins."""
    folded = _Folded(0, b"", is_wanted=False)
    for row, line in lines:
        if not folded.add(line):
            if folded.whole:
                yield folded.row, folded.whole
            folded = _Folded(row, line, is_wanted=_name_of(line) in names)
    if folded.whole:
        yield folded.row, folded.whole


def _name_of(line: bytes) -> bytes:
    """Return the name of a property without its group, as in ``item1.TEL;type=CELL:+62…``."""
    return line.partition(b":")[0].partition(b";")[0].rpartition(b".")[2].strip().upper()


def _is_quoted_printable(line: bytes) -> bool:
    return _QUOTED_PRINTABLE.encode() in line.partition(b":")[0].upper()


def _parse(line: bytes, row: int) -> Property:
    head, _, value = _split_value(line)
    name, *parameters = head.decode("ascii", "replace").upper().split(";")
    pairs = [parameter.partition("=") for parameter in parameters]
    words = {word.strip('" ') for key, _, text in pairs for word in (text or key).split(",")}
    charset = next((text for key, _, text in pairs if key == "CHARSET"), "UTF-8")
    raw = quopri.decodestring(value) if _QUOTED_PRINTABLE in words else value
    return Property(row, name.rpartition(".")[2].strip(), _decode(raw, charset, row), frozenset(words))


def _split_value(line: bytes) -> tuple[bytes, bytes, bytes]:
    """Split a line at the first colon that is not in quotation marks."""
    match = re.match(rb'((?:[^":]|"[^"]*")*):', line)
    return (match[1], b":", line[match.end() :]) if match else line.partition(b":")


def _decode(raw: bytes, charset: str, row: int) -> str:
    try:
        return raw.decode(charset.strip('" '))
    except (UnicodeDecodeError, LookupError):
        text = "the line is no text in UTF-8: export the file as vCard 3.0 or 4.0"
        raise FileError(Sentence("vcard_not_utf8", text), row=row) from None
