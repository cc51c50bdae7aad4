"""Calls of hooks go through pluggy: fewer arguments and wrappers work, and one plugin's failure is its own."""

import logging
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any

import pytest

from tests.scripted import ScriptedProvider, people, text_to
from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import PluginError, Rejected, SendError
from wabroadcast_core.hookspecs import hookimpl
from wabroadcast_core.models.broadcast import BroadcastSummary
from wabroadcast_core.models.message import OutgoingMessage
from wabroadcast_core.plugins import Plugins, build_plugins
from wabroadcast_core.settings import Settings
from wabroadcast_core.worker import Worker

MESSAGE = OutgoingMessage(message_id="job-0", number="+6281234567890", type="text", text="Halo")


class Listed:
    @hookimpl
    def wab_blacklisted(self) -> Mapping[str, str]:
        return {"+62811": "listed"}

    @hookimpl
    def wab_validate_numbers(self, connection: str) -> Mapping[str, str]:
        return {"+62811": f"invalid on {connection}"}


def build(*plugins: object, seconds: float = 5) -> Plugins:
    built = build_plugins(plugins, settings=Settings(plugin_seconds=seconds), discover=False)
    assert built.quarantined == {}
    return built


# --- wrappers ----------------------------------------------------------------------------------------------------


class Renames:
    """A wrapper of both styles: it changes the reasons of all others."""

    @hookimpl(wrapper=True)
    def wab_validate_numbers(self, numbers: Sequence[str]) -> Generator[None, Any, Any]:
        results = yield
        return [dict.fromkeys(result, f"one of {len(numbers)}") for result in results]

    @hookimpl(hookwrapper=True)
    def wab_blacklisted(self) -> Generator[None, Any, None]:
        outcome = yield
        outcome.force_result([*outcome.get_result(), {"+62899": "added"}])


def test_wrappers_of_both_styles_change_the_results_of_the_others() -> None:
    plugins = build(Listed(), Renames())

    assert plugins.validate_numbers(["+62811", "+62812"], connection="main") == {"+62811": "one of 2"}
    assert plugins.blacklisted(["+62811"]) == {"+62811": "listed", "+62899": "added"}


class RaisesBefore:
    reasons: Mapping[str, str] = {}

    @hookimpl(wrapper=True)
    def wab_validate_numbers(self) -> Generator[None, Any, Any]:
        reason = self.reasons["none"]
        results = yield
        return [*results, {"+62811": reason}]


class RaisesAfter:
    @hookimpl(wrapper=True)
    def wab_validate_numbers(self) -> Generator[None, Any, Any]:
        yield
        raise LookupError


class ReturnsNothing:
    @hookimpl(wrapper=True)
    def wab_validate_numbers(self) -> Generator[None, Any, Any]:
        yield


class RaisesAfterInTheOldStyle:
    @hookimpl(hookwrapper=True)
    def wab_validate_numbers(self) -> Generator[None, Any, Any]:
        yield
        raise LookupError


@pytest.mark.parametrize("wrapper", [RaisesBefore(), RaisesAfter(), ReturnsNothing(), RaisesAfterInTheOldStyle()])
def test_a_wrapper_that_fails_is_named_and_takes_nothing_from_the_others(
    caplog: pytest.LogCaptureFixture, wrapper: object
) -> None:
    plugins = build(Listed(), wrapper)

    assert plugins.validate_numbers(["+62811"], connection="main") == {"+62811": "invalid on main"}
    assert f"plugin {type(wrapper).__name__} failed in wab_validate_numbers" in caplog.text


def test_a_wrapper_around_a_blacklist_that_fails_blocks() -> None:
    class Loses:
        @hookimpl(wrapper=True)
        def wab_blacklisted(self) -> Generator[None, Any, Any]:
            yield

    with pytest.raises(PluginError, match="plugin Loses failed in wab_blacklisted: the wrapper returned NoneType"):
        build(Listed(), Loses()).blacklisted(["+62811"])


class Censor:
    @hookimpl
    def wab_before_send(self) -> None:
        raise Rejected("censored")


class Translates:
    @hookimpl(wrapper=True)
    def wab_before_send(self) -> Generator[None, Any, Any]:
        try:
            return (yield)
        except SendError as error:
            raise Rejected(f"translated {error.reason}") from error


class Refuses:
    @hookimpl(wrapper=True)
    def wab_before_send(self) -> Generator[None, Any, Any]:
        yield
        raise Rejected("refused")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ([Censor()], "censored"),
        ([Censor(), Translates()], "translated censored"),
        ([Refuses()], "refused"),
    ],
)
def test_a_send_error_passes_through_wrappers_which_may_change_it(given: Sequence[object], reason: str) -> None:
    with pytest.raises(Rejected) as raised:
        build(*given).before_send(MESSAGE)

    assert raised.value.reason == reason


