import contextlib
import sqlite3
from pathlib import Path

import crm_stops
import pytest

from wabroadcast_core import PluginError, Settings, SetupError
from wabroadcast_core.testing import SAMPLE_NUMBERS, BlacklistContract


class TestCrmStops(BlacklistContract):
    plugin = crm_stops
    blocked = SAMPLE_NUMBERS[10:12]

    @pytest.fixture(autouse=True)
    def _database(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with contextlib.closing(sqlite3.connect(tmp_path / "crm.db")) as crm, crm:
            crm.execute("CREATE TABLE stops (number TEXT PRIMARY KEY)")
            crm.executemany("INSERT INTO stops VALUES (?)", [(number,) for number in self.blocked])
        monkeypatch.setenv("CRM_STOPS_DATABASE", f"sqlite:///{tmp_path / 'crm.db'}")


def test_a_database_that_cannot_be_read_stops_the_send(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_STOPS_DATABASE", f"sqlite:///{tmp_path / 'none' / 'crm.db'}")
    plugin = crm_stops.create_plugin(Settings())

    assert plugin is not None
    with pytest.raises(PluginError, match=r"cannot be read \(OperationalError\): check its database"):
        plugin.wab_blacklisted(SAMPLE_NUMBERS)


@pytest.mark.parametrize("address", ["crm", "nodatabase://user:hush@host/crm"])
def test_an_invalid_address_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("CRM_STOPS_DATABASE", address)

    with pytest.raises(SetupError, match="CRM_STOPS_DATABASE is not the address of a database") as raised:
        crm_stops.create_plugin(Settings())

    assert "hush" not in str(raised.value)
