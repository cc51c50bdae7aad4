"""The built-in plugins together: which hooks they use, which settings turn them on, what they may import."""

import ast
from pathlib import Path

import pytest

import wabroadcast_core
import wabroadcast_plugins
from wabroadcast_core import Settings, SetupError
from wabroadcast_core.hookspecs import Hooks
from wabroadcast_core.plugins import build_plugins
from wabroadcast_plugins.settings import PluginSettings, read_plugin_settings, variable_of

HOOKS = {name for name in vars(Hooks) if name.startswith("wab_")}
SOURCES = sorted(Path(wabroadcast_plugins.__file__).parent.rglob("*.py"))
ALL_GIVEN = {
    "WABROADCAST_BLACKLIST_FILE": "blocked.txt",
    "WABROADCAST_ALLOWED_COUNTRIES": "ID,MY",
    "WABROADCAST_ONLY_NUMBERS": "0812-3456-7890",
    "WABROADCAST_EVENT_LOG": "events.jsonl",
}


def test_every_hook_has_a_built_in_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in ALL_GIVEN.items():
        monkeypatch.setenv(variable, value)

    facts = build_plugins().facts()

    used = {hook for fact in facts if fact.name.startswith("builtin.") for hook in fact.hooks}
    assert HOOKS - used == set()
    assert {fact.state for fact in facts} == {"active"}


def test_plugins_without_their_setting_are_off_and_cost_nothing() -> None:
    plugins = build_plugins()

    off = {fact.name: fact.settings[0] for fact in plugins.facts() if fact.state == "off"}
    assert off == {
        "builtin.number_file": "WABROADCAST_BLACKLIST_FILE",
        "builtin.countries": "WABROADCAST_ALLOWED_COUNTRIES",
        "builtin.only_numbers": "WABROADCAST_ONLY_NUMBERS",
        "builtin.event_log": "WABROADCAST_EVENT_LOG",
    }
    assert not plugins.has_blacklists  # otherwise each claim would pass through a thread


def test_every_setting_is_named_by_a_plugin() -> None:
    named = [setting for fact in build_plugins().facts() for setting in fact.settings]

    assert sorted(named) == sorted(variable_of(name) for name in PluginSettings.model_fields)


def test_no_setting_has_the_name_of_one_of_the_core() -> None:
    assert set(PluginSettings.model_fields) & set(Settings.model_fields) == set()


def test_a_blocked_plugin_is_not_created(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WABROADCAST_ONLY_NUMBERS", "not a number")

    facts = build_plugins(blocked=["builtin.only_numbers"]).facts()

    assert [fact.name for fact in facts if fact.state == "blocked"] == ["builtin.only_numbers"]


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        pytest.param("ALLOWED_COUNTRIES", "ID,Indonesia", "'Indonesia' is no country code", id="a-name-of-a-country"),
        pytest.param("ALLOWED_COUNTRIES", " , ", "the list has no entry", id="a-list-of-nothing"),
        pytest.param("ONLY_NUMBERS", ",", "the list has no entry", id="no-number"),
        pytest.param("EVENT_LOG_NUMBERS", "some", "'masked' or 'full'", id="an-unknown-word"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(f"WABROADCAST_{variable}", value)

    with pytest.raises(SetupError, match=f"^WABROADCAST_{variable}: .*{words}"):
        read_plugin_settings()
    with pytest.raises(SetupError, match=words):
        build_plugins()


def test_plugins_import_only_public_names_of_the_core() -> None:
    private = [
        f"{path.name}: {node.module}.{alias.name}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("wabroadcast_core", "host_litestar"))
        for alias in node.names
        if node.module != "wabroadcast_core" or alias.name not in wabroadcast_core.__all__
    ]

    assert private == []
