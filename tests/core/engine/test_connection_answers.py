"""What a sender answers to the check of a connection that is paused as disconnected."""

import logging
from typing import Any

import pytest

from tests.core.rows import connection
from tests.core.simulated import simulated
from wabroadcast_core import ConnectionEvent
from wabroadcast_core.engine.connection_checks import ConnectionChecks
from wabroadcast_core.keys import Keys


class Ledger:
    """One disconnected connection; the connections that were resumed are noted."""

    def __init__(self) -> None:
        self.resumed: list[int] = []

    async def transact(self, _work: object) -> Any:
        return [(connection(1), "disconnected")]

    async def resume_connection(self, connection_id: int, *, paused_for: str) -> None:
        assert paused_for == "disconnected"
        self.resumed.append(connection_id)


class Due:
    """A Redis client by which each check is due."""

    async def set(self, *_: object, **_named: object) -> bool:
        return True

    async def incr(self, _key: str) -> int:
        return 1

    async def pexpire(self, *_: object) -> None: ...


class Answering:
    """The senders of a worker: one that answers the check of its connection."""

    def __init__(self, answer: object) -> None:
        self._answer = answer

    def find_sender(self, _connection: object) -> "Answering":
        return self

    async def check_connection(self) -> Any:
        return self._answer


@pytest.mark.parametrize(
    ("answer", "resumed", "logged"),
    [
        pytest.param(ConnectionEvent("up"), [1], "", id="up"),
        pytest.param(ConnectionEvent("down", "logged out"), [], "", id="down"),
        pytest.param(5, [], "check_connection returned int: return a ConnectionEvent, 'up' or 'down'", id="number"),
        pytest.param(None, [], "check_connection returned NoneType: return a ConnectionEvent", id="none"),
    ],
)
@simulated
async def test_an_answer_of_a_wrong_type_is_logged_and_the_connection_stays_paused(
    caplog: pytest.LogCaptureFixture, answer: object, resumed: list[int], logged: str
) -> None:
    ledger = Ledger()
    parts: dict[str, Any] = {"ledger": ledger, "live_senders": Answering(answer), "client": Due()}
    checks = ConnectionChecks(**parts, keys=Keys("test"), first_wait=1)

    with caplog.at_level(logging.INFO):
        await checks.check_all()

    assert ledger.resumed == resumed
    assert logged in caplog.text
    assert ("connection c1" in caplog.text) == bool(logged)
