"""Runs a contract suite without pytest, for commands."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from unittest import SkipTest

from wabroadcast_core.plugin_faults import describe_fault


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check of a contract suite."""

    check: str
    """What was checked, as a sentence."""
    fault: str = ""
    """What is wrong and how to mend it; empty if nothing is."""
    skipped: str = ""
    """Why it was not checked; empty if it was."""


def run_contract(contract: type[Any]) -> Iterator[CheckResult]:
    """Run the checks of a contract suite, each on a new instance, and yield their results.

    :param contract: a subclass of one of the contract suites, without pytest fixtures.
    """
    for name, _ in inspect.getmembers(contract, inspect.isfunction):
        if name.startswith("test_"):
            yield _run_check(contract, name)


def _run_check(contract: type[Any], name: str) -> CheckResult:
    check = name.removeprefix("test_").replace("_", " ")
    try:
        getattr(contract(), name)()
    except AssertionError as error:
        return CheckResult(check, fault=str(error) or "the check failed")
    except SkipTest as reason:
        return CheckResult(check, skipped=str(reason))
    except BaseException as error:  # noqa: BLE001 - whatever a plugin raises, the other checks run
        return CheckResult(check, fault=f"the check ended with {describe_fault(error)}")
    return CheckResult(check)
