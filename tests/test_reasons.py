"""Every code that the core and the built-in senders can give is explained in the catalogue, in each language.

The codes are read from the enums, the tables and the source: the reasons with which errors of a send are created.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias, get_args

import pytest

from host_litestar import problems
from host_litestar.scopes import MissingScopeError
from host_litestar.session_cookies import CsrfError
from wabroadcast_core import errors
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models import status, waiting
from wabroadcast_core.models.broadcast import OTHER_REASONS
from wabroadcast_core.reasons import english, indonesian
from wabroadcast_core.reasons.catalogue import CORE, Catalogue
from wabroadcast_core.reasons.texts import Texts
from wabroadcast_core.settings import Settings
from wabroadcast_core.store.erased import ERASED
from wabroadcast_plugins.senders.http_api import matches
from wabroadcast_plugins.senders.whatsapp_cloud import errors as cloud_errors

ROOT = Path(__file__).parent.parent
SEND_ERRORS = {"Temporary", "Rejected", "BadMessage", "Throttled", "ConnectionDown", "OutcomeUnknown"}
NO_CODES = {"testing"}  # fakes for plugin authors
GATEWAYS = ("evolution", "fonnte", "gowa", "waha", "wablas", "wuzapi")
SENDER_OF = {"sandbox": "sandbox", "whatsapp_cloud": "whatsapp-cloud", "http_api": "http"} | {
    gateway: gateway for gateway in GATEWAYS
}
Code: TypeAlias = tuple[str, str | None]  # with the kind of sender, or None for the core
CODE = re.compile(r"[a-z0-9_]+")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Broadcaster(Settings()).reasons


# --- what is known to code ---------------------------------------------------------------------------------------


def _calls(path: Path, names: set[str]) -> Iterator[ast.Call]:
    source = path.read_text(encoding="utf-8")
    if not any(f"{name}(" in source for name in names):
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
            yield node


def _subclasses(root: type[Any]) -> Iterator[type[Any]]:
    for one in root.__subclasses__():
        yield one
        yield from _subclasses(one)


def _codes_of_errors() -> set[str]:
    return {errors.BroadcastError.code, *(one.code for one in _subclasses(errors.BroadcastError))}


def _codes_of_waiting() -> set[str]:
    causes, _ = get_args(waiting.WaitingFor)
    return {cause.model_fields["code"].default for cause in get_args(causes)}


def _codes_of_problems() -> set[str]:
    source = [*(ROOT / "host_litestar").rglob("*.py"), *(ROOT / "wabroadcast_core").rglob("*.py")]
    calls = (call for path in source for call in _calls(path, {"problem_of"}))
    given = {call.args[1].value for call in calls if len(call.args) > 1 and isinstance(call.args[1], ast.Constant)}
    return {*problems._CODES.values(), *map(str, given), MissingScopeError.code, CsrfError.code}


def _codes_of_the_core() -> set[str]:
    return {
        *status.SkipReason,
        *status.WaitReason,
        *_codes_of_waiting(),
        *_codes_of_errors(),
        *_codes_of_problems(),
        OTHER_REASONS,
        ERASED,
        "failed",
        "unknown",
        *(f"http_{code}" for code in (301, 400, 401, 403, 404, 408, 413, 429, 500, 502, 503, 504)),
    }


def test_the_codes_of_the_core_are_explained_in_each_language(catalogue: Catalogue) -> None:
    assert _unexplained(catalogue, ((code, None) for code in _codes_of_the_core())) == []


@pytest.mark.parametrize("texts", [english.WAITING, indonesian.WAITING], ids=["en", "id"])
def test_no_cause_of_waiting_is_explained_that_does_not_exist(texts: Texts) -> None:
    assert texts.keys() - _codes_of_waiting() == set()


def test_the_codes_of_meta_are_explained_in_each_language(catalogue: Catalogue) -> None:
    codes = [*cloud_errors._RULES, *range(200, 300)]

    assert _unexplained(catalogue, ((str(code), "whatsapp-cloud") for code in codes)) == []


def test_what_a_rule_of_the_http_sender_means_is_explained(catalogue: Catalogue) -> None:
    words = get_args(matches.FailureRule.model_fields["means"].annotation)

    assert len(words) > 1
    assert _unexplained(catalogue, ((word, "http") for word in words)) == []


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_what_all_gateways_share_is_explained(catalogue: Catalogue, gateway: str) -> None:
    codes = ("463", "475", "429", "401", "undelivered", "refused", "not_found", "too_large")

    assert _unexplained(catalogue, ((f"{gateway}_{code}", gateway) for code in codes)) == []


# --- what the source creates -------------------------------------------------------------------------------------


def _codes_in(path: Path) -> Iterator[Code]:
    """Yield the codes of a file's errors and tables of errors, each with the kind of sender."""
    kind = next((SENDER_OF[part] for part in (*path.parts[-2:-1], path.stem) if part in SENDER_OF), None)
    for call in _calls(path, SEND_ERRORS):
        for code in _texts_of(call.args[0]) if call.args else ():
            yield from ((code.replace("{kind}", one), one) for one in GATEWAYS) if "{kind}" in code else [(code, kind)]
    source = path.read_text(encoding="utf-8")
    if not any(word in source for word in (*SEND_ERRORS, "reason=")):
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Tuple) and any(isinstance(e, ast.Name) and e.id in SEND_ERRORS for e in node.elts):
            yield from ((text, kind) for part in node.elts for text in _texts_of(part))
        if isinstance(node, ast.keyword) and node.arg == "reason":
            yield from ((text, kind) for text in _texts_of(node.value) if CODE.fullmatch(text))


