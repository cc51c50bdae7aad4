"""Settings of connections as they are given and shown: addresses without secrets, credentials masked, keys changed."""

import socket
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import update

from tests.stores import ON_SQLITE
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import InvalidInputError, SetupError
from wabroadcast_core.services.connection_settings import MASK
from wabroadcast_core.store.tables import connections
from wabroadcast_core.vault import Vault

pytestmark = ON_SQLITE

API: dict[str, Any] = {
    "baseUrl": "https://api.example",
    "headers": {"Authorization": "Bearer s3cret-a", "X-Shop": "12", "X-Key": "{{ secrets.key }}"},
    "secrets": {"key": "s3cret-b"},
    "send": {
        "path": "messages",
        "query": {"api_key": "s3cret-c", "to": "{{ number }}"},
        "body": {"to": "{{ number }}", "auth": {"password": "s3cret-d"}, "text": "{{ text }}"},
        "providerId": "id",
    },
}


def _save(broadcaster: Broadcaster, settings: dict[str, Any], sender: str = "http") -> None:
    broadcaster.connections.save("api", {"sender": sender, "settings": settings})


def _stored(broadcaster: Broadcaster) -> dict[str, Any]:
    with broadcaster.context.database.read() as conn:
        row = conn.execute(connections.select().where(connections.c.name == "api")).mappings().one()
    return broadcaster.context.vault.open(row["settings"])


def test_literal_credentials_are_masked_and_the_rest_is_shown(broadcaster: Broadcaster) -> None:
    _save(broadcaster, API)

    shown = broadcaster.connections.get("api").settings

    assert "s3cret" not in str(shown)
    assert shown["headers"] == {"Authorization": MASK, "X-Shop": "12", "X-Key": "{{ secrets.key }}"}
    assert shown["send"]["query"] == {"api_key": MASK, "to": "{{ number }}"}
    assert shown["send"]["body"]["text"] == "{{ text }}"
    assert shown["baseUrl"] == API["baseUrl"]


def test_what_is_shown_can_be_saved_again_without_a_change(broadcaster: Broadcaster) -> None:
    _save(broadcaster, API)

    _save(broadcaster, broadcaster.connections.get("api").settings)

    assert _stored(broadcaster) == API


def test_a_mask_that_stands_for_nothing_is_refused(broadcaster: Broadcaster) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        _save(broadcaster, {**API, "headers": {"Authorization": MASK}})

    assert [fault.path for fault in refusal.value.faults] == ["settings.headers.Authorization"]


def test_a_stored_address_with_a_password_is_shown_without_it(broadcaster: Broadcaster) -> None:
    _save(broadcaster, API)
    old = broadcaster.context.vault.seal({**API, "baseUrl": "https://user:s3cret@api.example/x?key=s3cret"})
    with broadcaster.context.database.write() as conn:
        conn.execute(update(connections).where(connections.c.name == "api").values(settings=old))

    assert broadcaster.connections.get("api").settings["baseUrl"] == f"https://{MASK}@api.example/x"


GATEWAYS = {
    "evolution": {"instance": "a", "apiKey": "k"},
    "waha": {"apiKey": "k", "webhookSecret": "s"},
    "gowa": {"username": "u", "password": "p"},
    "wuzapi": {"token": "t"},
    "wablas": {"token": "t", "secretKey": "s"},
    "fonnte": {"token": "t"},
    "http": {name: value for name, value in API.items() if name != "baseUrl"},
}


