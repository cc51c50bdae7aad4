import time

import pytest

from wabroadcast_core import SendError, Temporary, Throttled
from wabroadcast_plugins.senders.whatsmeow import find_refusal, read_time


@pytest.mark.parametrize(
    ("text", "error", "reason", "scope"),
    [
        pytest.param("server returned error 463", Throttled, "gw_reachout_timelock", "new_contacts", id="timelock"),
        pytest.param("Error: server returned error 429", Throttled, "gw_too_fast", "connection", id="too-fast"),
        pytest.param("server returned error 479", Temporary, "gw_error_479", None, id="any-other"),
    ],
)
def test_a_refusal_of_whatsapp_is_found_in_the_text(
    text: str, error: type[SendError], reason: str, scope: str | None
) -> None:
    found = find_refusal(text, kind="gw")

    assert isinstance(found, error)
    assert found.reason == reason
    assert getattr(found, "scope", None) == scope


@pytest.mark.parametrize("text", ["", "message send timed out", "server returned error 4631", "error 463"])
def test_other_texts_are_no_refusal(text: str) -> None:
    assert find_refusal(text, kind="gw") is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("2025-07-18T22:44:20Z", 1_752_878_660, id="utc"),
        pytest.param("2022-05-10T12:49:08-03:00", 1_652_197_748, id="with-an-offset"),
        pytest.param("2025-07-18T22:44:20.123456789Z", 1_752_878_660.123456, id="nanoseconds"),
        pytest.param("2025-07-18T22:44:20", 1_752_878_660, id="without-an-offset-it-is-utc"),
    ],
)
def test_a_time_is_read(text: str, seconds: float) -> None:
    assert read_time(text) == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize(
    "value", [None, "", "soon", 1_752_878_660, [], "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+09:00"]
)
def test_what_is_no_time_of_a_message_is_now(value: object) -> None:
    assert read_time(value) == pytest.approx(time.time(), abs=10)
