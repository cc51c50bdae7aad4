"""The catalogue of reasons: what it finds for a code, in which language, and what a sender may add."""

import logging
from typing import Any

import pytest

from wabroadcast_core.reasons.catalogue import CORE, Catalogue


def _sender(**reasons: Any) -> type[Any]:
    return type("Sender", (), {"reasons": reasons})


ACME = _sender(
    en={"acme_1": ("it broke", "mend it"), "acme_2?": ("it stalled", "push it"), "http_429": ("too much", "eat less")},
    id={"acme_1": ("rusak", "perbaiki")},
)


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue({"acme": ACME, "plain": type("Plain", (), {})})


@pytest.mark.parametrize(
    ("code", "language", "meaning"),
    [
        pytest.param("acme_1", "en", "it broke", id="own-code"),
        pytest.param("acme_1", "id", "rusak", id="own-code-in-indonesian"),
        pytest.param("acme_1", "de", "it broke", id="no-such-language"),
        pytest.param("acme_27", "id", "it stalled", id="pattern-that-lacks-the-language"),
    ],
)
def test_a_senders_own_texts_are_found(catalogue: Catalogue, code: str, language: str, meaning: str) -> None:
    found = catalogue.explain(code, language=language)

    assert (found.meaning, found.sender, found.known, found.code) == (meaning, "acme", True, code)


@pytest.mark.parametrize(
    ("sender", "meaning"),
    [
        pytest.param("acme", "too much", id="its-own-text-first"),
        pytest.param("plain", CORE["en"]["http_429"][0], id="a-sender-without-texts"),
        pytest.param(None, CORE["en"]["http_429"][0], id="no-sender"),
        pytest.param("gone", CORE["en"]["http_429"][0], id="a-sender-that-is-not-installed"),
    ],
)
def test_a_code_of_two_owners_is_that_of_the_named_sender(
    catalogue: Catalogue, sender: str | None, meaning: str
) -> None:
    assert catalogue.explain("http_429", sender=sender).meaning == meaning


@pytest.mark.parametrize(
    ("code", "entries"),
    [
        pytest.param("http_429", [(None, True), ("acme", True)], id="of-all-senders-and-of-one"),
        pytest.param("acme_1", [("acme", True)], id="of-one-sender"),
        pytest.param("no_such", [(None, False)], id="of-none"),
    ],
)
def test_a_code_is_explained_by_all_its_owners(
    catalogue: Catalogue, code: str, entries: list[tuple[str | None, bool]]
) -> None:
    found = catalogue.explain_all(code)

    assert [(entry.sender, entry.known) for entry in found] == entries


@pytest.mark.parametrize(
    ("code", "entry"),
    [
        pytest.param("http_408", "http_408", id="exact"),
        pytest.param("http_418", "http_4??", id="four-hundreds"),
        pytest.param("http_502", "http_5??", id="five-hundreds"),
        pytest.param("http_102", "http_???", id="any"),
    ],
)
def test_the_most_exact_pattern_decides(catalogue: Catalogue, code: str, entry: str) -> None:
    found = catalogue.explain(code)

    assert (found.code, found.meaning) == (code, CORE["en"][entry][0])


@pytest.mark.parametrize("code", ["", "nothing", "http_4?", "[a]", "acme_2" * 50, "ACME_1"])
def test_a_code_without_an_entry_has_general_texts(catalogue: Catalogue, code: str) -> None:
    found = catalogue.explain(code, language="id")

    assert (found.code, found.known, found.language) == (code, False, "id")
    assert "rincian" in found.action


def test_the_list_has_each_code_once_and_can_leave_other_senders_out(catalogue: Catalogue) -> None:
    every = [(one.sender, one.code) for one in catalogue.list(language="id")]
    plain = catalogue.list(sender="plain")

    assert len(every) == len(set(every)) == len(CORE["en"]) + 3
    assert {one.sender for one in plain} == {None}
    assert len(plain) == len(CORE["en"])
    assert {one.code: one.meaning for one in catalogue.list(language="id")}["acme_1"] == "rusak"


@pytest.mark.parametrize(
    "reasons",
    [
        pytest.param("text", id="text"),
        pytest.param(None, id="none"),
        pytest.param({"en": "text"}, id="no-codes"),
        pytest.param({"en": {"a": "only a meaning"}}, id="no-pair"),
        pytest.param({"en": {"a": ("meaning", None)}}, id="no-action"),
        pytest.param({"en": {1: ("meaning", "action")}}, id="number"),
    ],
)
def test_texts_in_another_form_are_left_out_with_a_warning(caplog: pytest.LogCaptureFixture, reasons: Any) -> None:
    with caplog.at_level(logging.WARNING):
        catalogue = Catalogue({"acme": type("Sender", (), {"reasons": reasons})})

    assert catalogue.explain("a").known is False
    assert "the sender acme has reasons" in caplog.text
