"""The API mounted in another Litestar application."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar, get
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult, DefineMiddleware
from litestar.testing import TestClient
from litestar.types import Guard
from pydantic import SecretStr

from host_litestar.app import create_app
from host_litestar.auth import KeyGuard
from host_litestar.plugin import WABroadcastPlugin
from tests.host.installations import Api
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster


@get("/", sync_to_thread=False)
def index() -> str:
    return "the shop"


@get("/broken", sync_to_thread=False)
def broken() -> None:
    raise ValueError


def test_a_mounted_api_sends_and_leaves_the_other_routes_unchanged(
    host_settings: Settings, until: Callable[..., Any]
) -> None:
    plugin = WABroadcastPlugin(host_settings, path="/messages", work=True)
    body = {"name": "x", "message": {"type": "text", "text": "hi"}, "recipients": [{"number": "081200001001"}]}
    with TestClient(Litestar([index, broken], plugins=[plugin]), raise_server_exceptions=False) as client:
        job_id = client.post("/messages/broadcast", json=body).json()["jobId"]
        until(lambda: client.get(f"/messages/broadcast/{job_id}/status").json()["status"] == "completed")
        missing = client.get("/messages/broadcast/none")
        own = client.get("/")
        own_error = client.get("/broken")

    assert missing.headers["content-type"] == "application/problem+json"
    assert own.text == "the shop"
    assert own_error.headers["content-type"] != "application/problem+json"


def test_the_applications_guards_run_before_the_routes(host_settings: Settings) -> None:
    def members_only(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        if connection.headers.get("x-member") != "yes":
            raise PermissionDeniedException

    plugin = WABroadcastPlugin(host_settings, guards=[members_only])
    with TestClient(Litestar([index], plugins=[plugin])) as client:
        other = client.get("/wabroadcast/broadcast/jobs")
        member = client.get("/wabroadcast/broadcast/jobs", headers={"x-member": "yes"})

    assert (other.status_code, member.status_code) == (403, 200)


def _anybody(_: ASGIConnection[Any, Any, Any, Any], __: BaseRouteHandler) -> None:
    """Let every caller pass."""


def _nobody(_: ASGIConnection[Any, Any, Any, Any], __: BaseRouteHandler) -> None:
    raise PermissionDeniedException


class Strict(AbstractAuthenticationMiddleware):
    """An authentication that knows nobody."""

    async def authenticate_request(self, connection: Any) -> AuthenticationResult:  # noqa: ARG002 - the base class has it
        raise NotAuthorizedException


@pytest.mark.parametrize(
    "application",
    [
        pytest.param({"guards": [_nobody]}, id="guards-of-the-application"),
        pytest.param({"middleware": [DefineMiddleware(Strict)]}, id="authentication-of-the-application"),
        pytest.param({}, id="guards-of-the-plugin"),
    ],
)
@pytest.mark.parametrize("guard_public", [False, True])
def test_probes_and_webhooks_are_outside_the_guards_unless_the_application_asks(
    host_settings: Settings,
    application: dict[str, Any],
    guard_public: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    guards = [] if application else [_nobody]
    plugin = WABroadcastPlugin(host_settings, guards=guards, guard_public=guard_public)
    with TestClient(Litestar([index], plugins=[plugin], **application)) as client:
        live = client.get("/wabroadcast/health/live").status_code
        webhook = client.post("/wabroadcast/webhooks/sandbox", content=b"{}").status_code
        jobs = client.get("/wabroadcast/broadcast/jobs").status_code
        own = client.get("/").status_code

    refused = {401, 403}
    assert jobs in refused
    assert (own in refused) == bool(application)
    assert ({live, webhook} <= refused) if guard_public else (live, webhook) == (200, 403)  # the sandbox has no webhook


def test_a_given_broadcaster_is_used(host_settings: Settings) -> None:
    broadcaster = Broadcaster(host_settings)
    with TestClient(Litestar([index], plugins=[WABroadcastPlugin(broadcaster)])) as client:
        broadcaster.connections.save("mine", {"sender": "sandbox"})
        answer = client.get("/wabroadcast/connections/mine")

    assert answer.json()["name"] == "mine"
    assert "stateSince" in answer.json()


@pytest.mark.parametrize(
    ("path", "guards", "guards_of_all", "is_named"),
    [
        pytest.param("/wabroadcast", [], [], True, id="open"),
        pytest.param("/", [], [], True, id="open-at-the-root"),
        pytest.param("/wabroadcast", [_anybody], [], False, id="guarded"),
        pytest.param("/wabroadcast", [], [_anybody], False, id="in-a-guarded-application"),
    ],
)
def test_an_open_api_is_named_in_the_log(
    host_settings: Settings,
    caplog: pytest.LogCaptureFixture,
    path: str,
    guards: list[Guard],
    guards_of_all: list[Guard],
    *,
    is_named: bool,
) -> None:
    plugin = WABroadcastPlugin(host_settings, path=path, guards=guards)
    with TestClient(Litestar(plugins=[plugin], guards=guards_of_all, logging_config=None)):
        pass

    assert ("neither API keys nor guards" in caplog.text) is is_named


@pytest.mark.parametrize("keys", [[], ["key"]], ids=["without-keys", "with-keys"])
def test_an_application_of_its_own_has_the_guards_of_the_host(host_settings: Settings, keys: list[str]) -> None:
    def members_only(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        if connection.headers.get("x-member") != "yes":
            raise PermissionDeniedException

    settings = host_settings.model_copy(update={"api_keys": [SecretStr(key) for key in keys]})
    member, key = {"x-member": "yes"}, {"Authorization": "Bearer key"}
    with TestClient(create_app(settings, guards=[members_only]), base_url="http://shop.example") as client:
        jobs = [
            client.get("/broadcast/jobs", headers=sent).status_code for sent in ({}, member, key, {**member, **key})
        ]
        public = [client.get("/health/live").status_code, client.post("/webhooks/none", content=b"").json()["code"]]

    assert jobs == ([401, 401, 403, 200] if keys else [403, 200, 403, 200])
    assert public == [200, "webhook_refused"]


def test_a_key_is_checked_once_for_each_request(idle_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []
    check = KeyGuard.__call__

    async def note(guard: KeyGuard, request: Any, handler: BaseRouteHandler) -> None:
        checked.append(request.scope["path"])
        await check(guard, request, handler)

    monkeypatch.setattr(KeyGuard, "__call__", note)

    statuses = [idle_api.get(path).status_code for path in ("/broadcast/jobs", "/schema", "/ui/broadcasts")]

    assert statuses == [200, 200, 200]
    assert checked == ["/broadcast/jobs", "/schema", "/ui/broadcasts"]


def test_keys_of_another_broadcaster_do_not_open_the_routes(host_settings: Settings, tmp_path: Path) -> None:
    """The application has a guard of its own, for the keys of that one."""
    settings = host_settings.model_copy(update={"api_keys": [SecretStr("key")]})
    other = Broadcaster(host_settings.model_copy(update={"api_keys": [SecretStr("other")], "data_dir": tmp_path}))
    app = Litestar([index], plugins=[WABroadcastPlugin(settings)], guards=[KeyGuard(other)])

    with TestClient(app, raise_server_exceptions=False) as client:
        jobs = client.get("/wabroadcast/broadcast/jobs", headers={"Authorization": "Bearer other"})

    assert jobs.status_code == 401


def test_an_application_of_its_own_is_not_named_as_open(
    host_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with TestClient(create_app(host_settings)):
        pass

    assert "neither API keys nor guards" not in caplog.text
