import io
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wabroadcast_core import AudienceRow, ContactSource, FileError, SourceContext
from wabroadcast_plugins.contact_sources.inline import InlineSettings, InlineSource


@pytest.mark.parametrize(
    ("recipient", "row"),
    [
        pytest.param({"number": "0811"}, AudienceRow("0811", None, {}, row=1), id="number-alone"),
        pytest.param(
            {"number": "0811", "name": "Büdi", "variables": {"code": 1, "vip": True, "no": None}},
            AudienceRow("0811", "Büdi", {"code": 1, "vip": True, "no": None}, row=1),
            id="everything",
        ),
        pytest.param({"number": "0811", "name": None, "variables": None}, AudienceRow("0811", row=1), id="nulls"),
        pytest.param({"number": "x", "name": "a\u2028b\nc"}, AudienceRow("x", "a\u2028b\nc", row=1), id="line-ends"),
    ],
)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_line_is_a_recipient(recipient: dict[str, object], row: AudienceRow, ascii_only: bool) -> None:  # noqa: FBT001 - a table's column
    line = json.dumps(recipient, ensure_ascii=ascii_only)

    assert list(source(f"{line}\n".encode()).read()) == [row]


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8"))


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), SCALARS), st.booleans())
@example({"half a pair": "\ud83d"}, True)
@example({"digits": 10**4_000, "least": 5e-324, "minus": -0.0}, True)
def test_a_line_has_the_values_that_the_standard_library_reads(variables: dict[str, object], ascii_only: bool) -> None:  # noqa: FBT001 - a table's column
    line = json.dumps({"number": "0811", "variables": variables}, ensure_ascii=ascii_only)

    [row] = source(line.encode()).read()

    assert repr(row.variables) == repr(json.loads(line)["variables"])


def test_rows_are_numbered_and_the_last_line_end_may_be_missing() -> None:
    rows = source(b'{"number": "1"}\n{"number": "2"}\n{"number": "3"}').read()

    assert [(row.number, row.row) for row in rows] == [("1", 1), ("2", 2), ("3", 3)]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"\n", id="blank"),
        pytest.param(b"0811\n", id="no-object"),
        pytest.param(b'{"name": "Budi"}\n', id="no-number"),
        pytest.param(b'{"number": "08', id="cut-off"),
    ],
)
def test_the_error_names_the_row_of_a_line_that_is_not_a_recipient(line: bytes) -> None:
    with pytest.raises(FileError, match="row 2: the line is not a recipient"):
        list(source(b'{"number": "1"}\n' + line).read())


def test_it_is_a_contact_source_and_an_empty_upload_yields_no_recipient() -> None:
    empty = source(b"")

    assert isinstance(empty, ContactSource)
    assert list(empty.read()) == []


def source(data: bytes) -> InlineSource:
    context = SourceContext(
        open_upload=lambda _: io.BytesIO(data),
        read_contacts=lambda *_: iter(()),
    )
    return InlineSource(InlineSettings.model_validate({"uploadId": "x"}), context)
