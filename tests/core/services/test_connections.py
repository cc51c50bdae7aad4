"""Connections: the settings that are shown, the ones that are stored, the ones that are refused."""

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, Field, SecretStr, field_validator

from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Settings, Worker
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import ConflictError, InvalidInputError, NotFoundError, PluginError
from wabroadcast_core.hookspecs import Sender, SenderContext, hookimpl
from wabroadcast_core.models.base import Model
from wabroadcast_core.models.capabilities import Capabilities
from wabroadcast_core.models.connection import HUMAN_PACE, Limits
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.models.pacing import Quota, Rate
from wabroadcast_core.models.receipt import ConnectionEvent
from wabroadcast_core.services import connections as connections_module
from wabroadcast_core.snapshots import ConnectionSnapshot
from wabroadcast_core.store import connections as connection_store

pytestmark = ON_SQLITE


class Proxy(BaseModel):
    host: str
    password: SecretStr


class VaultedSettings(Model):
    phone: str
    access_token: SecretStr
    pin: SecretStr | None = None
    spare_tokens: list[SecretStr] | None = None
    proxies: dict[str, Proxy] = Field(default_factory=dict)


class VaultedSender:
    kind: ClassVar[str] = "vaulted"
    Settings: ClassVar[type[BaseModel]] = VaultedSettings
    capabilities: ClassVar[Capabilities] = Capabilities()

    def __init__(self, settings: Any, context: SenderContext) -> None: ...

    async def send(self, message: OutgoingMessage) -> Accepted:
        return Accepted(message.message_id)


class FailingSettings(Model):
    ending: str

    @field_validator("ending")
    @classmethod
    def _check(cls, ending: str) -> str:
        match ending:
            case "bug":
                raise LookupError("S3CRET")
            case "exit":
                sys.exit("S3CRET")
            case "hang":
                time.sleep(5)
        return ending


class FailingSender(VaultedSender):
    kind: ClassVar[str] = "failing"
    Settings: ClassVar[type[BaseModel]] = FailingSettings


class VaultedPlugin:
    @hookimpl
    def wab_senders(self) -> Sequence[type[Sender]]:
        return [VaultedSender, FailingSender]


LIMIT_NAMES = set(Limits.model_fields)

FULL = {
    "phone": "1055",
    "accessToken": "s3cret-a",
    "pin": "s3cret-b",
    "spareTokens": ["s3cret-c", "s3cret-d"],
    "proxies": {"eu": {"host": "proxy", "password": "s3cret-e"}},
}


@pytest.fixture
def broadcaster(settings: Settings) -> Iterator[Broadcaster]:
    with Broadcaster(settings, plugins=[VaultedPlugin()]) as started:
        yield started


def _save(broadcaster: Broadcaster, **settings: Any) -> None:
    broadcaster.connections.save("main", {"sender": "vaulted", "settings": settings})


def _stored(broadcaster: Broadcaster) -> dict[str, Any]:
    with broadcaster.context.database.read() as conn:
        row = connection_store.find_connection(conn, "main")
    assert row is not None
    assert b"s3cret" not in bytes(row["settings"])
    return broadcaster.context.vault.open(row["settings"])


