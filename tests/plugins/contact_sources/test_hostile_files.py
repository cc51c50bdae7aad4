"""Files that are made to exhaust memory or time. The cost of reading each is measured in a process of its own."""

import functools
import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from tests.corpus.workbooks import CONTENT_TYPES, SHEET, open_document, raw_rows, raw_workbook, with_part, zipped

MEGABYTE = 1024 * 1024
CHILD_MEGABYTES = 256  # memory limit of the process that opens workbooks
READER_MEGABYTES = 32  # memory that reading may add to the importing process
SECONDS = 15.0  # of processor time

HEADER, BUDI = ["Nama", "No. HP"], ["Budi", "0812 3456 7890"]
ROWS = raw_rows(HEADER, BUDI)
TEXT = b"Nama,No. HP\nBudi,0812 3456 7890\n"
BOOK = "xl/workbook.xml"


@dataclass(frozen=True)
class Hostile:
    make: Callable[[], bytes]
    error: str | None = None
    """A pattern of its text; None: the hostile part has no effect, and Budi is read."""


def entities() -> str:
    """Return XML entities that expand to a billion letters."""
    chain = "".join(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in pairwise("abcdefghij"))
    return f'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">{chain}]>'


@functools.cache
def cell_of_a_gigabyte() -> bytes:
    small = raw_workbook(ROWS + '<row><c t="inlineStr"><is><t>CELL</t></is></c></row>')
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(small)) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target,
    ):
        for name in source.namelist():
            before, _, after = source.read(name).partition(b"CELL")
            with target.open(name, "w") as part:
                part.write(before)
                for _ in range(1024 if after else 0):
                    part.write(b"x" * MEGABYTE)
                part.write(after)
    return out.getvalue()


def with_small_size(data: bytes, part: str) -> bytes:
    """Return the archive with a false size of 1,000 bytes for one of its parts."""
    changed = bytearray(data)
    for magic, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        name = data.rindex(part.encode()) if magic == b"PK\x01\x02" else data.index(part.encode())
        at = data.rindex(magic, 0, name) + offset
        changed[at : at + 4] = (1_000).to_bytes(4, "little")
    return bytes(changed)


def strings(count: int) -> bytes:
    return raw_workbook(ROWS, strings="<sst>" + "<si><t>x</t></si>" * count + "</sst>")


def merged(count: int) -> bytes:
    return raw_workbook(ROWS, after="<mergeCells>" + '<mergeCell ref="A2:F1048576"/>' * count + "</mergeCells>")


def hidden_rows(count: int) -> bytes:
    rows = "".join(f'<row r="{row}" hidden="1"/>' for row in range(3, count))
    return raw_workbook(ROWS + rows, before='<sheetPr filterMode="1"/>')


def repeated_rows(times: int) -> bytes:
    filtered = f'table:visibility="filter" table:number-rows-repeated="{times}"'.encode()
    document = open_document([HEADER, BUDI, ["x"]], hidden={3: "filter"})
    return with_part(document, "content.xml", lambda xml: xml.replace(b'table:visibility="filter"', filtered))


