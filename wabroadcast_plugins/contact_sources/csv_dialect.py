"""The forms that text tables come in, told by their first characters: encoding, delimiter, blanks before quotations."""

import codecs
import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain, islice
from operator import itemgetter
from typing import BinaryIO

from wabroadcast_core import SAMPLE_ROWS, FileError, file_kind

ESCAPES = "surrogateescape"

_DELIMITERS = ";\t|,"  # where they fit equally well the comma is last: it is a decimal comma too
_TOLD_DELIMITER = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)  # Excel's own first line
_OWN_HEADER = re.compile(r"number([,;\t|])name\1tags\b")  # of an exported contact book, saved anew or not

HEAD = 64 * 1024  # bytes or characters that are looked at
_CHUNK = 1024 * 1024
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like the next one
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHER_KINDS = (
    ((b"<!doctype html", b"<html", b"<table", b"<?xml", b"<meta"), "a web page, as some systems export for Excel"),
    ((b"%pdf",), "a PDF document"),
    ((b"begin:vcard",), "a file of vCards"),
    ((b"{\\rtf",), "a text document"),
)
_CONTROLS = [bytes([code]) for code in range(32) if code not in b"\t\n\v\f\r\x1a\x1b"]
_CONTROL = re.compile(r"[\0-\x08\x0e-\x19\x1c-\x1f]")
_FEW_CONTROLS = 3  # a stray NUL byte is a fault of its row; many, and a share, are another kind of file
_MOST_CONTROLS = 0.02
_MANY_ZEROS, _FEW_ZEROS = 0.4, 0.1  # of every second byte
_BAD_BYTE = re.compile("[\udc80-\udcff]")
_NO_ASCII = re.compile(r"[^\0-\x7f]")


@dataclass(frozen=True)
class Dialect:
    delimiter: str
    blanks: bool = False
    """Blanks stand between delimiters and quotation marks."""
    width: int = 0
    """How many cells most rows have, if several."""
    told: bool = False
    """The first line says what the delimiter is, and is no row."""

    @cached_property
    def cell(self) -> re.Pattern[str]:
        """One cell. ``mark`` is what closes its quotation, empty where nothing does, none where there is none."""
        blanks = " *" if self.blanks else ""
        quotation = r'"[^"]*+(?:""[^"]*+)*+(?P<mark>"?)'
        return re.compile(rf"{blanks}{quotation}|[^{re.escape(self.delimiter)}\r\n]*+")


def detect_dialect(start: str, delimiter: str | None) -> Dialect:
    """:param delimiter: what an operator says."""
    told, own = _TOLD_DELIMITER.match(start), _OWN_HEADER.match(start)
    choices = delimiter or (told[1] if told else own[1] if own else _DELIMITERS)
    dialects = (Dialect(choice, blanks=_has_blanks(start, choice), told=told is not None) for choice in choices)
    return max((_rate(start, dialect) for dialect in dialects), key=itemgetter(0))[1]


def _has_blanks(start: str, delimiter: str) -> bool:
    """Whether quotations stand behind blanks; inside of another quotation their marks would be doubled."""
    escaped = re.escape(delimiter)
    return re.search(rf'(?:^|{escaped}) +"[^"]*"(?={escaped}|$)', start, re.MULTILINE) is not None


def _rate(start: str, dialect: Dialect) -> tuple[tuple[int, int], Dialect]:
    """In how many of the first rows a dialect makes the same number of cells, and how many; at least two."""
    lines = io.StringIO(start, newline="")
    reader = csv.reader(lines, delimiter=dialect.delimiter, skipinitialspace=dialect.blanks)
    rows = list(islice(reader, SAMPLE_ROWS))
    whole = rows[:-1] if len(start) == HEAD and len(rows) > 1 else rows
    widths = Counter(len(cells) for cells in whole if len(cells) > 1)
    times, width = max(((times, width) for width, times in widths.items()), default=(0, 0))
    return (times, width), replace(dialect, width=width)


def choose_encoding(file: BinaryIO, given: str | None) -> tuple[str, str]:
    """The encoding to read ``file`` with, and what is done with bytes that do not fit. The file is left at its start.

    :param given: what an operator says; a mark at the start of the file knows better.
    :raises FileError: it is no text.
    """
    head = file.read(HEAD)
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), None)
    wide = marked if marked in {"utf-16", "utf-32"} else None if marked or given else _guess_wide(head)
    _refuse_other_kinds(head, is_wide=wide is not None or given is not None)
    if given:
        chosen = marked or given, "strict"
    elif wide:
        chosen = wide, "replace"
    else:
        chosen = _choose_narrow(file, head, marked=marked)
    file.seek(0)
    return chosen


def _guess_wide(head: bytes) -> str | None:
    """UTF-16 without a mark: in Latin text every second byte is zero."""
    half = len(head) // 2
    for name, high, low in (("utf-16-le", head[1::2], head[::2]), ("utf-16-be", head[::2], head[1::2])):
        if high.count(0) > _MANY_ZEROS * half and low.count(0) < _FEW_ZEROS * half:
            return None if _CONTROL.search(head.decode(name, "replace")) else name
    return None


def _refuse_other_kinds(head: bytes, *, is_wide: bool) -> None:
    if file_kind(head) == "excel":
        raise FileError("this is a workbook or a zip archive, not a CSV file")
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()[:64].lower()
    for marks, what in _OTHER_KINDS:
        if start.startswith(marks):
            raise FileError(f"this is {what}, not a CSV file")
    controls = 0 if is_wide else sum(head.count(control) for control in _CONTROLS)
    if controls > _FEW_CONTROLS and controls > _MOST_CONTROLS * len(head):
        raise FileError("this is a binary file, not a CSV file")


def _choose_narrow(file: BinaryIO, head: bytes, *, marked: str | None) -> tuple[str, str]:
    """UTF-8, even if a few of its characters are broken, as where a file was cut off; else what old Windows wrote."""
    if _is_utf8(file, head):
        return marked or "utf-8", "strict"
    file.seek(0)
    whole, broken = _count_characters(file)
    return (marked or "utf-8", ESCAPES) if marked or whole >= broken else ("windows-1252", "replace")


def _is_utf8(file: BinaryIO, head: bytes) -> bool:
    """Look at the whole file: one name in Windows-1252 may stand in its last row."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        chunk = head
        while chunk:
            decoder.decode(chunk)
            chunk = file.read(_CHUNK)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _count_characters(file: BinaryIO) -> tuple[int, int]:
    """How many characters beyond ASCII are UTF-8, and how many bytes are not."""
    decoder = codecs.getincrementaldecoder("utf-8")(ESCAPES)
    whole = broken = 0
    for chunk in chain(iter(partial(file.read, _CHUNK), b""), [b""]):
        text = decoder.decode(chunk, final=not chunk)
        bad = len(_BAD_BYTE.findall(text))
        whole, broken = whole + len(_NO_ASCII.findall(text)) - bad, broken + bad
    return whole, broken