# --- nonsense ----------------------------------------------------------------------------------------------------


class ReturnsNumbers:
    @hookimpl
    def wab_blacklisted(self, numbers: Sequence[str]) -> Any:
        return list(numbers)

    @hookimpl
    def wab_validate_numbers(self) -> Any:
        return 42


def test_a_result_of_a_wrong_type_blocks_a_send_and_is_left_out_of_a_validation(
    caplog: pytest.LogCaptureFixture,
) -> None:
    plugins = build(Listed(), ReturnsNumbers())

    with pytest.raises(PluginError, match="plugin ReturnsNumbers failed in wab_blacklisted: a result of the type list"):
        plugins.blacklisted(["+6281234567890"])
    assert plugins.validate_numbers(["+62811"], connection="main") == {"+62811": "invalid on main"}
    assert "plugin ReturnsNumbers failed in wab_validate_numbers" in caplog.text


class Answering:
    """A blacklist and validator with one answer.

    :param answer: it, or a function that returns it.
    """

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    @hookimpl
    def wab_blacklisted(self) -> Any:
        return self._answer() if callable(self._answer) else self._answer

    @hookimpl
    def wab_validate_numbers(self) -> Any:
        return self.wab_blacklisted()


async def coroutine() -> dict[str, str]:
    return {}


