"""The lines of recipients that a caller passes: those of plain texts are written without the model."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from wabroadcast_core.audience.inline_recipients import recipient_lines
from wabroadcast_core.errors import InvalidInputError
from wabroadcast_core.models.recipient import (
    LONGEST_FIELD,
    LONGEST_NAME,
    LONGEST_NUMBER,
    MOST_COLUMNS,
    AudienceRow,
    Recipient,
    RowFault,
)

TEXTS = st.text(max_size=LONGEST_NUMBER) | st.sampled_from(["", " ", "\x00", "\ud83d"])
VALUES = TEXTS | st.none() | st.integers() | st.floats() | st.booleans() | st.sampled_from(["x" * (LONGEST_FIELD + 1)])
RECIPIENTS = st.fixed_dictionaries(
    {"number": TEXTS | st.sampled_from(["1" * (LONGEST_NUMBER + 1)])},
    optional={
        "name": st.none() | TEXTS | st.integers() | st.sampled_from(["x" * (LONGEST_NAME + 1)]),
        "variables": st.none() | st.dictionaries(TEXTS, VALUES, max_size=4) | TEXTS,
        "nama": TEXTS,
    },
)


@given(RECIPIENTS)
@example({})
@example({"number": "0811", "variables": {1: "x"}})
@example({"number": "0811", "variables": {"kode": "\ud83d"}})
@example({"number": "0811", "variables": {"n" * 201: "x"}})
@example({"number": "0811", "variables": {f"v{place}": "x" for place in range(MOST_COLUMNS + 1)}})
@example({"number": "0811", "name": "Büdi", "variables": {f"kolom_{place}": "\u2028x" for place in range(40)}})
def test_a_recipient_has_the_line_that_its_model_has(recipient: dict[str, Any]) -> None:
    try:
        model = Recipient.model_validate(recipient)
    except ValidationError:
        model = None

    assert lines_of(recipient) == (None if model is None else lines_of(model))


@pytest.mark.parametrize("fault", [None, RowFault("it is damaged")])
def test_half_of_a_character_in_a_variable_is_replaced(fault: RowFault | None) -> None:
    row = AudienceRow("0811", variables={"kode": "A\ud83d1"}, fault=fault)

    [line] = recipient_lines([row], set())

    assert json.loads(line)["variables"] == {"kode": "A?1"}
    assert ("fault" in json.loads(line)) is (fault is not None)


def lines_of(recipient: dict[str, Any] | Recipient) -> tuple[list[bytes], set[str]] | None:
    """Return the line and the names of the variables; None if the recipient is refused."""
    names: set[str] = set()
    try:
        return [*recipient_lines([recipient], names)], names
    except InvalidInputError:
        return None
