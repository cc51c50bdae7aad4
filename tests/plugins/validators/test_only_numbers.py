"""The guard of test systems."""

import pytest

from tests.plugins.conftest import AtWork
from tests.scripted import ScriptedProvider, number_of, people, text_to
from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import OutgoingMessage, Rejected, SetupError
from wabroadcast_core.plugins import build_plugins
from wabroadcast_plugins.validators.only_numbers import OnlyNumbers

LISTED, OTHER = "+628123456789", "+628123456780"


def test_other_numbers_are_skipped_while_an_audience_is_prepared() -> None:
    guard = OnlyNumbers([LISTED])

    reasons = guard.wab_validate_numbers([LISTED, OTHER])

    assert reasons == {OTHER: "this test system messages the numbers of WABROADCAST_ONLY_NUMBERS only"}


def test_a_message_to_another_number_is_stopped_before_the_send(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WABROADCAST_ONLY_NUMBERS", "0812-3456-789, +1 415 555 2671")
    plugins = build_plugins()

    plugins.before_send(OutgoingMessage("job-0", LISTED, "text", "Halo"))
    plugins.before_send(OutgoingMessage("job-1", "+14155552671", "text", "Halo"))
    with pytest.raises(Rejected) as refusal:
        plugins.before_send(OutgoingMessage("job-2", OTHER, "text", "Halo"))

    assert refusal.value.reason == "not_a_test_number"
    assert OTHER not in str(refusal.value)


def test_an_entry_that_is_no_number_is_named_by_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WABROADCAST_ONLY_NUMBERS", "0812-3456-789, 0812-34")

    with pytest.raises(
        SetupError, match=r"WABROADCAST_ONLY_NUMBERS: entry 2 is no phone number \(too short\)"
    ) as fault:
        build_plugins()

    assert "0812-34" not in str(fault.value)


@pytest.mark.slow
@ON_SQLITE
def test_a_broadcast_reaches_the_listed_numbers_only(
    at_work: AtWork, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WABROADCAST_ONLY_NUMBERS", number_of(1))

    with at_work() as broadcaster:
        job_id = broadcaster.submit(text_to("main"), people(20)).job_id
        wait_for(lambda: broadcaster.status(job_id).status == "completed", what="the end")
        progress = broadcaster.status(job_id)

    assert set(provider.counts()) == {number_of(1)}
    assert progress.skipped_by == {"invalid_number": 19}


@pytest.mark.slow
@ON_SQLITE
def test_messages_that_were_prepared_without_the_guard_do_not_leave_with_it(
    at_work: AtWork, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a test system that was given a copy of the production database."""
    with at_work() as broadcaster:
        broadcaster.connections.pause("main")
        job_id = broadcaster.submit(text_to("main"), people(20)).job_id
        wait_for(lambda: broadcaster.status(job_id).counts.queued == 20, what="the prepared audience")

    monkeypatch.setenv("WABROADCAST_ONLY_NUMBERS", LISTED)
    with at_work() as broadcaster:
        broadcaster.connections.resume("main")
        wait_for(lambda: broadcaster.status(job_id).status_reason, what="the circuit breaker")
        wait_for(lambda: not broadcaster.status(job_id).counts.processing, what="the records of the failures")
        failed = [view for view in broadcaster.messages(job_id).items if view.status == "failed"]

    assert provider.counts() == {}
    assert {view.reason for view in failed} == {"not_a_test_number"}
