"""Times of day, as people write them."""

import pytest

from wabroadcast_core.errors import InvalidInputError
from wabroadcast_core.models.base import parse_model
from wabroadcast_core.models.pacing import SendWindow


@pytest.mark.parametrize("text", ["08:00", "8:00", "08.00", "8.00"])
def test_a_time_of_day_is_taken_as_people_write_it(text: str) -> None:
    assert parse_model(SendWindow, {"from": text, "to": "20.30"}).model_dump() == {
        "from": "08:00",
        "to": "20:30",
        "timezone": None,
    }


@pytest.mark.parametrize(
    "text", ["8", "24:00", "08:60", "8 am", "0800", "08:00:00", "08:00\n", "\u0660\u0668:\u0660\u0660", ""]
)
def test_a_text_that_is_no_time_of_day_is_answered_with_the_form_to_write(text: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        parse_model(SendWindow, {"from": text, "to": "20:00"})

    assert [(fault.path, "08:00" in fault.message) for fault in caught.value.faults] == [("from", True)]


def test_two_writings_of_one_time_are_an_empty_window() -> None:
    with pytest.raises(InvalidInputError, match="empty"):
        parse_model(SendWindow, {"from": "8.00", "to": "08:00"})