def generator() -> Iterator[str]:
    yield "+62811"


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        pytest.param(coroutine, "it returned coroutine, so nothing of it ran", id="a-coroutine"),
        pytest.param(generator, "it returned generator, so nothing of it ran", id="a-generator"),
        pytest.param({"+62811": None}, "a number without a reason", id="none-as-a-reason"),
        pytest.param({"+62811": False}, "a number without a reason", id="false-as-a-reason"),
        pytest.param({"+62811": ""}, "a number without a reason", id="an-empty-reason"),
        pytest.param({"62811": "gone"}, "numbers in another spelling", id="a-number-without-its-plus"),
        pytest.param({"0811": "gone", "+62811": "gone"}, "numbers in another spelling", id="a-local-number"),
        pytest.param({62811: "gone"}, "numbers in another spelling", id="a-number-that-is-an-int"),
    ],
)
def test_nonsense_blocks_a_send_and_is_left_out_of_a_validation(
    answer: Any, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    plugins = build(Answering(answer))

    with pytest.raises(PluginError, match=f"plugin Answering failed in wab_blacklisted: {fault}"):
        plugins.blacklisted(["+62811"])
    assert plugins.validate_numbers(["+62811"], connection="main") == {}
    assert f"plugin Answering failed in wab_validate_numbers and is skipped for this call: {fault}" in caplog.text


def test_a_blacklist_may_return_more_than_it_was_asked_about() -> None:
    plugins = build(Answering({"+62811": "gone", "+62813": "gone"}))

    assert plugins.blacklisted(["+62811"]) == {"+62811": "gone", "+62813": "gone"}


def test_a_hook_that_returns_a_coroutine_is_named() -> None:
    class Lazy:
        @hookimpl
        def wab_inbound(self) -> Any:
            return coroutine()

    plugins = build(Lazy())
    plugins.inbound(None, connection="main")  # type: ignore[arg-type]  # it is not read

    [failure] = plugins.failures.list()
    assert (failure.plugin, failure.last.partition(",")[0]) == ("Lazy", "it returned coroutine")


def test_failures_are_counted_by_plugin_and_hook() -> None:
    plugins = build(Listed(), ReturnsNumbers())

    for _ in range(3):
        plugins.validate_numbers(["+62811"], connection="main")

    (failures,) = plugins.failures.list()
    assert (failures.plugin, failures.hook, failures.count) == ("ReturnsNumbers", "wab_validate_numbers", 3)
    assert "int" in failures.last


class Chained:
    """Its hook fails because of another exception, below functions of its own."""

    @hookimpl
    def wab_inbound(self) -> None:
        try:
            self._look_up()
        except KeyError as error:
            raise RuntimeError("S3CRET") from error

    def _look_up(self) -> None:
        raise KeyError("+6281234567890")


def test_the_debug_log_has_all_calls_and_causes_of_a_failure_and_no_text(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    build(Chained()).inbound(None, connection="main")  # type: ignore[arg-type]  # it is not read

    [trace] = [record.getMessage() for record in caplog.records if record.levelname == "DEBUG"]
    assert re.search(
        r"plugin Chained failed in wab_inbound through these calls: .*/test_guards.py:\d+ wab_inbound > RuntimeError, "
        r"caused by .*:\d+ wab_inbound > plugins/test_guards.py:\d+ _look_up > KeyError$",
        trace,
    )
    assert "S3CRET" not in caplog.text
    assert "+62" not in caplog.text


# --- hooks that hang ---------------------------------------------------------------------------------------------


class Hanging:
    """Its hooks return when they are released."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.calls = 0

    def _hang(self) -> Any:
        self.calls += 1
        self.released.wait(60)

    @hookimpl
    def wab_blacklisted(self) -> Any:
        return self._hang()

    @hookimpl
    def wab_validate_numbers(self) -> Any:
        return self._hang()

    @hookimpl
    def wab_messages_finished(self) -> None:
        self._hang()

    @hookimpl
    def wab_broadcast_changed(self) -> None:
        self._hang()

    @hookimpl
    def wab_inbound(self) -> None:
        self._hang()


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    plugin = Hanging()
    yield plugin
    plugin.released.set()


@pytest.mark.timed
@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda plugins: plugins.broadcast_changed(None), id="broadcast_changed"),
        pytest.param(lambda plugins: plugins.messages_finished([]), id="messages_finished"),
        pytest.param(lambda plugins: plugins.inbound(None, connection="main"), id="inbound"),
    ],
)
def test_the_work_goes_on_without_a_plugin_that_hangs(
    caplog: pytest.LogCaptureFixture, hanging: Hanging, call: Callable[[Plugins], None]
) -> None:
    plugins = build(hanging, seconds=0.2)
    begun = time.monotonic()

    for _ in range(50):
        call(plugins)

    assert time.monotonic() - begun < 5
    assert hanging.calls == 1
    assert "plugin Hanging failed in wab_" in caplog.text
    assert "it has not returned within 0.2 s" in caplog.text
    assert "an earlier call has not returned yet" in caplog.text


@pytest.mark.timed
def test_a_blacklist_or_a_validator_that_hangs_blocks_by_name(hanging: Hanging) -> None:
    plugins = build(Listed(), hanging, seconds=0.2)

    with pytest.raises(
        PluginError, match=r"plugin Hanging failed in wab_blacklisted: it has not returned within 0.2 s"
    ):
        plugins.blacklisted(["+62811"])
    with pytest.raises(PluginError, match="plugin Hanging failed in wab_validate_numbers: it has not returned"):
        plugins.validate_numbers(["+62811"], connection="main")


def test_a_person_who_interrupts_a_hook_that_hangs_ends_the_process(hanging: Hanging) -> None:
    plugins = build(hanging, seconds=30)
    begun = time.monotonic()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores the signal
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()

    try:
        with pytest.raises(KeyboardInterrupt):
            plugins.broadcast_changed(None)  # type: ignore[arg-type]  # no plugin reads it
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - begun < 10


@pytest.mark.timed
def test_a_hook_that_returns_late_is_called_again(hanging: Hanging) -> None:
    plugins = build(Listed(), hanging, seconds=0.2)
    with pytest.raises(PluginError):
        plugins.blacklisted(["+62811"])

    hanging.released.set()
    time.sleep(0.1)

    assert plugins.blacklisted(["+62811"]) == {"+62811": "listed"}


class HangsAtTheEnd:
    """Its hook does not return for a broadcast that is completed."""

    def __init__(self) -> None:
        self.released = threading.Event()

    @hookimpl
    def wab_broadcast_changed(self, broadcast: BroadcastSummary) -> None:
        if broadcast.status == "completed":
            self.released.wait(60)


@ON_SQLITE
@pytest.mark.slow
def test_other_broadcasts_are_sent_while_a_plugin_hangs_at_the_end_of_one(
    settings: Settings, provider: ScriptedProvider
) -> None:
    hanging = HangsAtTheEnd()
    patient = settings.model_copy(update={"plugin_seconds": 30})
    with Broadcaster(patient, plugins=[provider, hanging]) as broadcaster:
        broadcaster.connections.save("main", {"sender": "scripted"})
        worker = Worker(broadcaster)
        worker.start()
        first = broadcaster.submit(text_to("main"), people(1)).job_id
        wait_for(lambda: broadcaster.status(first).status == "completed", what="the end of the first")

        second = broadcaster.submit(text_to("main"), people(20)).job_id

        wait_for(lambda: broadcaster.status(second).status == "completed", what="the end of the second", seconds=15)
        hanging.released.set()
        worker.stop()
