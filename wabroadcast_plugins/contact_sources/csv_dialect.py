"""Detection of a text table's dialect: its encoding, its delimiter, and blanks before quotation marks.

Delimiter and blanks are detected from the first ``HEAD`` characters, the encoding from the first ``HEAD`` bytes; where
these leave it open whether the file is UTF-8, the whole file is read.
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain, islice
from operator import itemgetter
from typing import BinaryIO

from wabroadcast_core import SAMPLE_ROWS, FileError, Sentence, file_kind

ESCAPES = "surrogateescape"

_DELIMITERS = ";\t|,"  # of equally good candidates the first wins; the comma is last because it is a decimal comma too
_SEP_LINE = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)  # the first line by which Excel declares the delimiter
_EXPORT_HEADER = re.compile(r"number([,;\t|])name\1tags\b")  # of an exported contact book, also after saving it again

HEAD = 64 * 1024  # bytes or characters that the detection reads
_CHUNK = 1024 * 1024  # bytes
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # starts with the UTF-16 mark, so it must be tested first
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHER_KINDS = (
    (
        (b"<!doctype html", b"<html", b"<table", b"<?xml", b"<meta"),
        Sentence("web_page", "a web page, as some systems export for Excel"),
    ),
    ((b"%pdf",), Sentence("pdf_document", "a PDF document")),
    ((b"begin:vcard",), Sentence("file_of_vcards", "a file of vCards")),
    ((b"{\\rtf",), Sentence("text_document", "a text document")),
)
_CONTROLS = [bytes([code]) for code in range(32) if code not in b"\t\n\v\f\r\x1a\x1b"]
_CONTROL = re.compile(r"[\0-\x08\x0e-\x19\x1c-\x1f]")
_FEW_CONTROLS = 3  # up to this many, each damages only its row
_MOST_CONTROLS = 0.02  # more than this share of the bytes as well: the file is of a binary kind
_MANY_ZEROS, _FEW_ZEROS = 0.4, 0.1  # shares among the bytes at odd or at even positions
WESTERN, CYRILLIC = "windows-1252", "windows-1251"
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_MOST_RUNS = 10_000
_LONGEST_WESTERN_RUN = 2  # letters beyond ASCII in a row
_FEWEST_LETTERS = 8
_FIRST_LOWER = 0xE0
_USUAL_CYRILLIC = frozenset("оеаинтрвлс".encode(CYRILLIC))
_MOSTLY, _NEARLY_ALL = 0.7, 0.9
_BAD_BYTE = re.compile("[\udc80-\udcff]")
_NO_ASCII = re.compile(r"[^\0-\x7f]")


@dataclass(frozen=True)
class Dialect:
    """How cells and quotations are written in one text table."""

    delimiter: str
    blanks: bool = False
    """Blanks stand between delimiters and quotation marks."""
    width: int = 0
    """The number of cells that most rows have; 0 where no row has two or more."""
    has_sep_line: bool = False
    """The first line declares the delimiter (``sep=;``) and is not a row."""

    @cached_property
    def cell(self) -> re.Pattern[str]:
        """The pattern of one cell.

        Its group ``mark`` is the closing quotation mark, an empty text if the quotation is never closed, and None if
        the cell is not quoted.
        """
        blanks = " *" if self.blanks else ""
        quotation = r'"[^"]*+(?:""[^"]*+)*+(?P<mark>"?)'
        return re.compile(rf"{blanks}{quotation}|[^{re.escape(self.delimiter)}\r\n]*+")


def detect_dialect(start: str, delimiter: str | None) -> Dialect:
    """Return the dialect of a table.

    :param start: the first ``HEAD`` characters of the file.
    :param delimiter: the operator's choice, which overrides the detection; None: detect it.
    """
    sep_line, export_header = _SEP_LINE.match(start), _EXPORT_HEADER.match(start)
    choices = delimiter or (sep_line[1] if sep_line else export_header[1] if export_header else _DELIMITERS)
    has_sep_line = sep_line is not None
    dialects = (Dialect(choice, blanks=_has_blanks(start, choice), has_sep_line=has_sep_line) for choice in choices)
    return max((_rate(start, dialect) for dialect in dialects), key=itemgetter(0))[1]


def _has_blanks(start: str, delimiter: str) -> bool:
    """Check whether blanks precede quotations. Within a quotation, such marks would be doubled and do not match."""
    escaped = re.escape(delimiter)
    return re.search(rf'(?:^|{escaped}) +"[^"]*"(?={escaped}|$)', start, re.MULTILINE) is not None


def _rate(start: str, dialect: Dialect) -> tuple[tuple[int, int], Dialect]:
    """Rate a dialect by the most frequent number of cells per row, among rows with two cells or more.

    :returns: how many of the first rows have that number of cells, and the number; then the dialect with its width.
    """
    lines = io.StringIO(start, newline="")
    reader = csv.reader(lines, delimiter=dialect.delimiter, skipinitialspace=dialect.blanks)
    rows = list(islice(reader, SAMPLE_ROWS))
    whole = rows[:-1] if len(start) == HEAD and len(rows) > 1 else rows
    widths = Counter(len(cells) for cells in whole if len(cells) > 1)
    times, width = max(((times, width) for width, times in widths.items()), default=(0, 0))
    return (times, width), replace(dialect, width=width)


def choose_encoding(file: BinaryIO, given: str | None) -> tuple[str, str]:
    """Return the encoding of ``file`` and the codec's error handler for invalid bytes. The file is left at its start.

    :param given: the operator's choice; a byte order mark in the file overrides it. None: detect the encoding.
    :raises FileError: the file is not a text file.
    """
    head = file.read(HEAD)
    marked = next((name for mark, name in _BYTE_ORDER_MARKS if head.startswith(mark)), None)
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
    """Detect UTF-16 without a byte order mark: in Latin text every second byte is zero."""
    half = len(head) // 2
    for name, high, low in (("utf-16-le", head[1::2], head[::2]), ("utf-16-be", head[::2], head[1::2])):
        if high.count(0) > _MANY_ZEROS * half and low.count(0) < _FEW_ZEROS * half:
            return None if _CONTROL.search(head.decode(name, "replace")) else name
    return None


def _refuse_other_kinds(head: bytes, *, is_wide: bool) -> None:
    """Raise FileError if the first bytes are those of another kind of file than a text table."""
    if file_kind(head) == "excel":
        text = "this is a workbook or a zip archive, not a CSV file: use the excel source or save it as CSV"
        raise FileError(Sentence("csv_is_workbook", text))
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()[:64].lower()
    for marks, kind in _OTHER_KINDS:
        if start.startswith(marks):
            text = "this is {kind}, not a CSV file: save the table as CSV"
            raise FileError(Sentence("csv_is_other", text, kind=kind))
    controls = 0 if is_wide else sum(head.count(control) for control in _CONTROLS)
    if controls > _FEW_CONTROLS and controls > _MOST_CONTROLS * len(head):
        text = "this is a binary file, not a CSV file: save the table as CSV"
        raise FileError(Sentence("csv_is_binary", text))


def _choose_narrow(file: BinaryIO, head: bytes, *, marked: str | None) -> tuple[str, str]:
    """Choose UTF-8 or an older encoding. UTF-8 may have a few invalid bytes, as at the end of a file cut off."""
    if _is_utf8(file, head):
        return marked or "utf-8", "strict"
    file.seek(0)
    whole, broken = _count_characters(file)
    if marked or whole >= broken:
        return marked or "utf-8", ESCAPES
    file.seek(0)
    return (CYRILLIC if _is_cyrillic(_read_high_runs(file)) else WESTERN), "replace"


def _read_high_runs(file: BinaryIO) -> list[bytes]:
    """Return the first runs of bytes beyond ASCII; each is a word, or part of one."""
    chunks = iter(partial(file.read, _CHUNK), b"")
    return list(islice(chain.from_iterable(map(_HIGH_RUN.findall, chunks)), _MOST_RUNS))


def _is_cyrillic(runs: Sequence[bytes]) -> bool:
    """Return whether text is certainly Cyrillic in Windows-1251.

    Whole words are beyond ASCII then, all but their first letters are in lower case, and the usual letters prevail, as
    they do not in Greek or Hebrew. In Western text single letters are beyond ASCII.
    """
    words = [run for run in runs if len(run) > _LONGEST_WESTERN_RUN]
    inner = b"".join(word[1:] for word in words)
    is_long = sum(map(len, words)) > _MOSTLY * sum(map(len, runs)) and len(inner) >= _FEWEST_LETTERS
    lower = sum(byte >= _FIRST_LOWER for byte in inner)
    usual = sum(byte in _USUAL_CYRILLIC for byte in inner)
    return is_long and lower > _NEARLY_ALL * len(inner) and 2 * usual > len(inner)


def _is_utf8(file: BinaryIO, head: bytes) -> bool:
    """Check the whole file, because the only name in Windows-1252 may stand in its last row."""
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
    """Return how many characters beyond ASCII are valid UTF-8, and how many bytes are invalid."""
    decoder = codecs.getincrementaldecoder("utf-8")(ESCAPES)
    whole = broken = 0
    for chunk in chain(iter(partial(file.read, _CHUNK), b""), [b""]):
        text = decoder.decode(chunk, final=not chunk)
        bad = len(_BAD_BYTE.findall(text))
        whole, broken = whole + len(_NO_ASCII.findall(text)) - bad, broken + bad
    return whole, broken
