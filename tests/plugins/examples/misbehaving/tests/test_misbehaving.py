from typing import Any, ClassVar

import misbehaving

from wabroadcast_core.testing import SenderContract, run_contract


class Suite(SenderContract):
    sender_class = misbehaving.MisbehavingSender
    settings: ClassVar[dict[str, Any]] = {}


def test_the_contract_suite_names_what_is_wrong() -> None:
    assert any("SystemExit" in result.fault for result in run_contract(Suite) if result.fault)
