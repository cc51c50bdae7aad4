"""Recipients and contacts: the limits of their variables, and values as texts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from wabroadcast_core.models.contact import ContactDraft
from wabroadcast_core.models.recipient import (
    LONGEST_FIELD,
    LONGEST_VARIABLE,
    MOST_COLUMNS,
    Recipient,
    Scalar,
    find_excess,
    is_blank,
    usual_length,
    without_blanks,
)

FITTING = [
    pytest.param({"a": "x" * LONGEST_FIELD}, id="longest-value"),
    pytest.param({f"v{at}": at for at in range(MOST_COLUMNS)}, id="most-variables"),
    pytest.param({f"v{at}": "x" * LONGEST_FIELD for at in range(8)}, id="longest-row"),
    pytest.param({"n" * 200: 1}, id="longest-name"),
    pytest.param({}, id="none"),
]
EXCESSIVE = [
    pytest.param({"a": "x" * (LONGEST_FIELD + 1)}, "the value of 'a' is longer than 128 KiB", id="long-value"),
    pytest.param({f"v{at}": at for at in range(MOST_COLUMNS + 1)}, "more than 1,000 variables", id="many-variables"),
    pytest.param({f"v{at}": "x" * LONGEST_FIELD for at in range(9)}, "longer than 1,024 KiB together", id="long-row"),
    pytest.param({"n" * 201: 1}, "200 characters", id="long-name"),
]


@pytest.mark.parametrize("model", [Recipient, ContactDraft])
@pytest.mark.parametrize("variables", FITTING)
def test_variables_may_be_as_long_as_the_cells_of_a_file(
    model: type[Recipient | ContactDraft], variables: dict[str, Any]
) -> None:
    assert model(number="081234567890", variables=variables).variables == variables


@pytest.mark.parametrize("model", [Recipient, ContactDraft])
@pytest.mark.parametrize(("variables", "reason"), EXCESSIVE)
def test_more_or_longer_variables_are_refused(
    model: type[Recipient | ContactDraft], variables: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason) as refused:
        model(number="081234567890", variables=variables)

    assert refused.value.errors()[0]["loc"][0] == "variables"


@pytest.mark.parametrize(
    ("value", "blank"),
    [
        pytest.param("", True, id="empty"),
        pytest.param(" \n\u3000", True, id="white space"),
        pytest.param(None, True, id="none"),
        pytest.param("\u200b \ufeff\u2060", True, id="nothing to see"),
        pytest.param("0", False, id="a digit"),
        pytest.param(0, False, id="a number"),
        pytest.param("\U0001f469\u200d\U0001f680", False, id="a joined emoji"),
        pytest.param("\u200f\u0639", False, id="a marked letter"),
    ],
)
def test_what_shows_nothing_is_blank(value: Any, blank: bool) -> None:  # noqa: FBT001 - a table of cases
    assert is_blank(value) is blank
    assert ("a" in without_blanks({"a": value})) is not blank


VALUES = st.text() | st.sampled_from(
    ["", " ", "\u2003\x1c", "\u200b", "\u200b\u00e9", "x" * LONGEST_FIELD, "x" * (LONGEST_FIELD + 1)]
)
NAMES = st.text() | st.sampled_from(["n" * LONGEST_VARIABLE, "n" * (LONGEST_VARIABLE + 1)])


@given(st.dictionaries(NAMES, VALUES | st.none() | st.integers() | st.floats() | st.booleans()))
def test_texts_of_usual_length_are_those_in_which_no_check_finds_anything(variables: dict[str, Scalar]) -> None:
    length = usual_length(variables)

    if length is None:
        texts = [value for value in variables.values() if isinstance(value, str)]
        others = len(texts) < len(variables) or sum(map(len, texts)) > LONGEST_FIELD
        assert others or find_excess(variables) is not None or without_blanks(variables) != variables
    else:
        assert length == sum(len(str(value)) for value in variables.values())
        assert find_excess(variables) is None
        assert without_blanks(variables) == variables


@pytest.mark.parametrize(("amount", "usual"), [(MOST_COLUMNS, True), (MOST_COLUMNS + 1, False)])
def test_a_wide_row_is_usual_up_to_the_columns_of_a_file(amount: int, usual: bool) -> None:  # noqa: FBT001 - a table of cases
    assert (usual_length({f"kolom_{place}": "x" for place in range(amount)}) == amount) is usual
