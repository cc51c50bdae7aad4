import pytest

from wabroadcast_core.models.amounts import count_of


@pytest.mark.parametrize(("amount", "text"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (2_500, "2,500 rows")])
def test_an_amount_has_its_noun_in_singular_or_plural(amount: int, text: str) -> None:
    assert count_of(amount, "row") == text


def test_words_that_change_otherwise_are_given() -> None:
    assert [count_of(amount, "person waits", several="people wait") for amount in (1, 3)] == [
        "1 person waits",
        "3 people wait",
    ]
