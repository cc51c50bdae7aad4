"""Two connections of one account would pass its limits together: the second is refused, existing ones are shown."""

from typing import Any

import pytest

from tests.stores import ON_SQLITE
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import InvalidInputError
from wabroadcast_core.models.connection import ConnectionDraft

pytestmark = ON_SQLITE

URL = {"baseUrl": "https://gate.example/wa"}
SECRETS = {"appSecret": "s" * 32, "verifyToken": "v"}
CLOUD = {"phoneNumberId": "1055", "accessToken": "t0ken", **SECRETS}
ACCOUNTS: list[Any] = [
    pytest.param("whatsapp-cloud", CLOUD, {"accessToken": "other"}, {"phoneNumberId": "1056"}, id="whatsapp-cloud"),
    pytest.param("waha", {**URL, "apiKey": "k"}, {"apiKey": "k2"}, {"session": "b"}, id="waha"),
    pytest.param(
        "evolution", {**URL, "instance": "a", "apiKey": "k"}, {"apiKey": "k2"}, {"instance": "b"}, id="evolution"
    ),
    pytest.param("gowa", {**URL, "deviceId": "a"}, {"timeoutSeconds": 9}, {"deviceId": "b"}, id="gowa"),
    pytest.param("wuzapi", {**URL, "token": "t0ken"}, {"timeoutSeconds": 9}, {"token": "u"}, id="wuzapi"),
    pytest.param(
        "wablas", {**URL, "token": "t0ken", "secretKey": "k"}, {"secretKey": "k2"}, {"token": "u"}, id="wablas"
    ),
    pytest.param("fonnte", {"token": "t0ken"}, {"typing": True}, {"token": "u"}, id="fonnte"),
]


def _save(broadcaster: Broadcaster, name: str, sender: str, settings: dict[str, Any], **limits: Any) -> None:
    broadcaster.connections.save(name, {"sender": sender, "settings": settings, **limits})


@pytest.mark.parametrize(("sender", "given", "same", "another"), ACCOUNTS)
def test_a_second_connection_of_an_account_is_refused_and_the_first_one_named(
    broadcaster: Broadcaster, sender: str, given: dict[str, Any], same: dict[str, Any], another: dict[str, Any]
) -> None:
    _save(broadcaster, "first", sender, given)
    _save(broadcaster, "first", sender, {**given, **same})  # itself may be saved again

    with pytest.raises(InvalidInputError, match="connection 'first' sends through this account already") as refusal:
        _save(broadcaster, "second", sender, {**given, **same})
    _save(broadcaster, "third", sender, {**given, **another})

    assert "t0ken" not in str(refusal.value)
    assert [view.problem for view in broadcaster.connections.list()] == [None] * 3  # with the sandbox


@pytest.mark.parametrize(
    "address", ["https://gate.example/wa/", "https://GATE.example/wa", "https://gate.example:443/wa"]
)
def test_an_address_that_is_written_otherwise_is_the_same_gateway(broadcaster: Broadcaster, address: str) -> None:
    _save(broadcaster, "first", "gowa", URL)

    with pytest.raises(InvalidInputError, match="'first'"):
        _save(broadcaster, "second", "gowa", {"baseUrl": address})


def test_senders_that_cannot_tell_their_account_may_have_many_connections(broadcaster: Broadcaster) -> None:
    for name in ("one", "two"):
        _save(broadcaster, name, "sandbox", {})

    assert [view.problem for view in broadcaster.connections.list()] == [None] * 3


def test_connections_that_had_one_account_before_are_shown_as_a_problem_and_keep_working(
    broadcaster: Broadcaster,
) -> None:
    draft = ConnectionDraft(sender="whatsapp-cloud", settings=CLOUD)
    with broadcaster.context.database.write() as conn:  # as an earlier version saved them
        for name in ("a", "b", "c"):
            broadcaster.connections._save(conn, name, draft, CLOUD)

    _save(broadcaster, "b", "whatsapp-cloud", CLOUD, lanes=2)

    assert broadcaster.connections.get("b").lanes == 2
    assert broadcaster.connections.get("b").problem == (
        "its account is also that of 'a', 'c': together they pass its limits; pause or delete all of them but one"
    )
    assert [view.name for view in broadcaster.connections.list() if view.problem] == ["a", "b", "c"]
    with pytest.raises(InvalidInputError, match="'a'"):
        _save(broadcaster, "d", "whatsapp-cloud", CLOUD)
    broadcaster.connections.delete("a")
    broadcaster.connections.delete("c")
    assert broadcaster.connections.get("b").problem is None
