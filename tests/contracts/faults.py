"""Runs a contract suite on a plugin with one fault."""

from typing import Any

from wabroadcast_core.testing import run_contract


def faults_found(contract: type[Any]) -> dict[str, str]:
    """Return the faults that a suite finds, by check."""
    return {result.check: result.fault for result in run_contract(contract) if result.fault}
