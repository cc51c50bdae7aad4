"""A sentence of our own: English as a text, with a code and values that the store keeps."""

import copy
import pickle

import pytest
from pydantic import BaseModel

from wabroadcast_core.models.base import Said
from wabroadcast_core.sentence_texts import say
from wabroadcast_core.sentences import Sentence, cut_text, read_text, write_text

MARK = "\x1e"


class _Shown(BaseModel):
    detail: Said | None


@pytest.mark.parametrize(
    ("sentence", "english"),
    [
        pytest.param(say("undo_late", n=1, claimed=0), "too late: 1 message had left, 0 under way", id="one"),
        pytest.param(
            say("undo_late", n=1204, claimed=3), "too late: 1,204 messages had left, 3 under way", id="several"
        ),
        pytest.param(say("tagged", n=2, added=["vip", "a"]), "2 contacts; added vip, a", id="list"),
        pytest.param(
            say("test_silent", seconds=30.0)[:46], "the provider has not answered within 30 s: see", id="number"
        ),
        pytest.param(
            say("failure", reason="http_404", detail=say("media_answer", status=404)),
            "http_404: the media URL answered HTTP 404",
            id="sentence-in-a-sentence",
        ),
    ],
)
def test_a_sentence_is_its_english_text(sentence: str, english: str) -> None:
    assert sentence == english


@pytest.mark.parametrize(
    "sentence",
    [
        pytest.param(say("undone"), id="no-values"),
        pytest.param(say("failure", reason="http_400", detail=f'x{MARK}{{"a": 1}}'), id="hostile"),
        pytest.param(say("retagged", n=2, added=["“vip”"], removed=[]), id="lists"),
        pytest.param(say("failure", reason="x", detail=say("media_unreachable", cause=say("net_reset"))), id="nested"),
    ],
)
def test_a_stored_sentence_comes_back_with_its_code_and_values(sentence: Sentence) -> None:
    found = read_text(write_text(sentence))

    assert isinstance(found, Sentence)
    assert (found, found.code, dict(found.values)) == (sentence, sentence.code, dict(sentence.values))
    assert all(type(found.values[name]) is type(value) for name, value in sentence.values.items())


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("HTTP 400: no such number", id="words"),
        pytest.param('{"code": "undone", "values": {}}', id="JSON"),
        pytest.param(f'x{MARK}{{"code": "undone", "values": {{}}}}', id="with-the-mark-of-ours"),
        pytest.param(MARK, id="the-mark-alone"),
    ],
)
def test_a_text_of_others_never_becomes_a_sentence_of_ours(text: str) -> None:
    found = read_text(write_text(text))

    assert not isinstance(found, Sentence)
    assert found is not None
    assert MARK not in found
    assert len(found) == len(text)


def test_a_text_that_was_stored_with_the_mark_is_shown_as_it_is() -> None:
    assert read_text(f"{MARK}[]") == f"{MARK}[]"


def test_a_sentence_is_never_cut_and_a_text_of_others_is() -> None:
    assert cut_text(say("undone"), 5) == say("undone")
    assert cut_text("abcdefgh", 5) == "abcde"


def test_copies_and_models_keep_a_sentence_and_json_has_its_english() -> None:
    sentence = say("renamed", name="vip")

    shown = _Shown(detail=sentence)

    pickled = pickle.loads(pickle.dumps(sentence))
    for kept in (copy.deepcopy(sentence), pickled, shown.detail, shown.model_copy().detail):
        assert isinstance(kept, Sentence)
        assert (kept, kept.code, dict(kept.values)) == ("to vip", "renamed", {"name": "vip"})
    assert shown.model_dump_json() == '{"detail":"to vip"}'
