"""The built-in blacklist and validators pass their suites; each check of the suites detects its fault."""

# ruff: noqa: ARG002 - the methods have the arguments that they are called with

import logging
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.faults import faults_found
from wabroadcast_core import PluginError, hookimpl
from wabroadcast_core.testing import SAMPLE_NUMBERS, BlacklistContract, ValidatorContract
from wabroadcast_plugins.blacklists import number_file
from wabroadcast_plugins.validators import countries, only_numbers

log = logging.getLogger(__name__)


class TestNumberFile(BlacklistContract):
    plugin = number_file
    blocked = SAMPLE_NUMBERS[10:12]

    @pytest.fixture(autouse=True)
    def _file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "blocked.txt").write_text("\n".join(self.blocked), encoding="utf-8")
        monkeypatch.setenv("WABROADCAST_BLACKLIST_FILE", str(tmp_path / "blocked.txt"))


class TestCountries(ValidatorContract):
    plugin = countries
    blocked = ("+628123456789",)
    chunk_seconds = 30.0  # numbers of Canada are parsed one by one, on a machine that may be busy

    @pytest.fixture(autouse=True)
    def _countries(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WABROADCAST_ALLOWED_COUNTRIES", "CA")


class TestOnlyNumbers(ValidatorContract):
    plugin = only_numbers
    blocked = SAMPLE_NUMBERS[10:12]

    @pytest.fixture(autouse=True)
    def _numbers(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WABROADCAST_ONLY_NUMBERS", ",".join(self.allowed))


# the suites themselves

BLOCKED = SAMPLE_NUMBERS[10:12]


class Sound:
    """A plugin without a fault that is a blacklist and a validator."""

    def reasons(self, numbers: Sequence[str]) -> Any:
        return {number: "said stop" for number in numbers if number in BLOCKED}

    @hookimpl
    def wab_blacklisted(self, numbers: Sequence[str]) -> Any:
        return self.reasons(numbers)

    @hookimpl
    def wab_validate_numbers(self, numbers: Sequence[str]) -> Any:
        return self.reasons(numbers)


class SoundBlacklist(BlacklistContract):
    __test__ = False
    blocked = BLOCKED


class SoundValidator(ValidatorContract):
    __test__ = False
    blocked = BLOCKED


SUITES = [pytest.param(SoundBlacklist, id="blacklist"), pytest.param(SoundValidator, id="validator")]


class BlocksAll(Sound):
    def reasons(self, numbers: Sequence[str]) -> Any:
        return dict.fromkeys(numbers, "closed")


class BlocksNone(Sound):
    def reasons(self, numbers: Sequence[str]) -> Any:
        return {}


class OtherForm(Sound):
    def reasons(self, numbers: Sequence[str]) -> Any:
        return {**super().reasons(numbers), **{number.lstrip("+"): "said stop" for number in numbers}}


class NoReason(Sound):
    def reasons(self, numbers: Sequence[str]) -> Any:
        return dict.fromkeys(super().reasons(numbers), "")


class FlagAsReason(Sound):
    def reasons(self, numbers: Sequence[str]) -> Any:
        return dict.fromkeys(super().reasons(numbers), True)


class NumberInReason(Sound):
    def reasons(self, numbers: Sequence[str]) -> Any:
        return {number: f"{number} said stop" for number in super().reasons(numbers)}


class EmptiesList(Sound):
    def reasons(self, numbers: Any) -> Any:
        found = super().reasons(numbers)
        if isinstance(numbers, list):
            numbers.clear()
        return found


class ReturnsSet(Sound):
    def reasons(self, numbers: Sequence[str]) -> Any:
        return set(super().reasons(numbers))


class Fails(Sound):
    def reasons(self, numbers: Sequence[str]) -> Any:
        raise KeyError(numbers[0] if numbers else "")


class FailsWithoutNumbers(Sound):
    def reasons(self, numbers: Sequence[str]) -> Any:
        return super().reasons([numbers[0], *numbers])


class UsedUp(Sound):
    """A blacklist that reads its file once, in the first call."""

    def __init__(self) -> None:
        self.lines: Iterator[str] = iter(BLOCKED)

    def reasons(self, numbers: Sequence[str]) -> Any:
        blocked = set(self.lines)
        return {number: "said stop" for number in numbers if number in blocked}


class SharesState(Sound):
    numbers: Sequence[str] = ()

    def reasons(self, numbers: Sequence[str]) -> Any:
        self.numbers = numbers
        time.sleep(0.02)
        return super().reasons(self.numbers)


class OneByOne(Sound):
    def reasons(self, numbers: Sequence[str]) -> Any:
        return {number: "said stop" for number in numbers if self.look_up(number)}

    def look_up(self, number: str) -> bool:
        time.sleep(0.001)  # a query
        return number in BLOCKED


class LogsNumbers(Sound):
    def reasons(self, numbers: Sequence[str]) -> Any:
        log.warning("blocked: %s", super().reasons(numbers))
        return super().reasons(numbers)


class Misspelled(Sound):
    @hookimpl
    def wab_blacklistd(self, numbers: Sequence[str]) -> Any:
        return {}


class UnknownArgument:
    @hookimpl
    def wab_blacklisted(self, numbers: Sequence[str], job: str) -> Any:
        return {}

    @hookimpl
    def wab_validate_numbers(self, numbers: Sequence[str], job: str) -> Any:
        return {}


REGISTERED = "its hook can be registered"
BLOCKS = "it blocks what it must and nothing else"
RESULT = "its result has a text for numbers that it was given"
SEQUENCE = "it takes any sequence and leaves it unchanged"
FEW = "it takes no number and one number"
SECOND = "a second call gives the same result"
THREADS = "calls in several threads give the same result"
LARGE = "a large chunk is answered quickly"
ALONE: Mapping[type[Any], tuple[str, str]] = {
    BlocksAll: (BLOCKS, "entry 1, 2, 3 of `allowed` is in its result"),
    OtherForm: (RESULT, "numbers that it was not given: use the given ones"),
    NoReason: (RESULT, "a reason is not a text, or empty: say in a few words why"),
    FlagAsReason: (RESULT, "a reason is not a text"),
    NumberInReason: ("a reason contains no number", "a reason contains a phone number"),
    FailsWithoutNumbers: (FEW, r"raised IndexError at .*test_number_hooks.py:\d+: return a dict"),
    UsedUp: (SECOND, "keep no iterator and no open file between calls"),
    SharesState: (THREADS, "use a lock, or keep no state"),
    LogsNumbers: ("its log contains no number", "leave it out, or mask it"),
    OneByOne: (LARGE, r"longer than 0.5 s, and is at contracts/test_number_hooks.py:\d+ in look_up: .* one query"),
}
IN_MANY: Mapping[type[Any], tuple[str, str]] = {
    BlocksNone: (BLOCKS, "entry 1, 2 of `blocked` is not in its result"),
    EmptiesList: (SEQUENCE, "changes the sequence of numbers that it is given: make a copy"),
    ReturnsSet: (RESULT, r"returned set: return a dict of reasons by number"),
    Fails: (BLOCKS, r"raised KeyError at .*test_number_hooks.py:\d+: return a dict; raise PluginError only where"),
    Misspelled: (REGISTERED, "its hooks do not fit: .*wab_blacklistd"),
    UnknownArgument: (REGISTERED, "its hooks do not fit: .*job"),
}


def faults_in(suite: type[Any], plugin: type[Any]) -> dict[str, str]:
    attributes = {"make_plugin": lambda _: plugin(), "chunk_seconds": 0.5}
    return faults_found(type("Contract", (suite,), attributes))


@pytest.mark.parametrize("suite", SUITES)
def test_a_sound_plugin_passes(suite: type[Any]) -> None:
    assert faults_in(suite, Sound) == {}


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("plugin", ALONE, ids=lambda plugin: plugin.__name__)
def test_a_fault_is_detected_by_its_check(suite: type[Any], plugin: type[Any]) -> None:
    check, text = ALONE[plugin]

    found = faults_in(suite, plugin)

    assert re.search(text, found[check]), found
    assert found.keys() - {check} <= {BLOCKS, FEW, THREADS}  # a result that is wrong is wrong in them too


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("plugin", IN_MANY, ids=lambda plugin: plugin.__name__)
def test_a_fault_that_spoils_many_checks_is_named(suite: type[Any], plugin: type[Any]) -> None:
    check, text = IN_MANY[plugin]

    found = faults_in(suite, plugin)

    assert re.search(text, found[check]), found
    assert not any(number.lstrip("+") in fault for fault in found.values() for number in BLOCKED)


@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_without_numbers_to_block_is_a_fault(suite: type[Any]) -> None:
    attributes = {"make_plugin": lambda _: Sound(), "blocked": ()}

    found = faults_found(type("Contract", (suite,), attributes))

    assert found[BLOCKS] == "set `blocked` in the test: numbers that the plugin must block"


def test_a_plugin_that_is_off_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WABROADCAST_ALLOWED_COUNTRIES", raising=False)

    found = faults_found(type("Contract", (SoundValidator,), {"plugin": countries}))

    assert "the plugin is off: set its environment variable" in found[BLOCKS]


def test_a_plugin_without_the_hook_is_a_fault() -> None:
    class Other:
        @hookimpl
        def wab_validate_numbers(self, numbers: Sequence[str]) -> dict[str, str]:
            raise PluginError("the list cannot be read")

    assert "it does not implement wab_blacklisted" in faults_in(SoundBlacklist, Other)[REGISTERED]
