"""The catalogues of the dashboard: complete in each language, and each text is used."""

import re
from pathlib import Path
from string import Formatter

import pytest

import host_litestar.dashboard
from host_litestar.dashboard.formats import Formats
from host_litestar.dashboard.sentences import CORE
from host_litestar.dashboard.texts import LANGUAGES, ONE, Texts, catalogue

ROOT = Path(host_litestar.dashboard.__file__).parent
SOURCES = "\n".join(
    path.read_text(encoding="utf-8")
    for path in sorted(ROOT.rglob("*"))
    if path.suffix in {".py", ".html"} and "texts" not in path.parts
)
KEY = re.compile(r"""["']((?:[a-z][a-z0-9_]*\.)+[a-z0-9_.]+)["']""")
PREFIX = re.compile(r"""["']((?:[a-z][a-z0-9_]*\.)+)(?:["']|\{)""")  # of a key whose end is computed


def keys_of(language: str) -> set[str]:
    """Return the keys of the pages' own texts; those of the core's sentences are in ``test_core_sentences.py``."""
    return {key for key in catalogue(language) if not key.endswith(ONE) and not key.startswith(CORE)}


def places_of(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_the_same_keys(language: str) -> None:
    assert keys_of(language) == keys_of(LANGUAGES[0])


def test_each_text_has_the_same_places_in_each_language() -> None:
    wrong = [
        key
        for language in LANGUAGES
        for key, text in catalogue(language).items()
        if places_of(text) != places_of(catalogue(LANGUAGES[0])[key.removesuffix(ONE)])
    ]

    assert wrong == []


def test_a_form_for_one_belongs_to_a_text_with_a_number() -> None:
    wrong = [
        key
        for language in LANGUAGES
        for key in catalogue(language)
        if key.endswith(ONE) and "n" not in places_of(catalogue(language).get(key.removesuffix(ONE), ""))
    ]

    assert wrong == []


def test_each_text_is_used() -> None:
    named, prefixes = set(KEY.findall(SOURCES)), tuple(set(PREFIX.findall(SOURCES)))

    unused = {key for key in keys_of(LANGUAGES[0]) if key not in named and not key.startswith(prefixes)}

    assert unused == set()


def test_each_text_that_a_page_names_exists() -> None:
    rooms = {key.partition(".")[0] for key in keys_of(LANGUAGES[0])}
    named = set(re.findall(r"""\bt\(["']([a-z][a-z0-9_.]*)["'][,)]""", SOURCES))
    noticed = set(re.findall(r"""Notice\(\s*["']([a-z][a-z0-9_.]*)["']""", SOURCES))

    assert {key for key in named | noticed if key.partition(".")[0] in rooms} <= keys_of(LANGUAGES[0])
    assert named


def test_no_text_is_the_same_in_both_languages_but_names_and_formats() -> None:
    first, second = (catalogue(language) for language in LANGUAGES)
    same = {key for key in keys_of(LANGUAGES[0]) if first[key] == second[key] and len(first[key].split()) > 2}

    assert {key for key in same if places_of(first[key]) == set()} <= {"overview.sample.text"}


@pytest.mark.parametrize(
    ("language", "n", "said"),
    [
        pytest.param("en", 1, "1 callback could not be delivered", id="one"),
        pytest.param("en", 1204, "1,204 callbacks could not be delivered", id="many"),
        pytest.param("id", 1204, "1.204 callback gagal disampaikan", id="Indonesian"),
    ],
)
def test_numbers_in_texts_are_written_as_the_language_does(language: str, n: int, said: str) -> None:
    texts = Texts(language, Formats(language, "Asia/Jakarta").number)

    assert texts("overview.callbacks", n=n) == said
