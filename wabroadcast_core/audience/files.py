"""Uploaded audience files: telling their kind by content, and the sizes beyond which a table is refused."""

from typing import Literal, TypeAlias

FileKind: TypeAlias = Literal["csv", "excel"]

MOST_COLUMNS = 1_000
LONGEST_FIELD = 128 * 1024  # characters
LONGEST_ROW = 1024 * 1024  # characters

_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def file_kind(head: bytes) -> FileKind:
    """Tell by the first bytes (8 are enough) which contact source reads a file; its name does not matter.

    A workbook is a zip archive (.xlsx, .ods) or an OLE container (.xls, an encrypted .xlsx). All else is for
    the CSV source, which names what it cannot read.
    """
    return "excel" if head.startswith((*_ZIP_MAGIC, OLE_MAGIC)) else "csv"
