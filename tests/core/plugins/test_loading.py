"""Plugins that cannot be used are quarantined: the others work, and what is wrong is said in plain words."""

import importlib
import textwrap
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from wabroadcast_core.errors import NotFoundError, PluginError
from wabroadcast_core.hookspecs import Sender, SenderContext, hookimpl
from wabroadcast_core.models.base import Model
from wabroadcast_core.models.capabilities import Capabilities
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.models.recipient import AudienceRow
from wabroadcast_core.plugins import build_plugins
from wabroadcast_core.plugins.kept_logging import LoggingState
from wabroadcast_core.settings import Settings

Install = Callable[..., None]

SENDER = """
from wabroadcast_core import Accepted, Capabilities, Model, hookimpl

class Pigeon:
    kind = "pigeon"
    Settings = Model
    capabilities = Capabilities()
    def __init__(self, settings, context): ...
    async def send(self, message):
        return Accepted("1")

@hookimpl
def wab_senders():
    return [Pigeon]
"""
BLACKLIST = """
from wabroadcast_core import hookimpl

@hookimpl
def wab_blacklisted(numbers):
    return {"+62811": "listed"}
"""
CREATES_BLACKLIST = """
from wabroadcast_core import hookimpl

class Stop:
    @hookimpl
    def wab_blacklisted(self, numbers):
        return {"+62811": "listed"}

def create_plugin(settings):
    return Stop()
"""


class Users:
    kind: ClassVar[str] = "users"
    Settings: ClassVar[type[BaseModel]] = Model
    repeatable: ClassVar[bool] = True

    def __init__(self, settings: Any, context: Any) -> None: ...

    def read(self) -> Iterable[AudienceRow]:
        yield AudienceRow(number="081200001001")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Returns a function that installs a distribution of one module, as pip would."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(
        module: str,
        code: str | None,
        *,
        entry: str | None = None,
        names: str | None = None,
        distribution: str | None = None,
    ) -> None:
        name = distribution or f"wab-{module}"
        if code is not None:
            (tmp_path / f"{module}.py").write_text(textwrap.dedent(code))
        info = tmp_path / f"{name.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[wabroadcast]\n{entry or module} = {names or module}\n")

    return install


def reason_of(name: str, **settings: Any) -> str:
    """Build the plugins, and return why one is quarantined; the built-in ones must work."""
    plugins = build_plugins(settings=Settings(**settings))
    assert {"sandbox"} <= set(plugins.senders)
    return plugins.quarantined[name].reason


