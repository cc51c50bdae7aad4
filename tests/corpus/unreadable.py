"""Files that nobody can read as contacts, each named as what it is."""

from tests.corpus.sample import Unreadable
from tests.corpus.texts import lines
from tests.corpus.workbooks import OLE_MAGIC, old_workbook, workbook, zipped

NUMBERS = workbook([["Nama", "No HP"], ["Budi", "081234567890"]])

UNREADABLE = [
    Unreadable("nothing", b"", "the file is empty"),
    Unreadable("blank-lines", b"\r\n\r\n", "the file is empty"),
    Unreadable("a-web-page-named-xls", b"<html><table><tr><td>0812", "this is a web page"),
    Unreadable("xml-named-xls", b"<?xml version='1.0'?><Workbook/>", "this is a web page, as some systems export"),
    Unreadable("vcards", b"BEGIN:VCARD\nTEL:+6281234567890\nEND:VCARD\n", "this is a file of vCards"),
    Unreadable("a-document", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "this is a PDF document"),
    Unreadable("a-picture", b"\x89PNG\r\n\x1a\n" + bytes(range(32)) * 8, "this is a binary file"),
    Unreadable("text-in-a-zip", zipped({"kontak.csv": b"Nama,HP\n"}), "this is a zip archive, but not a workbook"),
    Unreadable("a-workbook-cut-off", NUMBERS[:-200], "the workbook's zip archive is damaged or cut off"),
    Unreadable(
        "a-workbook-with-a-password",
        OLE_MAGIC + b"\0" * 1_000 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 1_000,
        "protected by a password",
    ),
    Unreadable("an-xls-with-a-password", old_workbook([["Nama", "HP"]], password=True), "protected by a password"),
    Unreadable("an-empty-workbook", workbook([]), "no visible sheet with content"),
    Unreadable(
        "no-numbers", b"Nama,Kota\nBudi,Solo\n", "no column holds phone numbers; its columns are Nama, Kota: map one"
    ),
    Unreadable(
        "account-numbers-only",
        lines("Nama,No. Rekening", "Budi,8120001234", "Ani,8120005678", "Tuti,8521112345").encode(),
        "no column holds phone numbers; its columns are Nama, No. Rekening: map one",
    ),
    Unreadable(
        "a-quotation-without-end", b'Nama,HP\n"Budi,081234567890\nAni,081311112222\n', "row 2, column 1: .* never"
    ),
]
