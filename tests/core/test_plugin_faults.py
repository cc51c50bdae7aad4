"""A fault of a plugin is described by what its code has, never by data."""

import ast
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from wabroadcast_core.plugin_faults import describe_fault

NUMBER = "+6281200001001"


def _misspell_attribute(person: object) -> None:
    person.full_name  # type: ignore[attr-defined]  # noqa: B018 - this is the fault


def _misspell_variable(_person: object) -> None:
    missing_name  # type: ignore[name-defined]  # noqa: B018, F821 - this is the fault


def _misspell_module(_person: object) -> None:
    import no_such_sdk  # type: ignore[import-not-found]  # noqa: F401 - this is the fault


def _read_attribute_of_data(person: object) -> None:
    getattr(person, NUMBER)


def _raise_with_data(_person: object) -> None:
    raise AttributeError(NUMBER, name=NUMBER)


@pytest.mark.parametrize(
    ("fail", "fault"),
    [
        pytest.param(_misspell_attribute, "AttributeError 'full_name'", id="attribute"),
        pytest.param(_misspell_variable, "NameError 'missing_name'", id="variable"),
        pytest.param(_misspell_module, "ModuleNotFoundError 'no_such_sdk'", id="module"),
        pytest.param(_read_attribute_of_data, "AttributeError", id="attribute-from-data"),
        pytest.param(_raise_with_data, "AttributeError", id="raised-with-data"),
        pytest.param(lambda _: dict[str, int]()[NUMBER], "KeyError", id="key"),
    ],
)
def test_a_fault_names_what_the_code_misses(fail: Callable[[object], object], fault: str) -> None:
    with pytest.raises((AttributeError, NameError, ImportError, KeyError)) as raised:
        fail(object())

    described = describe_fault(raised.value)

    assert re.fullmatch(rf"{fault} at .*core/test_plugin_faults\.py:\d+", described)
    assert NUMBER not in described


def test_a_syntax_error_in_a_source_file_names_the_file_and_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "acme_unfinished.py").write_text("first = 1\ndef second(:\n", encoding="utf-8")
    with pytest.raises(SyntaxError) as raised:
        import_module("acme_unfinished")

    assert describe_fault(raised.value) == "SyntaxError: invalid syntax (acme_unfinished.py, line 2)"


def test_a_syntax_error_in_data_shows_no_data() -> None:
    with pytest.raises(SyntaxError) as raised:
        ast.literal_eval(f"f({NUMBER}={NUMBER})")

    assert re.fullmatch(r"SyntaxError at \S+:\d+ > \S+:\d+", describe_fault(raised.value))
