"""Sentences: texts that keep their code and values, in the store too."""

import copy
import pickle
from collections.abc import Callable

import pytest

from wabroadcast_core.sentences import (
    Sentence,
    code_of,
    foreign,
    listed,
    one_of,
    pack_sentence,
    sentence_of,
    unpack_sentence,
)

MANY = Sentence("many_tags", "there are {n} tags: give at most {most}", n=1204, most=0.5)
PLACED = Sentence("row_of_file", "row {row}: {reason}", row="7", reason=MANY)


def test_a_sentence_is_its_text_in_english() -> None:
    assert PLACED == "row 7: there are 1,204 tags: give at most 0.5"
    assert [code_of(text) for text in (PLACED, "a plugin's fault", foreign("no table"))] == ["row_of_file", None, None]


def _stored(sentence: Sentence) -> str:
    return unpack_sentence(pack_sentence(sentence))


def _pickled(sentence: Sentence) -> str:
    copied: Sentence = pickle.loads(pickle.dumps(sentence))
    return copied


@pytest.mark.parametrize("again", [_stored, _pickled, copy.deepcopy])
def test_a_sentence_keeps_its_code_and_values_when_it_is_stored_or_copied(
    again: Callable[[Sentence], str],
) -> None:
    found = again(PLACED)

    assert isinstance(found, Sentence)
    assert (found, found.code, found.values) == (PLACED, "row_of_file", {"row": "7", "reason": MANY})
    reason = found.values["reason"]
    assert isinstance(reason, Sentence)
    assert (reason.code, reason.values) == ("many_tags", {"n": 1204, "most": 0.5})


NO_SENTENCES = [
    "a fault",
    "",
    "a\x1e",
    "a\x1eb",
    "a\x1e[1]",
    'a\x1e["code",[]]',
    'a\x1e["code",{"n":[]}]',
    'a\x1e["code",{"n":null}]',
]


@pytest.mark.parametrize("text", NO_SENTENCES)
def test_another_text_is_stored_and_read_as_it_is(text: str) -> None:
    assert pack_sentence(text) == text
    assert unpack_sentence(text) == text
    assert code_of(unpack_sentence(text)) is None


def test_what_no_database_stores_is_replaced_in_values() -> None:
    quoted = Sentence("no_sheet", "there is no sheet {name}", name="a\0b\ud800")

    assert quoted == "there is no sheet a\N{REPLACEMENT CHARACTER}b?"


def test_an_error_says_the_sentence_that_it_was_raised_with() -> None:
    assert code_of(sentence_of(ValueError(PLACED))) == "row_of_file"
    assert sentence_of(ValueError("plain", 1)) == "('plain', 1)"
    assert sentence_of(ValueError()) == ""


def test_names_are_listed_as_texts_unless_one_is_a_sentence() -> None:
    assert (one_of(["a"]), one_of(["a", "b", "c"])) == ("a", "a, b or c")
    assert type(listed(["a", "b"])) is str
    assert (listed(["a", foreign("b"), "c"]), code_of(listed(["a", foreign("b")]))) == ("a, b, c", "listed")
