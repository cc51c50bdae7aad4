"""The plugin manager: which plugins are refused, whose errors are contained, in which order plugins are called."""

import asyncio
import inspect
import logging
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from wabroadcast_core.errors import BlacklistAwayError, NotFoundError, PluginError, Rejected, SetupError
from wabroadcast_core.hookspecs import Hooks, Sender, SenderContext, hookimpl
from wabroadcast_core.models.base import Model
from wabroadcast_core.models.capabilities import Capabilities
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.models.receipt import Inbound
from wabroadcast_core.plugins import build_plugins
from wabroadcast_core.settings import Settings
from wabroadcast_plugins.senders import waha

HOOKS = {name: hook for name, hook in vars(Hooks).items() if name.startswith("wab_")}
MESSAGE = OutgoingMessage(message_id="job-0", number="+6281234567890", type="text", text="Halo")


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


class Listed:
    """A blacklist of one number."""

    def __init__(self, number: str, reason: str) -> None:
        self._entry = {number: reason}

    @hookimpl
    def wab_blacklisted(self, numbers: Sequence[str]) -> Mapping[str, str]:
        return {number: self._entry[number] for number in numbers if number in self._entry}

    @hookimpl
    def wab_validate_numbers(self, numbers: Sequence[str], connection: str) -> Mapping[str, str]:
        return {number: f"{self._entry[number]} on {connection}" for number in numbers if number in self._entry}


class Broken:
    """A plugin whose hooks all raise."""

    def _fail(self, *given: Any) -> Any:
        raise LookupError(f"a bug with +6281234567890 and {given} in it")

    @hookimpl
    def wab_blacklisted(self, numbers: Sequence[str]) -> Mapping[str, str]:
        return self._fail(numbers)  # type: ignore[no-any-return]  # it never returns

    @hookimpl
    def wab_validate_numbers(self, numbers: Sequence[str], connection: str) -> Mapping[str, str]:
        return self._fail(numbers, connection)  # type: ignore[no-any-return]  # it never returns

    @hookimpl
    def wab_before_send(self, message: OutgoingMessage) -> None:
        self._fail(message)

    @hookimpl
    def wab_messages_finished(self, results: Sequence[Any]) -> None:
        self._fail(results)

    @hookimpl
    def wab_receipts(self, receipts: Sequence[Any]) -> None:
        self._fail(receipts)

    @hookimpl
    def wab_broadcast_changed(self, broadcast: Any) -> None:
        self._fail(broadcast)

    @hookimpl
    def wab_inbound(self, message: Inbound, connection: str) -> None:
        self._fail(message, connection)


# --- the specifications ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_documents_its_call_arguments_result_and_errors(name: str) -> None:
    hook = HOOKS[name]
    words = inspect.getdoc(hook) or ""
    signature = inspect.signature(hook)

    assert "Called " in words
    assert [name for name in signature.parameters if name != "self" and f":param {name}:" not in words] == []
    assert (":returns:" in words) == (signature.return_annotation is not None)
    assert ":raises " in words


def test_hooks_stand_in_the_order_a_broadcast_meets_them() -> None:
    assert list(HOOKS) == [
        "wab_senders",
        "wab_contact_sources",
        "wab_blacklisted",
        "wab_validate_numbers",
        "wab_before_send",
        "wab_messages_finished",
        "wab_receipts",
        "wab_broadcast_changed",
        "wab_inbound",
    ]


def NamedPlugin(plugin: Any) -> Any:  # noqa: N802 - reads as what it makes
    """A plugin that the manager knows by the name of its class."""
    plugin.__name__ = type(plugin).__name__
    return plugin


def test_a_plugin_is_not_registered_twice() -> None:
    plugin = Loud()

    with pytest.raises(PluginError):
        build_plugins([plugin, plugin], discover=False)


def test_a_kind_without_a_plugin_is_not_found() -> None:
    plugins = build_plugins(discover=False)

    with pytest.raises(NotFoundError, match="pigeon"):
        plugins.sender("pigeon")
    with pytest.raises(NotFoundError, match="rumour"):
        plugins.contact_source("rumour")


# --- installed plugins -----------------------------------------------------------------------------------------


def test_the_built_in_plugins_are_found_and_listed() -> None:
    plugins = build_plugins()

    assert {"sandbox"} <= set(plugins.senders)
    assert {"csv", "excel", "inline", "contacts"} <= set(plugins.contact_sources)
    facts = {fact.name: fact for fact in plugins.facts()}
    assert facts["builtin.sandbox"].hooks == ("wab_senders",)
    assert facts["builtin.sandbox"].origin == "wabroadcast_plugins.senders.sandbox"


def test_a_blocked_plugin_does_not_run_and_is_listed_as_blocked() -> None:
    plugins = build_plugins(blocked=["builtin.sandbox"])

    assert "sandbox" not in plugins.senders
    assert [fact.name for fact in plugins.facts() if fact.blocked] == ["builtin.sandbox"]


def test_two_reasons_for_one_number_are_merged_into_one() -> None:
    plugins = build_plugins([Listed("+62811", "first"), Listed("+62811", "second")], discover=False)

    reasons = plugins.blacklisted(["+62811", "+62812"])

    assert list(reasons) == ["+62811"]
    assert reasons["+62811"] in {"first", "second"}


def test_the_results_of_several_plugins_are_merged() -> None:
    plugins = build_plugins([Listed("+62811", "one"), Listed("+62812", "two")], discover=False)

    assert plugins.blacklisted(["+62811", "+62812", "+62813"]) == {"+62811": "one", "+62812": "two"}
    assert plugins.validate_numbers(["+62811"], connection="main") == {"+62811": "one on main"}


