"""The test of a receiver: whether it takes what is signed, and refuses what is not."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from tests.core.callbacks.harness import settings_for
from tests.receivers import OLD_SECRET, SECRET, Receiver, Script, answering
from wabroadcast_core.callbacks.signature_test import run_signature_test
from wabroadcast_core.models.callback import CallbackTest

NOW = 1_800_000_000.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def verifying(receiver: Receiver, secret: str, *, refusal: int = 401) -> Script:
    """Answer as a receiver that verifies signatures."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        answering(204 if receiver.calls[-1].is_signed_with(secret) else refusal)(request)

    return answer


def run(receiver: Receiver, **changes: object) -> CallbackTest:
    settings = settings_for(receiver, **{"callback_seconds": 0.4, **changes})
    url = str(changes.get("callback_url", receiver.url))
    return run_signature_test(settings, url, shown="http://shown/", now=NOW)


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
def test_a_receiver_that_verifies_the_signature_passes(receiver: Receiver, secret: str) -> None:
    receiver.script(verifying(receiver, secret))

    result = run(receiver, callback_secret=f"{SECRET},{OLD_SECRET}")

    assert (result.delivered, result.verifies_signature, result.problem) == (True, True, None)
    genuine, wrong = receiver.calls
    assert genuine.document == {"type": "callback.test", "timestamp": "2027-01-15T08:00:00Z", "data": {}}
    assert (genuine.body.decode(), wrong.body, wrong.event_id) == (result.body, genuine.body, result.id)
    assert result.headers.items() <= genuine.headers.items()
    assert not wrong.is_signed_with(SECRET)


@pytest.mark.parametrize(
    ("answer", "verifies", "problem"),
    [
        pytest.param(204, False, "a call with a wrong signature was taken", id="takes-all"),
        pytest.param(500, None, "HTTP 500", id="fails"),
        pytest.param(302, None, "redirects are not followed", id="redirects"),
        pytest.param(410, None, "HTTP 410", id="gone"),
    ],
)
def test_a_receiver_that_does_not_is_described(
    receiver: Receiver,
    answer: int,
    verifies: bool | None,  # noqa: FBT001 - a column of a table
    problem: str,
) -> None:
    receiver.script(answering(answer, Location="http://127.0.0.1:9/"))

    result = run(receiver)

    assert result.verifies_signature is verifies
    assert problem in str(result.problem)
    assert len(receiver.calls) == (2 if result.delivered else 1)


def test_a_failure_instead_of_a_refusal_proves_nothing(receiver: Receiver) -> None:
    receiver.script(verifying(receiver, SECRET, refusal=503))

    result = run(receiver)

    assert (result.delivered, result.verifies_signature, result.problem) == (True, None, None)


def test_a_slow_or_endless_answer_ends_the_test(receiver: Receiver) -> None:
    receiver.script(receiver.pour, receiver.hang)
    assert run(receiver).delivered

    receiver.script(receiver.drip)
    assert "did not answer within 0.4 s" in str(run(receiver).problem)

    receiver.script(receiver.pour_head)
    assert "the receiver did not answer" in str(run(receiver).problem)


def test_a_name_of_this_machine_is_not_called(receiver: Receiver) -> None:
    result = run(receiver, callback_url=f"http://localhost:{receiver.port}/", callback_networks="")

    assert "WABROADCAST_CALLBACK_NETWORKS" in str(result.problem)
    assert receiver.calls == []
