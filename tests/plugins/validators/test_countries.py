"""The validator by country."""

import pytest

from tests.plugins.conftest import AtWork
from tests.scripted import ScriptedProvider, text_to
from tests.waiting import wait_for
from wabroadcast_core.plugins import build_plugins
from wabroadcast_plugins.validators.countries import AllowedCountries

INDONESIA, MALAYSIA, JERSEY, KAZAKHSTAN = "+628123456789", "+60123456789", "+447797712345", "+77012345678"
WORLDWIDE, NO_CODE = "+80012345678", "+2101234567"
CANADA, UNITED_STATES, UNCERTAIN = "+16135550123", "+14155552671", "+11234567890"


@pytest.mark.parametrize(
    ("allowed", "number", "reason"),
    [
        pytest.param("ID,MY", INDONESIA, None, id="allowed"),
        pytest.param("ID", MALAYSIA, "country MY is not allowed", id="another-country"),
        pytest.param("US", UNITED_STATES, None, id="allowed-among-those-that-share-a-code"),
        pytest.param("US", CANADA, "country CA is not allowed", id="not-allowed-among-those-that-share-a-code"),
        pytest.param("GB", JERSEY, "country JE is not allowed", id="an-island-beside-a-country"),
        pytest.param("RU", KAZAKHSTAN, "country KZ is not allowed", id="two-countries-of-one-code"),
        pytest.param("KZ,RU", "+7999", None, id="all-that-share-a-code"),
        pytest.param("US", UNCERTAIN, "its country cannot be determined", id="an-uncertain-country"),
        pytest.param(
            "ID", WORLDWIDE, "an international number that belongs to no country is not allowed", id="no-country"
        ),
        pytest.param("ID", NO_CODE, "its country cannot be determined", id="a-code-that-is-not-in-use"),
    ],
)
def test_numbers_of_other_countries_get_a_reason(allowed: str, number: str, reason: str | None) -> None:
    validator = AllowedCountries(allowed.split(","))

    assert validator.wab_validate_numbers([number]) == ({} if reason is None else {number: reason})


def test_only_refused_numbers_are_returned() -> None:
    validator = AllowedCountries(["ID"])

    assert set(validator.wab_validate_numbers([INDONESIA, MALAYSIA, CANADA])) == {MALAYSIA, CANADA}


def test_the_countries_are_those_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WABROADCAST_ALLOWED_COUNTRIES", " id, sg ")

    plugins = build_plugins()

    reasons = plugins.validate_numbers([INDONESIA, MALAYSIA], connection="main")
    assert reasons == {MALAYSIA: "country MY is not allowed"}


@pytest.mark.slow
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_broadcast_skips_other_countries_and_says_why(
    at_work: AtWork, provider: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WABROADCAST_ALLOWED_COUNTRIES", "ID")
    recipients = [{"number": number} for number in (INDONESIA, MALAYSIA)]

    with at_work() as broadcaster:
        job_id = broadcaster.submit(text_to("main"), recipients).job_id
        wait_for(lambda: broadcaster.status(job_id).status == "completed", what="the end")
        skipped = [view for view in broadcaster.messages(job_id).items if view.status == "skipped"]

    assert set(provider.counts()) == {INDONESIA}
    assert [(view.number, view.reason, view.detail) for view in skipped] == [
        (MALAYSIA, "invalid_number", "country MY is not allowed")
    ]