def test_a_hook_may_leave_out_arguments_that_it_does_not_use() -> None:
    class Short:
        @hookimpl
        def wab_validate_numbers(self, numbers: Sequence[str]) -> Mapping[str, str]:
            return dict.fromkeys(numbers, "short")

        @hookimpl
        def wab_blacklisted(self) -> Mapping[str, str]:
            return {"+62812": "always"}

    plugins = build_plugins([Short()], discover=False)

    assert plugins.validate_numbers(["+62811"], connection="main") == {"+62811": "short"}
    assert plugins.blacklisted(["+62811"]) == {"+62812": "always"}


# --- plugins that are created ----------------------------------------------------------------------------------


class Factory:
    """Creates a plugin with the region of the settings; off for the region ``XX``; with a bug for ``YY``."""

    __name__ = "factory"

    def create_plugin(self, settings: Settings) -> Listed | None:
        if settings.default_region == "YY":
            raise LookupError("a bug")
        if settings.default_region == "ZZ":
            raise SetupError("FACTORY_FILE: no such file")
        return None if settings.default_region == "XX" else Listed("+62811", settings.default_region)


@pytest.mark.parametrize(("region", "reasons"), [("MY", {"+62811": "MY"}), ("XX", {})])
def test_a_plugin_is_created_with_the_settings_or_stays_off(region: str, reasons: dict[str, str]) -> None:
    settings = Settings(default_region=region)

    plugins = build_plugins([Factory()], settings=settings, discover=False)

    assert plugins.blacklisted(["+62811"]) == reasons
    assert [(fact.name, fact.state) for fact in plugins.facts()] == [("factory", "active" if reasons else "off")]


def test_a_plugin_that_cannot_be_created_is_quarantined() -> None:
    plugins = build_plugins([Factory()], settings=Settings(default_region="YY"), discover=False)

    assert re.match("it cannot be created: LookupError at ", plugins.quarantined["factory"].reason)


def test_a_setting_of_a_plugin_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(SetupError, match="FACTORY_FILE: no such file"):
        build_plugins([Factory()], settings=Settings(default_region="ZZ"), discover=False)


# --- contained errors ------------------------------------------------------------------------------------------


def test_a_failing_blacklist_stops_the_call_and_is_named() -> None:
    plugins = build_plugins([Listed("+62811", "one"), NamedPlugin(Broken())], discover=False)

    with pytest.raises(BlacklistAwayError, match="Broken failed in wab_blacklisted: LookupError") as refusal:
        plugins.blacklisted(["+62811"])

    assert "+6281234567890" not in str(refusal.value)


def test_any_other_failing_plugin_is_logged_by_name_and_skipped(caplog: pytest.LogCaptureFixture) -> None:
    plugins = build_plugins([Listed("+62811", "one"), NamedPlugin(Broken())], discover=False)
    inbound = Inbound(number="+62811", text="STOP", at=1.0)

    with caplog.at_level(logging.ERROR):
        valid = plugins.validate_numbers(["+62811"], connection="main")
        plugins.before_send(MESSAGE)
        plugins.messages_finished([])
        plugins.receipts([])
        plugins.broadcast_changed(None)  # type: ignore[arg-type]  # no plugin reads it
        plugins.inbound(inbound, connection="main")

    assert valid == {"+62811": "one on main"}
    hooks = ["validate_numbers", "before_send", "messages_finished", "receipts", "broadcast_changed", "inbound"]
    lines = [record.getMessage() for record in caplog.records]
    assert [line.partition(" and is skipped for this call: ")[0] for line in lines] == [
        f"plugin Broken failed in wab_{name}" for name in hooks
    ]
    assert all(re.search(r": LookupError at plugins/test_manager\.py:\d+$", line) for line in lines)
    assert "+6281234567890" not in caplog.text


@pytest.mark.parametrize("error", [SystemExit("S3CRET"), KeyboardInterrupt("S3CRET")], ids=["exit", "interrupt"])
def test_a_hook_that_tries_to_end_the_process_is_skipped(
    caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    class Leaving:
        @hookimpl
        def wab_messages_finished(self) -> None:
            raise error

    plugins = build_plugins([Leaving()], discover=False)

    with ThreadPoolExecutor() as threads:
        threads.submit(plugins.messages_finished, []).result()

    assert f"wab_messages_finished and is skipped for this call: {type(error).__name__} at" in caplog.text
    assert "S3CRET" not in caplog.text


def test_the_plugins_that_change_a_message_are_named() -> None:
    class Reads:
        @hookimpl
        def wab_before_send(self, message: OutgoingMessage) -> None:
            assert message.content

    class Breaks:
        @hookimpl
        def wab_before_send(self, message: OutgoingMessage) -> None:
            message.content = None  # type: ignore[assignment]  # a bug

    plugins = build_plugins([NamedPlugin(Reads()), NamedPlugin(Breaks())], discover=False)

    assert plugins.before_send(replace(MESSAGE, content={"type": "text"})) == ["Breaks"]


def test_the_plugin_of_a_source_file_is_known() -> None:
    plugins = build_plugins([NamedPlugin(Broken())], discover=True)

    assert plugins.owner_of(__file__) == "Broken"
    assert plugins.owner_of(inspect.getfile(waha)) == "builtin.waha"
    assert plugins.owner_of(inspect.getfile(asyncio)) is None


def test_a_plugin_may_end_a_send() -> None:
    class Censor:
        @hookimpl
        def wab_before_send(self, message: OutgoingMessage) -> None:
            raise Rejected(f"censored {message.type}")

    plugins = build_plugins([Censor()], discover=False)

    with pytest.raises(Rejected, match="censored"):
        plugins.before_send(MESSAGE)