FILES = {
    "zip-bomb": Hostile(lambda: zipped({SHEET: b"0" * (80 * MEGABYTE), CONTENT_TYPES: b""}), "a zip bomb"),
    "bomb-of-parts": Hostile(lambda: zipped({f"xl/{n}": b"" for n in range(10_001)}), "a zip bomb"),
    "cell-of-a-gigabyte": Hostile(cell_of_a_gigabyte, "a zip bomb"),
    "cell-of-a-gigabyte-with-a-false-size": Hostile(
        lambda: with_small_size(cell_of_a_gigabyte(), SHEET), "memory|damaged"
    ),
    "strings-with-a-false-size": Hostile(
        lambda: with_small_size(strings(100_000), "xl/sharedStrings.xml"), "memory|damaged"
    ),
    "two-million-strings": Hostile(lambda: strings(2_000_000)),
    "entities-as-strings": Hostile(
        lambda: raw_workbook(ROWS, strings=f"{entities()}<sst><si><t>&j;</t></si></sst>"), "damaged"
    ),
    "entities-in-the-list-of-sheets": Hostile(
        lambda: with_part(raw_workbook(ROWS), BOOK, lambda xml: entities().encode() + xml.replace(b'"A"', b'"&j;"')),
        "damaged",
    ),
    "100000-columns": Hostile(
        lambda: raw_workbook(raw_rows(["x"] * 100_000)),
        "no column holds phone numbers.* row 1: the row has more than 1,000 columns",
    ),
    "dimension-of-a-whole-sheet": Hostile(lambda: raw_workbook(ROWS, before='<dimension ref="A1:XFD1048576"/>')),
    "cell-in-the-last-corner": Hostile(
        lambda: raw_workbook(f'{ROWS}<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'), "far outside the table"
    ),
    "50000-merged-ranges": Hostile(lambda: merged(50_000)),
    "300000-hidden-rows": Hostile(lambda: hidden_rows(300_000)),
    "a-billion-repeated-rows": Hostile(lambda: repeated_rows(10**9), "memory|damaged"),
    "text-of-one-cell": Hostile(
        lambda: TEXT + b"x" * (8 * MEGABYTE), "row 3, column 1: the cell is longer than 128 KiB"
    ),
    "text-of-one-quotation": Hostile(lambda: TEXT + b'"' + b"x" * (8 * MEGABYTE), "row 3, column 1: .* never closed"),
    "text-of-quotation-marks": Hostile(lambda: TEXT + b'"' * (4 * MEGABYTE), "row 3"),
    "text-of-100000-columns": Hostile(lambda: b"," * 100_000, "row 1: the row has more than 1,000 columns"),
    "text-of-blank-lines": Hostile(lambda: TEXT + b"\n" * 200_000),
    "text-of-split-quotations": Hostile(lambda: TEXT + b'"a\n' * 100_000, "row 100002, column 1: .* never closed"),
    "text-of-zeros": Hostile(lambda: b"\0" * (8 * MEGABYTE), "binary file"),
}

MEASURE = """
import functools, json, os, resource, sys
from wabroadcast_core import FileError, SourceContext, file_kind
from wabroadcast_plugins.contact_sources.csv import CsvSource
from wabroadcast_plugins.contact_sources.excel import ExcelSource

def read(path):
    context = SourceContext(
        open_upload=lambda name: open(name, "rb"), read_contacts=lambda tags, match: iter(()),
        workbook_megabytes=int(sys.argv[1]), workbook_seconds=20,
    )
    with open(path, "rb") as file:
        source = ExcelSource if file_kind(file.read(8)) == "excel" else CsvSource
    try:
        rows = source(source.Settings(upload_id=path), context).read()
        return {"error": None, "names": [row.name for row in rows if row.fault is None]}
    except FileError as error:
        return {"error": str(error), "names": []}

def measure(path):
    own_usage = functools.partial(resource.getrusage, resource.RUSAGE_SELF)
    before = own_usage().ru_maxrss
    found = read(path)
    child = resource.getrusage(resource.RUSAGE_CHILDREN)
    found["seconds"] = own_usage().ru_utime + own_usage().ru_stime + child.ru_utime + child.ru_stime
    found["reader"] = (own_usage().ru_maxrss - before) // 1024
    found["child"] = child.ru_maxrss // 1024
    return found

for path in sys.argv[2:]:
    if os.fork():
        os.wait()
        continue
    print(json.dumps(measure(path)), flush=True)
    os._exit(0)
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Read each file in a process of its own, forked from one with all imports done, and return the measurements."""
    paths = []
    for name, hostile in FILES.items():
        paths.append(tmp_path_factory.mktemp("hostile") / name)
        paths[-1].write_bytes(hostile.make())
    command = [sys.executable, "-c", MEASURE, str(CHILD_MEGABYTES), *map(str, paths)]
    environment = os.environ | {"PYTHONPATH": ":".join(sys.path)}
    finished = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment)
    for path in paths:
        path.unlink()
    return dict(zip(FILES, map(json.loads, finished.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_ends_with_one_clear_error_or_costs_little(
    measured: dict[str, dict[str, Any]], name: str
) -> None:
    found = measured[name]

    error = FILES[name].error
    assert found["names"] == ([] if error else ["Budi"])
    assert error is None or re.search(error, found["error"])
    assert found["child"] <= CHILD_MEGABYTES
    assert found["reader"] <= READER_MEGABYTES
    assert found["seconds"] <= SECONDS