def test_no_secret_is_ever_shown(broadcaster: Broadcaster, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    _save(broadcaster, **FULL)

    shown = [broadcaster.connections.get("main"), *broadcaster.connections.list()]
    assert "s3cret" not in "".join(view.model_dump_json() + repr(view) for view in shown)
    assert broadcaster.connections.get("main").settings == {"phone": "1055"}
    assert "s3cret" not in caplog.text
    assert _stored(broadcaster) == FULL


def test_no_settings_are_shown_if_the_sender_is_not_installed(broadcaster: Broadcaster, settings: Settings) -> None:
    _save(broadcaster, **FULL)

    with Broadcaster(settings) as without_it:
        assert without_it.connections.get("main").settings == {}


def test_a_secret_that_is_left_out_keeps_its_value(broadcaster: Broadcaster) -> None:
    _save(broadcaster, **FULL)

    _save(broadcaster, phone="1066")

    assert _stored(broadcaster) == {**FULL, "phone": "1066"}


def test_which_secrets_are_stored_is_known_by_the_names_of_the_schema(broadcaster: Broadcaster) -> None:
    _save(broadcaster, phone="1055", access_token="s3cret-a", spareTokens=["s3cret-c"])

    assert broadcaster.connections.details("main", zone="UTC").stored_secrets == ["accessToken", "spareTokens"]


@pytest.mark.parametrize("name", ["accessToken", "access_token"])
def test_a_given_secret_replaces_the_stored_one_under_either_name(broadcaster: Broadcaster, name: str) -> None:
    _save(broadcaster, **FULL)

    _save(broadcaster, phone="1055", **{name: "n3w"})

    stored = VaultedSettings.model_validate(_stored(broadcaster))
    assert stored.access_token.get_secret_value() == "n3w"
    assert stored.pin is not None


def test_a_setting_that_is_no_secret_is_not_kept_if_it_is_left_out(broadcaster: Broadcaster) -> None:
    _save(broadcaster, **FULL)

    with pytest.raises(InvalidInputError) as refusal:
        _save(broadcaster, accessToken="n3w")

    assert [fault.path for fault in refusal.value.faults] == ["settings.phone"]


def test_secrets_do_not_move_to_another_sender(broadcaster: Broadcaster) -> None:
    _save(broadcaster, **FULL)

    broadcaster.connections.save("main", {"sender": "sandbox"})

    assert _stored(broadcaster) == {}


@pytest.mark.parametrize(
    ("sender", "fields", "path"),
    [
        pytest.param("vaulted", {"phone": "1"}, "settings.accessToken", id="a-secret-missing"),
        pytest.param(
            "vaulted",
            {"phone": "1", "accessToken": ["s3cret"]},
            "settings.accessToken",
            id="a-secret-of-the-wrong-kind",
        ),
        pytest.param(
            "vaulted",
            {"phone": "1", "accessToken": "t", "extra": "s3cret"},
            "settings.extra",
            id="a-field-too-many",
        ),
        pytest.param("missing", {}, "sender", id="no-such-sender"),
    ],
)
def test_invalid_settings_are_named_without_their_values(
    broadcaster: Broadcaster, sender: str, fields: dict[str, Any], path: str
) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        broadcaster.connections.save("main", {"sender": sender, "settings": fields})

    assert [fault.path for fault in refusal.value.faults] == [path]
    assert "s3cret" not in str(refusal.value)
    with pytest.raises(NotFoundError):
        broadcaster.connections.get("main")


def test_a_connection_is_paused_and_resumed_once(broadcaster: Broadcaster) -> None:
    _save(broadcaster, **FULL)

    assert broadcaster.connections.pause("main").state == "paused"
    with pytest.raises(ConflictError) as paused:
        broadcaster.connections.pause("main")
    assert broadcaster.connections.resume("main").state == "active"
    with pytest.raises(ConflictError) as active:
        broadcaster.connections.resume("main")

    assert [paused.value.status, active.value.status] == ["paused", "active"]


def test_a_connection_in_use_is_not_deleted(broadcaster: Broadcaster) -> None:
    _save(broadcaster, **FULL)
    draft = {"name": "Test", "connection": "main", "message": {"type": "text", "text": "Halo"}}
    broadcaster.submit(draft, [{"number": "081234567890"}])

    with pytest.raises(ConflictError):
        broadcaster.connections.delete("main")
    broadcaster.connections.delete("sandbox")

    assert [view.name for view in broadcaster.connections.list()] == ["main"]


def test_a_connection_that_was_used_is_deleted_and_its_history_stays(broadcaster: Broadcaster, worker: Worker) -> None:
    def finish(job_id: str) -> None:
        wait_for(lambda: broadcaster.status(job_id).status == "completed")

    draft = {"name": "Test", "connection": "sandbox", "message": {"type": "text", "text": "Halo"}}
    job = broadcaster.submit(draft, [{"number": "081234567890"}, {"number": "+18675550103"}])
    finish(job.job_id)

    broadcaster.connections.delete("sandbox")
    broadcaster.connections.save("sandbox", {"sender": "sandbox"})
    again = broadcaster.submit(draft, [{"number": "081234567891"}])
    finish(again.job_id)
    broadcaster.connections.delete("sandbox")

    assert broadcaster.connections.list() == []
    assert broadcaster.get(job.job_id).connection == ["sandbox (deleted)"]
    assert broadcaster.get(again.job_id).connection == ["sandbox (deleted, 2)"]
    assert [message.connection for message in broadcaster.messages(job.job_id).items] == ["sandbox (deleted)"] * 2
    detail = broadcaster.message(job.job_id, f"{job.job_id}-0")
    assert [attempt.connection for attempt in detail.attempt_log] == ["sandbox (deleted)"]
    with pytest.raises(ConflictError, match="was deleted"):
        broadcaster.retry(job.job_id)
    with pytest.raises(InvalidInputError):
        broadcaster.submit({**draft, "connection": "sandbox (deleted)"}, [{"number": "081234567890"}])
    with pytest.raises(NotFoundError):
        broadcaster.connections.get("sandbox (deleted)")


# --- the default one -------------------------------------------------------------------------------------------


def _submit(broadcaster: Broadcaster) -> list[str]:
    """Submit a broadcast that names no connection; return the names of the connections that it gets."""
    draft = {"name": "Test", "message": {"type": "text", "text": "Halo"}}
    return broadcaster.submit(draft, [{"number": "081234567890"}]).connection


def test_the_only_connection_that_reaches_phones_is_the_default(broadcaster: Broadcaster) -> None:
    assert _submit(broadcaster) == ["sandbox"]

    _save(broadcaster, **FULL)

    assert _submit(broadcaster) == ["main"]
    assert {view.name: view.default for view in broadcaster.connections.list()} == {"main": True, "sandbox": False}


def test_a_chosen_default_serves_until_another_is_chosen_or_it_is_deleted(broadcaster: Broadcaster) -> None:
    for name in ("main", "second", "third"):
        broadcaster.connections.save(name, {"sender": "vaulted", "settings": FULL})
    with pytest.raises(InvalidInputError, match="connections default"):
        _submit(broadcaster)

    broadcaster.connections.set_default("third")
    broadcaster.connections.set_default("second")

    assert _submit(broadcaster) == ["second"]
    assert [view.name for view in broadcaster.connections.list() if view.default] == ["second"]
    broadcaster.connections.set_default("third")
    broadcaster.connections.delete("third")
    with pytest.raises(InvalidInputError, match="several connections"):
        _submit(broadcaster)
    with pytest.raises(NotFoundError):
        broadcaster.connections.set_default("nowhere")


# --- default limits --------------------------------------------------------------------------------------------


class UsualSender(VaultedSender):
    kind: ClassVar[str] = "usual"
    Settings: ClassVar[type[BaseModel]] = Model
    capabilities: ClassVar[Capabilities] = Capabilities(
        limits=Limits(rate=Rate(messages=80), per_recipient=Rate(messages=1, per_seconds=6))
    )


class RiskySender(UsualSender):
    kind: ClassVar[str] = "risky"
    capabilities: ClassVar[Capabilities] = Capabilities(ban_risk=True)


class BlockingSender(UsualSender):
    kind: ClassVar[str] = "blocking"

    async def check_connection(self) -> ConnectionEvent:
        time.sleep(2)  # noqa: ASYNC251 - what is tested
        return ConnectionEvent("up")


class OddSender(UsualSender):
    kind: ClassVar[str] = "odd"
    answer: ClassVar[Any] = 5

    async def check_connection(self) -> Any:
        return self.answer


class LimitedPlugin:
    @hookimpl
    def wab_senders(self) -> Sequence[type[Sender]]:
        return [UsualSender, RiskySender, BlockingSender, OddSender]


@pytest.fixture
def limited(settings: Settings) -> Iterator[Broadcaster]:
    with Broadcaster(settings, plugins=[LimitedPlugin()]) as started:
        yield started


def test_a_connection_starts_with_the_limits_of_its_sender(limited: Broadcaster) -> None:
    view = limited.connections.save("cloud", {"sender": "usual"})

    assert view.rate == Rate(messages=80)
    assert view.per_recipient == Rate(messages=1, per_seconds=6)
    assert view.jitter is None


def test_a_gateway_with_a_ban_risk_has_a_human_pace_by_default(limited: Broadcaster) -> None:
    view = limited.connections.save("phone", {"sender": "risky"})

    assert view.jitter == HUMAN_PACE.jitter
    assert view.quotas == HUMAN_PACE.quotas
    assert view.warm_up == HUMAN_PACE.warm_up
    assert limited.connections.default_limits("risky") == Limits.model_validate(view.model_dump(include=LIMIT_NAMES))


def test_given_limits_replace_the_defaults_and_null_removes_them(limited: Broadcaster) -> None:
    view = limited.connections.save(
        "phone", {"sender": "risky", "jitter": None, "quotas": [], "rate": {"messages": 1, "perSeconds": 2}}
    )

    assert (view.jitter, view.quotas, view.rate) == (None, [], Rate(messages=1, per_seconds=2))
    assert view.warm_up == HUMAN_PACE.warm_up


DAY = 86_400


@pytest.mark.parametrize(
    ("since", "age_days", "cap"),
    [
        pytest.param(None, 0, 20, id="new"),
        pytest.param(None, 3.9, 20, id="not-quite"),
        pytest.param(None, 4, 50, id="four-days"),
        pytest.param(None, 40, 1_500, id="grown-up"),
        pytest.param("2020-01-01", 0, 1_500, id="an-old-number"),
        pytest.param("2999-01-01", 40, 20, id="of-the-future"),
    ],
)
def test_the_daily_cap_grows_with_the_age_of_the_number(
    limited: Broadcaster, since: str | None, age_days: float, cap: int
) -> None:
    steps = [step.model_dump(by_alias=True) for step in HUMAN_PACE.warm_up.steps] if HUMAN_PACE.warm_up else []
    limited.connections.save("phone", {"sender": "risky", "warmUp": {"since": since, "steps": steps}})
    with limited.context.database.read() as conn:
        row = connection_store.find_connection(conn, "phone")
    assert row is not None
    midnight = row["created_at"] // DAY * DAY

    snapshot = ConnectionSnapshot.of(row, now=midnight + age_days * DAY)

    assert Quota(messages=cap, per_seconds=DAY) in snapshot.limits.quotas
    assert len(snapshot.limits.quotas) == 1


def test_a_connection_is_tested_without_a_send(limited: Broadcaster) -> None:
    limited.connections.save("phone", {"sender": "risky"})

    assert limited.connections.test("sandbox").state == "up"
    assert limited.connections.test("phone").state == "unknown"
    with pytest.raises(NotFoundError):
        limited.connections.test("missing")


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        pytest.param(5, "check_connection returned int: return a ConnectionEvent, 'up' or 'down'", id="number"),
        pytest.param(None, "check_connection returned NoneType: return a ConnectionEvent", id="none"),
        pytest.param(
            ConnectionEvent("fine"),  # type: ignore[arg-type]  # the fault
            "check_connection returned a ConnectionEvent of another state: give it 'up' or 'down'",
            id="state",
        ),
        pytest.param(
            ConnectionEvent("down", 401),  # type: ignore[arg-type]  # the fault
            "check_connection returned a ConnectionEvent whose reason is int: give it a text",
            id="reason",
        ),
    ],
)
def test_a_test_names_what_a_sender_returned_and_what_is_right(
    limited: Broadcaster, monkeypatch: pytest.MonkeyPatch, answer: object, fault: str
) -> None:
    monkeypatch.setattr(OddSender, "answer", answer)
    limited.connections.save("phone", {"sender": "odd"})

    test = limited.connections.test("phone")

    assert test.state == "unknown"
    assert test.reason.startswith(f"the sender plugin odd failed: {fault}")


