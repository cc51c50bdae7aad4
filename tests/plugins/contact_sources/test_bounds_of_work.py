"""A file, whatever it holds, costs work in proportion to its size, and memory that does not grow with its rows."""

import io
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests.work import Work
from wabroadcast_core import AudienceRow, FileError, SourceContext
from wabroadcast_plugins.contact_sources.csv import CsvSettings, CsvSource
from wabroadcast_plugins.contact_sources.vcard import VcardSettings, VcardSource

FEW = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=set(Phase) - {Phase.shrink},  # which takes minutes for files of this size
)
FIXED_CALLS, CALLS_A_BYTE = 150_000, 8  # the columns are understood by the cells of the first rows
MOST_BYTES = 4_000_000
PARTS = {
    "csv": [
        *(
            b"Nama,HP\n",
            b"Budi,081234567890\n",
            b'"Jl. ""A"" 5\n',
            b'"',
            b",",
            b";",
            b"\t",
            b"\n",
            b"\r",
            b"\r\n",
            b" ",
            b"\0",
        ),
        *(
            b"\xff",
            b"\xef\xbb\xbf",
            b"\xff\xfe",
            "Zoë;é\n".encode("latin-1"),
            b"sep=;\n",
            b"1,2,3,4,5,6,7,8,9\n",
            b"'=1+1\n",
        ),
    ],
    "vcard": [
        *(
            b"BEGIN:VCARD\r\n",
            b"END:VCARD\r\n",
            b"VERSION:3.0\r\n",
            b"TEL:081234567890\r\n",
            b"FN:Budi\r\n",
            b" folded\r\n",
        ),
        *(
            b"item1.TEL;TYPE=CELL:0812\n",
            b"N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=42=\n",
            b"=",
            b":",
            b";",
            b"\n",
            b"\xff",
        ),
        *(b"TEL;waid=62812:+62 812\n", b"NOTE:" + b"x" * 100, b"\\n\\,", b"\0", b"BEGIN:", b" "),
    ],
}


def files_of(kind: str) -> st.SearchStrategy[bytes]:
    """Return files of the parts of a format, some of which are repeated many times."""
    part = st.sampled_from(PARTS[kind]) | st.binary(max_size=20)
    many = st.builds(lambda piece, times: piece * times, part, st.sampled_from([1, 2, 40, 3_000]))
    return st.lists(many, max_size=8).map(b"".join)


def csv_rows(data: bytes) -> Iterator[AudienceRow]:
    return CsvSource(CsvSettings.model_validate({"uploadId": "x"}), context_of(data)).read()


def vcard_rows(data: bytes) -> Iterator[AudienceRow]:
    return VcardSource(VcardSettings.model_validate({"uploadId": "x"}), context_of(data)).read()


def context_of(data: bytes) -> SourceContext:
    return SourceContext(open_upload=lambda _: io.BytesIO(data), read_contacts=lambda *_: iter(()))


@pytest.mark.parametrize(("kind", "rows_of"), [("csv", csv_rows), ("vcard", vcard_rows)])
def test_any_file_costs_work_by_its_size(kind: str, rows_of: Callable[[bytes], Iterator[AudienceRow]]) -> None:
    @FEW
    @given(data=files_of(kind))
    @example(data=b"\n" + b"," * 3_000 + b'"' * 3_000 + b"x")  # of a damaged row, only the first columns are examined
    def check(data: bytes) -> None:
        with Work() as work:
            count = count_rows(rows_of, data)

        assert count <= len(data) + 1
        assert work.calls <= FIXED_CALLS + CALLS_A_BYTE * len(data)
        assert work.peak <= MOST_BYTES

    check()


def count_rows(rows_of: Callable[[bytes], Iterator[AudienceRow]], data: bytes) -> int:
    count = 0
    try:
        for _ in rows_of(data):
            count += 1
    except FileError:
        return count
    return count
