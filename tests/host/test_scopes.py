"""The scopes of the routes: each route has one, and a key without it is refused with the scope named."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.testing import TestClient
from pydantic import SecretStr

from host_litestar.app import create_app
from host_litestar.plugin import WABroadcastPlugin
from host_litestar.scopes import SCOPE, SCOPES
from tests.host.installations import Api, bearer, draft, install
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.api_key import Scope, are_enough
from wabroadcast_core.queue.embedded import EmbeddedValkey

ADMIN = "the-bootstrap-key"
OUTSIDE = "http://api.example"


def handlers_of(app: Litestar) -> list[BaseRouteHandler]:
    return list({id(handler): handler for route in app.routes for handler in _handlers(route)}.values())


def _handlers(route: Any) -> list[BaseRouteHandler]:
    return list(getattr(route, "route_handlers", [])) or [route.route_handler]


def operation_id(handler: BaseRouteHandler) -> str:
    return str(getattr(handler, "operation_id", None))


@pytest.fixture
def app(idle_host: tuple[Broadcaster, Litestar]) -> Litestar:
    return idle_host[1]


def test_every_route_is_public_or_has_a_scope(app: Litestar) -> None:
    handlers = handlers_of(app)

    undeclared = [handler.paths for handler in handlers if not handler.opt.get("public") and SCOPE not in handler.opt]

    assert len(handlers) > len(SCOPES)
    assert undeclared == []


def test_every_scope_of_the_table_is_that_of_a_route(app: Litestar) -> None:
    declared = {operation_id(handler): handler.opt.get(SCOPE) for handler in handlers_of(app)}

    assert {name: declared.get(name) for name in SCOPES} == SCOPES


def test_routes_that_only_read_are_those_of_get(app: Litestar) -> None:
    writing = {
        operation_id(handler)
        for handler in handlers_of(app)
        if isinstance(handler, HTTPRouteHandler) and handler.http_methods & {"POST", "PUT", "PATCH", "DELETE"}
    }

    assert {name for name in writing if SCOPES.get(name) is Scope.READ} == {
        "PreviewBroadcast",
        "SignOut",
        "SignOutByForm",
    }


def test_a_second_mount_has_the_same_scopes(host_settings: Settings) -> None:
    plugins = [WABroadcastPlugin(host_settings, path="/one"), WABroadcastPlugin(host_settings, path="/two")]
    handlers = handlers_of(Litestar(plugins=plugins))

    found = {operation_id(handler): handler.opt.get(SCOPE) for handler in handlers}

    assert {name: found.get(f"Two{name}") for name in SCOPES} == SCOPES


@pytest.mark.parametrize(
    ("given", "needed", "expected"),
    [
        (["read"], "read", True),
        (["read"], "operate", False),
        (["read"], "admin", False),
        (["operate"], "read", True),
        (["operate"], "operate", True),
        (["operate"], "admin", False),
        (["admin"], "read", True),
        (["admin"], "operate", True),
        (["admin"], "admin", True),
        (["read", "admin"], "operate", True),
        ([], "read", False),
    ],
)
def test_a_scope_includes_those_before_it(given: list[str], needed: str, expected: bool) -> None:  # noqa: FBT001 - a column of a table
    assert are_enough(map(Scope, given), Scope(needed)) is expected


# --- over HTTP -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scoped(
    tmp_path_factory: pytest.TempPathFactory, valkey: EmbeddedValkey, sqlite_store: Path
) -> Iterator[tuple[Api, dict[Scope, str]]]:
    """The API, with a key of each scope."""
    settings = install(tmp_path_factory.mktemp("scoped") / "data", valkey, sqlite_store)
    settings.api_keys = [SecretStr(ADMIN)]
    with TestClient(create_app(settings), base_url=OUTSIDE, raise_server_exceptions=False) as client:
        yield client, {scope: create_key(client, scope) for scope in Scope}


def create_key(client: Api, scope: Scope) -> str:
    made = client.post("/keys", json={"name": f"only {scope}", "scopes": [scope]}, headers=bearer(ADMIN))
    assert made.status_code == 201, made.text
    return str(made.json()["key"])


@pytest.fixture
def keyed_api(scoped: tuple[Api, dict[Scope, str]]) -> Api:
    return scoped[0]


@pytest.fixture
def keys(scoped: tuple[Api, dict[Scope, str]]) -> dict[Scope, str]:
    return scoped[1]


CALLS = [
    ("GET", "/broadcast/jobs", None, "read"),
    ("HEAD", "/broadcast/jobs", None, "read"),
    ("OPTIONS", "/broadcast", None, "read"),
    ("GET", "/schema", None, "read"),
    ("GET", "/schema/openapi.json", None, "read"),
    ("GET", "/contacts/export", None, "read"),
    ("GET", "/activity", None, "read"),
    ("GET", "/activity/export", None, "read"),
    ("POST", "/broadcast/preview", draft(recipients=[{"number": "081234567890", "name": "x"}]), "read"),
    ("POST", "/broadcast", draft(recipients=[{"number": "081234567890", "name": "x"}]), "operate"),
    ("POST", "/broadcast/pause/none", None, "operate"),
    ("PATCH", "/broadcast/none", {"name": "x"}, "operate"),
    ("POST", "/broadcast/none/messages/none-1/cancel", None, "operate"),
    ("PUT", "/contacts/081234567890", {"name": "x"}, "operate"),
    ("DELETE", "/contacts/081299999999?erase=true", None, "operate"),
    ("POST", "/blacklist", {"number": "081299999999"}, "operate"),
    ("POST", "/connections/none/pause", None, "operate"),
    ("PUT", "/connections/mine", {"sender": "sandbox"}, "admin"),
    ("DELETE", "/connections/none", None, "admin"),
    ("GET", "/keys", None, "admin"),
    ("POST", "/keys", {"name": "api", "scopes": ["read"]}, "admin"),
    ("DELETE", "/keys/none", None, "admin"),
]


@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize(("method", "path", "body", "needed"), CALLS, ids=[f"{call[0]} {call[1]}" for call in CALLS])
def test_a_key_may_do_what_its_scope_allows(
    keyed_api: Api, keys: dict[Scope, str], method: str, path: str, body: Any, needed: str, scope: Scope
) -> None:
    answer = keyed_api.request(method, path, json=body, headers=bearer(keys[scope]))

    if scope.includes(Scope(needed)):
        assert answer.status_code not in {401, 403}, answer.text
    else:
        assert answer.status_code == 403
        assert f'scope="{needed}"' in answer.headers["www-authenticate"]


def test_a_refusal_names_the_key_and_the_missing_scope(keyed_api: Api, keys: dict[Scope, str]) -> None:
    headers = bearer(keys[Scope.OPERATE])

    answer = keyed_api.put("/connections/mine", json={"sender": "sandbox"}, headers=headers)

    problem = answer.json()
    assert (problem["status"], problem["code"], problem["missingScope"]) == (403, "missing_scope", "admin")
    assert "'only operate'" in problem["detail"]
    assert keys[Scope.OPERATE] not in answer.text


def test_a_key_of_the_settings_has_all_scopes(keyed_api: Api) -> None:
    assert keyed_api.get("/keys", headers=bearer(ADMIN)).status_code == 200


def test_the_document_shows_the_scope_of_each_call(keyed_api: Api) -> None:
    document = keyed_api.get("/schema/openapi.json", headers=bearer(ADMIN)).json()

    paths = document["paths"]
    assert paths["/broadcast"]["post"]["security"] == [{"apiKey": ["operate"]}]
    assert paths["/keys/{name}"]["delete"]["security"] == [{"apiKey": ["admin"]}]
    assert paths["/health/live"]["get"]["security"] == [{}]
    page = keyed_api.get("/schema", headers=bearer(ADMIN)).text
    assert page.count("Scope of the API key: <code>admin</code>") == list(SCOPES.values()).count(Scope.ADMIN)
