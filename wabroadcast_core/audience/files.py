"""Uploaded audience files: their kind, detected from the content, and the largest sizes of a table."""

from typing import Literal, TypeAlias

FileKind: TypeAlias = Literal["csv", "excel"]

_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def file_kind(head: bytes) -> FileKind:
    """Detect which contact source reads a file. The file's name does not matter.

    A workbook is a zip archive (.xlsx, .ods) or an OLE container (.xls, an encrypted .xlsx). Every other file goes to
    the CSV source, which reports what it cannot read.

    :param head: the first bytes of the file; 8 are enough.
    """
    return "excel" if head.startswith((*_ZIP_MAGIC, OLE_MAGIC)) else "csv"
