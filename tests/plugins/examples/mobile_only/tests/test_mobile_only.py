import mobile_only
import pytest
from mobile_only import MobileOnly

from wabroadcast_core import Settings, SetupError
from wabroadcast_core.testing import SAMPLE_NUMBERS, ValidatorContract


class TestMobileOnly(ValidatorContract):
    plugin = mobile_only
    blocked = ("+622150847000", "+628001234567")
    allowed = (*SAMPLE_NUMBERS[:3], "+6281234567890")
    chunk_seconds = 30.0  # each number is parsed, on a machine that may be busy

    @pytest.fixture(autouse=True)
    def _countries(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MOBILE_ONLY_COUNTRIES", "ID,CA")


def test_other_countries_are_not_judged() -> None:
    assert MobileOnly({"MY"}).wab_validate_numbers(["+622150847000"]) == {}


def test_an_unknown_country_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOBILE_ONLY_COUNTRIES", "Indonesia")

    with pytest.raises(SetupError, match="MOBILE_ONLY_COUNTRIES: 'INDONESIA' is not a country code"):
        mobile_only.create_plugin(Settings())