def test_a_sender_that_blocks_does_not_hold_the_test_of_its_connection(
    limited: Broadcaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections_module, "TEST_SECONDS", 0.1)
    monkeypatch.setattr(connections_module, "BLOCKED_SECONDS", 0.1)
    limited.connections.save("phone", {"sender": "blocking"})

    test = limited.connections.test("phone")

    assert test.state == "unknown"
    assert test.reason == "the sender plugin blocking blocks its event loop and has not returned within 0.2 s"


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        pytest.param("bug", "LookupError at ", id="bug"),
        pytest.param("exit", "SystemExit at ", id="exit"),
        pytest.param("hang", "has not returned within 0.5 s", id="hang"),
    ],
)
def test_a_sender_that_fails_to_check_settings_is_named_and_nothing_is_saved(
    broadcaster: Broadcaster, caplog: pytest.LogCaptureFixture, ending: str, words: str
) -> None:
    broadcaster.context.settings.plugin_seconds = 0.5
    with pytest.raises(PluginError, match="the sender plugin failing failed to check the settings"):
        broadcaster.connections.save("main", {"sender": "failing", "settings": {"ending": ending}})

    assert words in caplog.text
    assert "S3CRET" not in caplog.text
    assert [each.name for each in broadcaster.connections.list()] == ["sandbox"]