# --- at import ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "words"),
    [
        pytest.param("import no_such_sdk", "ModuleNotFoundError: No module named 'no_such_sdk'", id="no-package"),
        pytest.param("def broken(:", "SyntaxError", id="a-syntax-error"),
        pytest.param("raise ValueError('S3CRET')", "ValueError at", id="an-exception"),
        pytest.param("import sys; sys.exit('S3CRET')", "tried to end the process: SystemExit at", id="an-exit"),
        pytest.param("raise KeyboardInterrupt", "tried to end the process: KeyboardInterrupt at", id="an-interrupt"),
        pytest.param(
            "class Odd(BaseException): ...\nraise Odd", "tried to end the process: Odd at", id="a-base-exception"
        ),
        pytest.param(None, "No module named 'bad_import'", id="no-module"),
        pytest.param("PLUGINS = 42", "TypeError", id="plugins-that-are-a-number"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_quarantined(install: Install, code: str | None, words: str) -> None:
    install("bad_import", code)

    reason = reason_of("bad_import")

    assert words in reason
    assert "S3CRET" not in reason


@pytest.mark.parametrize(
    ("module", "code", "names", "words"),
    [
        pytest.param("gone", "x = 1", "gone:plugin", "its entry point names gone:plugin, which does not", id="gone"),
        pytest.param("bare", "x = 1", None, "it has no hook: put @hookimpl above its functions", id="no-hook"),
    ],
)
def test_an_entry_point_that_leads_to_no_plugin_is_quarantined(
    install: Install, module: str, code: str, names: str | None, words: str
) -> None:
    install(module, code, names=names)

    plugins = build_plugins()

    assert words in plugins.quarantined[module].reason
    assert plugins.stop is None


def test_an_entry_point_that_misses_the_hooks_of_a_blacklist_stops_all_sending(install: Install) -> None:
    install("missed", "# wab_blacklisted is in another module")

    assert "plugin missed is quarantined: it has no hook" in (build_plugins().stop or "")


def test_an_object_that_fails_whatever_is_read_of_it_is_quarantined(install: Install) -> None:
    install("proxy", """
        class Proxy:
            def __dir__(self):
                raise RuntimeError("outside of a request")

        proxy = Proxy()
        """, names="proxy:proxy")  # fmt: skip

    quarantined = build_plugins().quarantined["proxy"]

    assert ("RuntimeError at " in quarantined.reason, quarantined.may_stop) == (True, True)


def test_a_module_with_proxies_of_a_web_framework_is_taken_and_none_is_looked_at(install: Install) -> None:
    proxies = """
from flask import current_app, request
from django.utils.functional import SimpleLazyObject

def work():
    raise RuntimeError("this proxy must not be looked at")

lazy = SimpleLazyObject(work)
"""
    install("rooster", proxies + SENDER.replace("Pigeon", "Rooster").replace("pigeon", "rooster"))
    install("hen", proxies + BLACKLIST)

    plugins = build_plugins()

    assert plugins.quarantined == {}
    assert "rooster" in plugins.senders
    assert plugins.has_blacklists


@pytest.mark.parametrize("decorators", ["@hookimpl\n@staticmethod", "@staticmethod\n@hookimpl"])
def test_a_static_method_of_a_module_is_a_hook_in_either_order_of_its_decorators(
    install: Install, decorators: str
) -> None:
    install("still", BLACKLIST.replace("@hookimpl", decorators))

    plugins = build_plugins()

    assert plugins.quarantined == {}
    assert plugins.has_blacklists


def test_a_plugin_that_changes_the_logging_of_the_process_is_named_and_changes_nothing(
    install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    install("loud_sdk", """
        import logging
        from wabroadcast_core import hookimpl

        logging.basicConfig(level=logging.DEBUG, force=True)
        logging.disable(logging.CRITICAL)

        @hookimpl
        def wab_inbound(message): ...
        """)  # fmt: skip
    before = LoggingState.read()

    plugins = build_plugins()

    assert LoggingState.read() == before
    fault = "its import changed the logging of the whole process, which is undone"
    assert f"plugin loud_sdk: {fault}" in caplog.text
    assert [(each.plugin, each.last) for each in plugins.failures.list()] == [("loud_sdk", fault)]
    assert plugins.call_order()["wab_inbound"] == ["loud_sdk"]


def test_a_plugin_that_hangs_at_import_is_left_behind(install: Install) -> None:
    install("hanging_import", "import time; time.sleep(60)")
    begun = time.monotonic()

    reason = reason_of("hanging_import", plugin_load_seconds=1)

    assert reason == "its import has not ended within 1 s"
    assert time.monotonic() - begun < 20


def test_a_quarantined_plugin_is_listed_with_its_distribution_and_logged_in_one_line(
    install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    install("bad_import_listed", "import no_such_sdk")
    plugins = build_plugins()

    plugins.log_quarantined()

    fact = next(fact for fact in plugins.facts() if fact.name == "bad_import_listed")
    assert (fact.state, fact.distribution, fact.version) == ("quarantined", "wab-bad_import_listed", "1.2")
    (line,) = caplog.messages
    assert line == (
        "plugin bad_import_listed is quarantined: it cannot be imported: ModuleNotFoundError: No module named "
        "'no_such_sdk'; repair the plugin and restart, or block it with WABROADCAST_BLOCKED_PLUGINS=bad_import_listed"
    )


def test_a_blocked_plugin_is_not_imported(install: Install) -> None:
    install("never_imported", "raise ValueError")

    assert build_plugins(blocked=["never_imported"]).quarantined == {}


def test_a_blocked_plugin_is_listed_with_its_distribution_and_a_misspelled_name_as_not_installed(
    install: Install,
) -> None:
    install("never_started", "raise ValueError")
    blocked = ["never_started", "never_startd", "builtin.sandbox", "Loud"]

    plugins = build_plugins([Loud()], blocked=blocked)

    listed = {fact.name: (fact.state, fact.origin, fact.version) for fact in plugins.facts() if fact.blocked}
    assert listed == {
        "never_started": ("blocked", "never_started", "1.2"),
        "never_startd": ("blocked", "not installed", ""),
        "builtin.sandbox": ("blocked", "wabroadcast_plugins.senders.sandbox", listed["builtin.sandbox"][2]),
        "Loud": ("blocked", Loud.__module__, ""),
    }
    assert listed["builtin.sandbox"][2]


def test_strict_settings_make_a_quarantine_an_error(install: Install) -> None:
    install("bad_import_strict", "import no_such_sdk")

    with pytest.raises(PluginError, match=r"plugin bad_import_strict is quarantined: .*WABROADCAST_BLOCKED_PLUGINS"):
        build_plugins(settings=Settings(plugins_strict=True))


# --- names of entry points ---------------------------------------------------------------------------------------


def test_of_two_distributions_with_one_entry_point_name_the_second_is_quarantined(install: Install) -> None:
    install("pigeon_one", SENDER, entry="post", distribution="wab-one")
    install("pigeon_two", BLACKLIST, entry="post", distribution="wab-two")

    plugins = build_plugins()

    assert "pigeon" in plugins.senders
    assert plugins.quarantined["post@wab-two"].reason == (
        "the distribution wab-one has an entry point with the name post too"
    )
    assert plugins.stop is not None  # it is a blacklist
    assert "pip uninstall wab-one, or pip uninstall wab-two" in plugins.quarantined["post@wab-two"].remedy


def test_one_of_two_distributions_with_one_entry_point_name_can_be_blocked(install: Install) -> None:
    install("pigeon_three", SENDER, entry="post", distribution="wab-one")
    install("pigeon_four", BLACKLIST, entry="post", distribution="wab-two")

    plugins = build_plugins(blocked=["post@wab-one"])

    assert plugins.quarantined == {}
    assert plugins.blacklisted(["+62811"]) == {"+62811": "listed"}


@pytest.mark.parametrize("entry", ["builtin", "builtin.sandbox", "builtin.other"])
def test_no_plugin_takes_the_name_of_the_built_in_ones(install: Install, entry: str) -> None:
    install("usurper", SENDER, entry=entry, distribution="a-usurper")

    plugins = build_plugins()

    assert "sandbox" in plugins.senders
    assert "pigeon" not in plugins.senders
    assert [one.reason for one in plugins.quarantined.values()] == [
        f"its entry point is named {entry}, and this name is that of the built-in plugins"
    ]


def test_a_plugin_does_not_take_the_kind_of_a_built_in_one_by_its_name(install: Install) -> None:
    install("a_first", SENDER.replace('"pigeon"', '"sandbox"'))

    plugins = build_plugins()

    assert plugins.senders["sandbox"].__module__ == "wabroadcast_plugins.senders.sandbox"
    assert plugins.quarantined["a_first"].reason == (
        "its sender kind 'sandbox' is that of the plugin builtin.sandbox already"
    )


# --- hooks and classes -------------------------------------------------------------------------------------------


class NoSettings(Model):
    """No settings."""


class LoudSender:
    kind: ClassVar[str] = "loud"
    Settings: ClassVar[type[BaseModel]] = NoSettings
    capabilities: ClassVar[Capabilities] = Capabilities()

    def __init__(self, settings: Any, context: SenderContext) -> None: ...

    async def send(self, message: OutgoingMessage) -> Accepted:
        return Accepted(message.message_id)


class Loud:
    @hookimpl
    def wab_senders(self) -> Sequence[type[Sender]]:
        return [LoudSender]


class AlsoLoud(Loud):
    """Another plugin that provides the same kind."""


class UnknownHook:
    @hookimpl
    def wab_before_sned(self, message: OutgoingMessage) -> None: ...


class UnknownArgument:
    @hookimpl
    def wab_before_send(self, letter: OutgoingMessage) -> None: ...


class CoroutineHook:
    @hookimpl
    async def wab_before_send(self, message: OutgoingMessage) -> None: ...


class AsyncGeneratorHook:
    @hookimpl
    async def wab_inbound(self) -> AsyncIterator[None]:
        yield


class GeneratorHook:
    @hookimpl
    def wab_inbound(self) -> Iterator[None]:
        yield


class WithoutObject:
    """A class as a namespace of functions."""

    @hookimpl
    def wab_inbound(message: Any) -> None: ...  # noqa: N805 - it is a function


class FailsToName:
    @hookimpl
    def wab_senders(self) -> Sequence[type[Sender]]:
        raise ImportError("no driver")


class ExitsToName:
    @hookimpl
    def wab_senders(self) -> Sequence[type[Sender]]:
        raise SystemExit


class NamesANumber:
    @hookimpl
    def wab_senders(self) -> Any:
        return 42


class NamesNoKind:
    @hookimpl
    def wab_senders(self) -> Sequence[Any]:
        return [object]


class HangsToName:
    @hookimpl
    def wab_contact_sources(self) -> Sequence[Any]:
        time.sleep(60)
        return []


@pytest.mark.parametrize(
    ("plugin", "words"),
    [
        pytest.param(UnknownHook(), ["wab_before_sned"], id="an-unknown-hook"),
        pytest.param(UnknownArgument(), ["letter"], id="an-unknown-argument"),
        pytest.param(CoroutineHook(), ["wab_before_send is a coroutine function"], id="a-coroutine"),
        pytest.param(AsyncGeneratorHook(), ["wab_inbound is a coroutine function"], id="an-async-generator"),
        pytest.param(GeneratorHook(), ["wab_inbound is a generator function"], id="a-generator"),
        pytest.param(FailsToName(), ["wab_senders failed: ImportError: no driver"], id="a-hook-that-fails"),
        pytest.param(ExitsToName(), ["wab_senders tried to end the process"], id="a-hook-that-exits"),
        pytest.param(NamesANumber(), ["wab_senders failed: TypeError"], id="a-number"),
        pytest.param(HangsToName(), ["wab_contact_sources has not ended within 1 s"], id="a-hook-that-hangs"),
        pytest.param(NamesNoKind(), ["object: kind is not"], id="a-sender-without-a-kind"),
        pytest.param(AlsoLoud(), ["'loud'", "plugin Loud"], id="one-kind-twice"),
    ],
)
def test_a_plugin_that_does_not_fit_is_quarantined_and_the_others_work(plugin: Any, words: list[str]) -> None:
    plugins = build_plugins([Loud(), plugin], settings=Settings(plugin_load_seconds=1), discover=False)

    assert plugins.senders == {"loud": LoudSender}
    (quarantined,) = plugins.quarantined.values()
    assert quarantined.name == type(plugin).__name__
    assert [word for word in words if word not in quarantined.reason] == []
    assert plugins.stop is None
    assert not plugins.has_before_send_hooks


def test_an_installed_class_in_the_place_of_its_object_is_quarantined(install: Install) -> None:
    install("bare_class", """
        from wabroadcast_core import hookimpl

        class Listener:
            @hookimpl
            def wab_receipts(self): ...

        PLUGINS = [Listener]
        """)  # fmt: skip

    assert "give an object of the class" in build_plugins().quarantined["bare_class.Listener"].reason


def test_a_class_whose_hooks_need_no_object_is_taken() -> None:
    plugins = build_plugins([WithoutObject], discover=False)

    assert plugins.call_order() == {"wab_inbound": ["WithoutObject"]}
    plugins.inbound(None, connection="main")  # type: ignore[arg-type]  # it is not read
    assert plugins.failures.list() == []


def test_a_plugin_is_not_given_twice() -> None:
    plugin = Loud()

    with pytest.raises(PluginError, match="Loud is given twice"):
        build_plugins([plugin, plugin], discover=False)


def test_a_plugin_that_is_installed_and_given_counts_once(install: Install) -> None:
    install("pigeon_given", SENDER)
    install("stop_given", CREATES_BLACKLIST, entry="stop")
    given = [importlib.import_module("pigeon_given"), importlib.import_module("stop_given")]

    plugins = build_plugins([*given, given[0].Pigeon], settings=Settings(plugins_strict=True))

    names = [fact.name for fact in plugins.facts() if not fact.name.startswith("builtin.")]
    assert names == ["pigeon_given", "stop"]


def test_a_sender_or_a_contact_source_class_is_given_by_itself() -> None:
    plugins = build_plugins([LoudSender, Users], discover=False)

    assert plugins.senders == {"loud": LoudSender}
    assert plugins.contact_sources == {"users": Users}
    assert set(plugins.call_order()) == {"wab_senders", "wab_contact_sources"}
    with pytest.raises(PluginError, match="Users is given twice"):
        build_plugins([Users, Users], discover=False)


def test_a_faulty_class_that_is_given_by_itself_is_quarantined_under_its_name() -> None:
    class NoReader:
        kind = "none"
        read = None

    (quarantined,) = build_plugins([NoReader], discover=False).quarantined.values()

    assert quarantined.name == "NoReader"


class Forgetful:
    def wab_blacklisted(self, numbers: Sequence[str]) -> Mapping[str, str]:
        return dict.fromkeys(numbers, "listed")


def test_a_hook_without_its_mark_is_named_and_a_blacklist_without_it_stops_all_sending() -> None:
    plugins = build_plugins([Forgetful()], discover=False)

    assert "@hookimpl" in plugins.quarantined["Forgetful"].reason
    assert plugins.stop is not None


def test_a_plugin_that_is_given_can_be_blocked_by_the_name_of_its_class() -> None:
    plugins = build_plugins([Loud(), AlsoLoud()], blocked=["Loud"], discover=False)

    assert plugins.senders == {"loud": LoudSender}
    assert plugins.quarantined == {}


def test_a_missing_kind_names_the_plugin_that_may_have_it(install: Install) -> None:
    install("pigeon_post", "import no_such_sdk\n" + SENDER)

    with pytest.raises(NotFoundError, match=r"plugin pigeon_post is quarantined: .*no_such_sdk"):
        build_plugins().sender("pigeon")


def test_a_missing_kind_names_the_plugin_that_has_it() -> None:
    class Unfit:
        @hookimpl
        def wab_senders(self) -> Any:
            return [type("Pigeon", (LoudSender,), {"kind": "pigeon", "capabilities": {"text"}})]

    with pytest.raises(NotFoundError, match="plugin Unfit is quarantined: Pigeon: capabilities is not"):
        build_plugins([Unfit(), UnknownHook()], discover=False).sender("pigeon")


# --- blacklists and validators -----------------------------------------------------------------------------------


class Misspelled:
    @hookimpl
    def wab_blacklist(self) -> Mapping[str, str]:
        return {}


class WrongArgument:
    @hookimpl
    def wab_validate_numbers(self, phones: Sequence[str]) -> Mapping[str, str]:
        return dict.fromkeys(phones, "unknown")


class WithProperty(WrongArgument):
    @property
    def broken(self) -> str:
        raise ValueError


class LoudBlacklist(AlsoLoud):
    @hookimpl
    def wab_blacklisted(self) -> Mapping[str, str]:
        return {}


@pytest.mark.parametrize("plugin", [Misspelled(), WrongArgument(), WithProperty(), LoudBlacklist()])
def test_nothing_is_sent_without_a_quarantined_blacklist_or_validator(plugin: Any) -> None:
    name = type(plugin).__name__
    plugins = build_plugins([Loud(), plugin], discover=False)

    assert plugins.has_blacklists
    with pytest.raises(PluginError, match=f"plugin {name} is quarantined: .*nothing is sent until then: .*={name}"):
        plugins.blacklisted(["+62811"])
    assert build_plugins([Loud(), plugin], blocked=[name], discover=False).blacklisted(["+62811"]) == {}


@pytest.mark.parametrize(
    ("code", "stops"),
    [
        pytest.param("import no_such_sdk\n" + BLACKLIST, True, id="a-blacklist"),
        pytest.param("import no_such_sdk\n" + SENDER, False, id="a-sender"),
        pytest.param(None, True, id="no-code-at-all"),
    ],
)
def test_code_that_cannot_be_imported_is_searched_for_a_blacklist(
    install: Install,
    code: str | None,
    stops: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    install("unknown_code", code)

    assert build_plugins().quarantined["unknown_code"].may_stop == stops


def test_a_blacklist_that_cannot_be_created_stops_the_sending(install: Install) -> None:
    install("created_late", BLACKLIST + "\ndef create_plugin(settings):\n    raise ValueError\n")

    assert build_plugins().quarantined["created_late"].may_stop


def test_a_broken_built_in_sender_stops_no_sending(monkeypatch: pytest.MonkeyPatch) -> None:
    from wabroadcast_plugins.senders import sandbox

    def fail(_: Settings) -> None:
        raise ValueError

    monkeypatch.setattr(sandbox, "create_plugin", fail, raising=False)

    plugins = build_plugins()

    assert set(plugins.quarantined) == {"builtin.sandbox"}
    assert plugins.stop is None


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        pytest.param("lost_blacklist", "it is required and is not installed", id="not-installed"),
        pytest.param("builtin.number_file", "it is required and is off, because its setting is not given", id="off"),
    ],
)
def test_nothing_is_sent_without_a_required_plugin(name: str, fact: str) -> None:
    settings = Settings(required_plugins=["builtin.sandbox", name])

    plugins = build_plugins(settings=settings)

    assert {each.name: each.reason for each in plugins.quarantined.values()} == {name: fact}
    with pytest.raises(PluginError, match=fact):
        plugins.blacklisted(["+62811"])
    assert build_plugins(settings=settings, blocked=[name]).stop is None