def _texts_of(node: ast.expr) -> Iterator[str]:
    """Yield the texts of an expression; a name in an f-string is written in braces."""
    match node:
        case ast.Constant(value=str() as text):
            yield text
        case ast.JoinedStr():
            yield "".join(
                f"{{{ast.unparse(part.value)}}}" if isinstance(part, ast.FormattedValue) else ast.literal_eval(part)
                for part in node.values
            )
        case ast.IfExp():
            yield from _texts_of(node.body)
            yield from _texts_of(node.orelse)


@pytest.fixture(scope="module")
def created() -> set[Code]:
    """The codes that the source creates."""
    files = [path for package in ("wabroadcast_core", "wabroadcast_plugins") for path in (ROOT / package).rglob("*.py")]
    found = {pair for path in files if not NO_CODES & set(path.parts) for pair in _codes_in(path)}
    examples = {"{status}": "404", "{reply.status}": "413", "{word}": "reject"}
    for pattern, example in examples.items():
        found = {(code.replace(pattern, example), sender) for code, sender in found}
    return found


def test_the_walk_finds_codes_of_all_senders(created: set[Code]) -> None:
    assert {sender for _, sender in created} == {None, *SENDER_OF.values()}
    assert len(created) > 120
    assert [code for code, _ in created if not CODE.fullmatch(code)] == []


def test_the_codes_that_the_source_creates_are_explained_in_each_language(
    catalogue: Catalogue, created: set[Code]
) -> None:
    assert _unexplained(catalogue, created) == []


# --- the texts ---------------------------------------------------------------------------------------------------


def _unexplained(catalogue: Catalogue, codes: Iterable[Code]) -> list[tuple[str, str | None, str]]:
    """Return the codes without an entry, each with its sender and the language."""
    return [
        (code, sender, language)
        for code, sender in codes
        for language in CORE
        if not (found := catalogue.explain(code, language=language, sender=sender)).known or found.language != language
    ]


def test_each_entry_is_in_each_language_in_whole_sentences(catalogue: Catalogue) -> None:
    for language in CORE:
        for entry in catalogue.list(language=language):
            assert entry.language == language, entry.code
            for text in (entry.meaning, entry.action):
                assert text == text.strip(), entry
                assert text.endswith("."), entry
                assert text[0].isupper() or text.startswith(("wabroadcast", "{")), entry
                assert "{" not in text, entry


def test_the_languages_do_not_share_texts(catalogue: Catalogue) -> None:
    english = {entry.meaning for entry in catalogue.list(language="en")}

    assert {entry.meaning for entry in catalogue.list(language="id")} & english == set()