@pytest.mark.parametrize("sender", GATEWAYS)
@pytest.mark.parametrize(
    "address",
    [
        "https://user:pass@gateway.example",
        "https://user@gateway.example",
        "https://gateway.example/?key=1",
        "https://gateway.example/#part",
        "http://169.254.169.254",
        "http://169.254.169.254:80/latest",
        "http://2852039166/",
        "http://0xa9fea9fe",
        "http://[fe80::1]",
        "http://[fd00:ec2::254]",
        "http://[::ffff:169.254.169.254]",
        "http://[64:ff9b::a9fe:a9fe]",
        "http://100.100.100.200",
        "http://metadata.google.internal",
        "http://METADATA.google.internal./",
        "http://[::1",
    ],
)
def test_an_address_that_shows_a_secret_or_reads_the_machine_is_refused(
    broadcaster: Broadcaster, sender: str, address: str
) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        _save(broadcaster, {**GATEWAYS[sender], "baseUrl": address}, sender)

    assert "settings.baseUrl" in {fault.path for fault in refusal.value.faults}


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:8080", "http://10.1.2.3/base", "http://gateway", "http://[::1]:80"]
)
def test_gateways_of_the_own_network_may_be_used(broadcaster: Broadcaster, address: str) -> None:
    _save(broadcaster, {**API, "baseUrl": address})

    assert _stored(broadcaster)["baseUrl"] == address


def test_only_the_given_networks_may_be_used(settings: Settings) -> None:
    narrow = Settings(**{**settings.model_dump(exclude_unset=True), "provider_networks": "10.1.0.0/16,169.254.7.0/24"})
    with Broadcaster(narrow) as broadcaster:
        _save(broadcaster, {**API, "baseUrl": "http://10.1.2.3"})
        _save(broadcaster, {**API, "baseUrl": "http://169.254.7.7"})

        with pytest.raises(InvalidInputError, match="WABROADCAST_PROVIDER_NETWORKS"):
            _save(broadcaster, {**API, "baseUrl": "http://10.2.0.1"})


def test_a_name_that_leads_to_another_network_is_not_connected_to(settings: Settings) -> None:
    narrow = settings.model_copy(
        update={"provider_networks": Settings(provider_networks="10.1.0.0/16").provider_networks}
    )
    with Broadcaster(narrow) as broadcaster, socket.create_server(("127.0.0.1", 0)) as gateway:
        gateway.setblocking(False)
        address = f"http://localhost:{gateway.getsockname()[1]}"
        _save(broadcaster, {**API, "baseUrl": address, "checkConnection": {"path": "state"}})

        result = broadcaster.connections.test("api")

        assert result.state == "down"
        with pytest.raises(BlockingIOError):
            gateway.accept()


# --- the secret key ------------------------------------------------------------------------------------------------


def _with_key(settings: Settings, *keys: bytes) -> Settings:
    return settings.model_copy(update={"secret_key": SecretStr(",".join(key.decode() for key in keys))})


def test_a_new_key_takes_over_what_the_old_one_has_encrypted(settings: Settings) -> None:
    old, new = Fernet.generate_key(), Fernet.generate_key()
    with Broadcaster(_with_key(settings, old)) as broadcaster:
        _save(broadcaster, API)

    with Broadcaster(_with_key(settings, new, old)) as broadcaster:
        assert _stored(broadcaster) == API

    with Broadcaster(_with_key(settings, new)) as broadcaster:
        assert _stored(broadcaster) == API
    with pytest.raises(SetupError, match="another secret key"):
        Broadcaster(_with_key(settings, old)).start()


def test_a_connection_of_another_key_is_listed_paused_and_mended(broadcaster: Broadcaster) -> None:
    _save(broadcaster, API)
    sealed = Vault(Fernet.generate_key()).seal(API)
    with broadcaster.context.database.write() as conn:
        conn.execute(update(connections).where(connections.c.name == "api").values(settings=sealed))

    assert broadcaster.connections.get("api").settings == {}
    assert "another secret key" in str(broadcaster.connections.get("api").problem)
    assert len(broadcaster.connections.list()) == 2
    assert broadcaster.connections.pause("api").state == "paused"
    assert broadcaster.connections.test("api").state == "down"
    with pytest.raises(InvalidInputError) as refusal:
        _save(broadcaster, {"baseUrl": API["baseUrl"]})
    assert "settings.send" in {fault.path for fault in refusal.value.faults}
    _save(broadcaster, API)
    assert _stored(broadcaster) == API
