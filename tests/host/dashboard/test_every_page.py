"""What holds for every page: found by its route, shown in each language with hostile data, counted and weighed."""

import gzip
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from bs4 import Tag
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import event

from host_litestar.app import create_app
from tests.host.dashboard.pages import FormBrowser, ShownPage
from tests.host.installations import HERE, Api, draft, install
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.redis_access.connection_notes import ConnectionNotes, write_notes
from wabroadcast_core.store.messages import message_key
from wabroadcast_core.store.tables import acts, api_keys, attempts, broadcasts, callback_events, connections, messages

HOSTILE = "<script>alert(1)</script>'\"><img src=x onerror=alert(2)>{{ 7*7 }}"
OTHER = 99  # the id of a connection that only the store can have
HOSTILE_NAME = HOSTILE.replace("/", "|")  # no name that a path has can hold a slash
NUMBER = "+6281200000001"
MOST_STATEMENTS = 10
MOST_WITH_AUDIENCE = 25  # of the pages of a draft, which read and check its people as a submit would
MOST_BYTES = 60_000
SEVERAL = 6  # of what is paused: pages must not read the store for each of them
MORE_PAGES = ("/ui/drafts/{otherDraft}", "/ui/drafts/{otherDraft}/review", "/ui/connections/sandbox")
QUERIES = f"""
[queries.tetangga]
description = '''{HOSTILE}'''
url = "sqlite:///DIRECTORY/people.db"
sql = "SELECT phone, called FROM people WHERE city = :kota"
parameters = {{ kota = "text" }}
columns = {{ phone = "number", called = "name" }}
"""
NOT_PAGES = ("/ui/static/", "/ui/session", "/ui/running", "{rest:path}")


@pytest.fixture(scope="module")
def seeded(
    tmp_path_factory: pytest.TempPathFactory, valkey: EmbeddedValkey, sqlite_store: Path
) -> Iterator[tuple[Broadcaster, Litestar, Api, Mapping[str, str]]]:
    """An application whose objects all have hostile texts, and the values of its paths' parameters."""
    directory = tmp_path_factory.mktemp("every")
    (directory / "queries.toml").write_text(QUERIES.replace("DIRECTORY", str(directory)))
    with closing(sqlite3.connect(directory / "people.db", isolation_level=None)) as other:
        other.execute("CREATE TABLE people (phone TEXT, called TEXT, city TEXT)")
        other.execute("INSERT INTO people VALUES (?, ?, ?)", (NUMBER, HOSTILE, HOSTILE))
    settings = install(directory / "data", valkey, sqlite_store)
    broadcaster = Broadcaster(settings.model_copy(update={"queries": directory / "queries.toml"}))
    app = create_app(broadcaster)
    with TestClient(app, base_url=HERE, raise_server_exceptions=False) as client:
        values = _fill(broadcaster, client)
        _taint(broadcaster, values)
        FormBrowser(client).sign_in(_make_key(broadcaster))
        yield broadcaster, app, client, values


def _fill(broadcaster: Broadcaster, api: Api) -> dict[str, str]:
    message = {"type": "text", "text": "Halo {{ name }} {{ kode }}" + HOSTILE.replace("{", "(").replace("}", ")")}
    person = {"number": NUMBER, "name": HOSTILE, "variables": {"kode": HOSTILE}}
    body = draft(name=HOSTILE[:200], message=message, recipients=[person], connection="sandbox")
    job = _made(api.post("/broadcast", json=body))
    for more in range(SEVERAL):
        made = _made(api.post("/broadcast", json={**body, "name": f"{HOSTILE[:150]} {more}"}))
        _made(api.put(f"/connections/shop{more}", json={"sender": "sandbox"}))
        _made(api.post(f"/broadcast/pause/{made['jobId']}"))
        _made(api.post(f"/connections/shop{more}/pause"))
    written = _made(api.post("/drafts", json={**body, "callbackUrl": HOSTILE}))
    _made(api.post("/contacts", json={**person, "tags": [HOSTILE[:40]]}))
    _made(api.post("/blacklist", json={"number": "+6281200000002", "reason": HOSTILE}))
    file = {"file": (f"{HOSTILE}.csv", f"{HOSTILE.replace(',', '')};No HP\nBudi;not-a-number\n".encode(), "text/csv")}
    imported = _made(api.post("/contacts/import", files=file, data={"tags": "a"}))
    uploaded = _made(api.post("/uploads", files=file))
    _break_message(broadcaster, job["jobId"])
    tried = _made(api.post("/broadcast/test", json={**body, "test": {"number": "+6281200000003"}}))
    detail = _made(api.get(f"/broadcast/{job['jobId']}/messages"))["items"][0]
    template = {"type": "template", "template": {"name": HOSTILE, "language": HOSTILE, "components": [{"x": HOSTILE}]}}
    source = {"type": "database", "query": "tetangga", "parameters": {"kota": HOSTILE}}
    other = _made(
        api.post("/drafts", json={"name": "T", "message": template, "source": source, "connection": "sandbox"})
    )
    return {
        "jobId": job["jobId"],
        "messageId": detail["messageId"],
        "draftId": written["draftId"],
        "number": NUMBER,
        "name": HOSTILE_NAME,
        "otherDraft": other["draftId"],
        "importId": imported["importId"],
        "testId": tried["jobId"],
        "uploadId": uploaded["uploadId"],
        "kind": "sandbox",
        "tag": HOSTILE[:40],
    }


def _taint(broadcaster: Broadcaster, values: Mapping[str, str]) -> None:
    """Write hostile texts where the API takes none: older versions, plugins and providers may have left them."""
    with broadcaster.context.database.write() as conn:
        account = dict(conn.execute(connections.select().order_by(connections.c.id)).mappings().first() or {})
        paused = {"name": HOSTILE_NAME, "state": "paused", "state_reason": HOSTILE}
        conn.execute(connections.insert().values({**account, "id": OTHER, **paused}))
        row = conn.execute(broadcasts.select().where(broadcasts.c.job_id == values["jobId"])).mappings().one()
        attempt = {"attempt": 1, "at": 1.0, "connection_id": OTHER, "reason": HOSTILE, "detail": HOSTILE}
        conn.execute(attempts.insert().values(message_id=message_key(row["id"], 0), **attempt))
        conn.execute(messages.update().values(provider_id=HOSTILE))
        for place in (
            {"broadcast_id": row["id"]},
            {"connection_id": OTHER},
            {"object": "contact", "object_id": HOSTILE},
        ):
            conn.execute(acts.insert().values(at=1e9, actor=HOSTILE, act=HOSTILE, detail=HOSTILE, **place))
        failed = {"state": "failed", "at": 1.0, "due_at": 1.0, "ends_at": 1.0, "ended_at": 1.0, "problem": HOSTILE}
        conn.execute(
            callback_events.insert().values(broadcast_id=row["id"], status="completed", reason=HOSTILE, **failed)
        )
    notes = ConnectionNotes(
        called_at=1e9, refused_at=1e9, refusal=HOSTILE, tested_at=1e9, test_state="down", test_reason=HOSTILE
    )
    write_notes(broadcaster.context.redis, broadcaster.context.keys, OTHER, notes)


def _make_key(broadcaster: Broadcaster) -> str:
    """Return an API key whose name and maker are hostile: the name is shown on every page."""
    made = broadcaster.api_keys.create({"name": "k", "scopes": ["admin"]})
    with broadcaster.context.database.write() as conn:
        conn.execute(api_keys.update().values(name=HOSTILE, created_by=HOSTILE))
    return made.key


def _made(response: Any) -> dict[str, Any]:
    assert response.is_success, response.text
    return dict(response.json())


def _break_message(broadcaster: Broadcaster, job_id: str) -> None:
    """Let a broadcast have one message that failed with hostile words of its provider."""
    with broadcaster.context.database.write() as conn:
        key = conn.execute(broadcasts.select().where(broadcasts.c.job_id == job_id)).mappings().one()["id"]
        recipient = {"number": NUMBER, "name": HOSTILE, "variables": json.dumps({"kode": HOSTILE})}
        outcome = {"status": "failed", "reason": "131049", "detail": HOSTILE, "attempts": 1, "connection_id": 1}
        place = {"id": message_key(key, 0), "broadcast_id": key, "batch": 0, "route": 0}
        conn.execute(messages.insert().values(**place, **recipient, **outcome))
        counts = {"status": "completed", "total": 1, "failed": 1, "prepared": True}
        conn.execute(broadcasts.update().where(broadcasts.c.id == key).values(counts))


def _pages(app: Litestar, values: Mapping[str, str]) -> list[str]:
    """Return the address of every page, with its parameters filled in."""
    paths = {str(path) for route in app.routes for path in [route.path] if "GET" in getattr(route, "methods", ())}
    rooms = {path for path in paths if path == "/" or path.startswith("/ui/")}
    found = [path for path in sorted(rooms) if not any(word in path for word in NOT_PAGES)]
    return [_filled(path, values) for path in [*found, *MORE_PAGES]]


def _filled(path: str, values: Mapping[str, str]) -> str:
    parts = [part.strip("{}").partition(":")[0] if part.startswith("{") else None for part in path.split("/")]
    return "/".join(
        quote(values[name], safe="") if name else part for name, part in zip(parts, path.split("/"), strict=True)
    )


@pytest.fixture(scope="module")
def shown(
    seeded: tuple[Broadcaster, Litestar, Api, Mapping[str, str]],
) -> dict[str, dict[str, ShownPage]]:
    """Every page in each language."""
    _, app, client, values = seeded
    return {
        language: {path: FormBrowser(client, language=language).open(path) for path in _pages(app, values)}
        for language in ("id", "en")
    }


def test_every_page_is_shown(shown: dict[str, dict[str, ShownPage]]) -> None:
    failed = [(path, page.status, page.text[:300]) for path, page in shown["en"].items() if page.status != 200]

    assert failed == []
    assert len(shown["en"]) > 1


def test_hostile_texts_appear_as_text_only(shown: dict[str, dict[str, ShownPage]]) -> None:
    for pages in shown.values():
        for path, page in pages.items():
            hurt = page.soup.select("script:not([src]), img[src=x], [onerror], [style], style, a[href^='javascript']")
            assert hurt == [], path
            assert "49" not in page.soup.select("title")[0].get_text(), path


TAINTED = (
    "/",
    "/ui/activity",
    "/ui/broadcasts",
    "/ui/connections",
    "/ui/connections/{name}",
    "/ui/contacts",
    "/ui/contacts/{number}",
    "/ui/contacts/tags",
    "/ui/broadcasts/new",
    "/ui/broadcasts/{jobId}",
    "/ui/broadcasts/{jobId}/people/{messageId}",
    "/ui/drafts/{draftId}",
    "/ui/drafts/{otherDraft}",
    "/ui/opt-outs",
    "/ui/settings/keys",
    "/ui/settings/callbacks",
)


@pytest.mark.parametrize("path", TAINTED)
def test_a_hostile_text_is_shown_as_it_is_in_the_main_part(
    shown: dict[str, dict[str, ShownPage]],
    seeded: tuple[Broadcaster, Litestar, Api, Mapping[str, str]],
    path: str,
) -> None:
    for pages in shown.values():
        main = pages[_filled(path, seeded[3])].find("main")
        written = [main.get_text(), *(str(value) for tag in main.select("[value]") for value in [tag["value"]])]
        assert any(HOSTILE[:17] in text for text in written)


def test_every_page_has_its_language_a_title_and_one_heading(shown: dict[str, dict[str, ShownPage]]) -> None:
    for language, pages in shown.items():
        for path, page in pages.items():
            assert page.find("html")["lang"] == language, path
            assert page.find("title").get_text(strip=True), path
            assert len(page.soup.select("h1")) == 1, path


def test_every_control_has_a_label(shown: dict[str, dict[str, ShownPage]]) -> None:
    for path, page in shown["en"].items():
        controls = page.soup.select("main input:not([type=hidden], [hidden]), main select, main textarea")
        assert [control for control in controls if not _has_label(page, control)] == [], path


def _has_label(page: ShownPage, control: Tag) -> bool:
    named = control.get("aria-label") or control.get("aria-labelledby") or control.find_parent("label")
    return bool(named) or bool(control.get("id") and page.soup.select(f'label[for="{control["id"]}"]'))


def test_every_table_has_a_caption_and_headers(shown: dict[str, dict[str, ShownPage]]) -> None:
    for path, page in shown["en"].items():
        for table in page.soup.select("table"):
            assert table.find("caption") is not None, path
            assert table.select("th[scope=col]"), path


WRONG = (
    {"page": "abc", "cursor": "zzz", "zone": "../../etc/passwd", "kind": "nonsense", "sheet": HOSTILE, "c1": HOSTILE},
    {"page": "-1", "state": HOSTILE, "connection": HOSTILE, "tag": HOSTILE, "q": HOSTILE, "number": HOSTILE},
    {
        "page": "9" * 5_000,
        "encoding": HOSTILE,
        "delimiter": HOSTILE,
        "region": HOSTILE,
        "part": HOSTILE,
        "batch": "1e9",
    },
    {"status": "nonsense", "receipt": "nonsense", "reason": HOSTILE, "from": "yesterday", "to": HOSTILE},
    {"q": "\u202e" + "\U0001f600" * 99 + "W" * 200, "next": "//elsewhere.example", "who": "\x00", "object": HOSTILE},
)


@pytest.mark.parametrize("query", WRONG, ids=[", ".join(query) for query in WRONG])
def test_wrong_parameters_of_an_address_are_a_page(
    seeded: tuple[Broadcaster, Litestar, Api, Mapping[str, str]], query: dict[str, str]
) -> None:
    _, app, client, values = seeded
    for path in _pages(app, values):
        answer = client.get(path, params=query)
        assert answer.status_code < 500, path
        assert answer.headers["content-type"].startswith("text/html"), path
        assert "<script>alert" not in answer.text, path
        assert "<img src=x" not in answer.text, path


def test_every_page_is_light(shown: dict[str, dict[str, ShownPage]]) -> None:
    sizes = {path: len(gzip.compress(page.response.content)) for path, page in shown["id"].items()}

    assert {path: size for path, size in sizes.items() if size > MOST_BYTES} == {}


def test_every_link_leads_to_a_page_or_a_file(
    shown: dict[str, dict[str, ShownPage]], seeded: tuple[Broadcaster, Litestar, Api, Mapping[str, str]]
) -> None:
    client = seeded[2]
    links = {
        str(link["href"]): path
        for path, page in shown["en"].items()
        for link in page.soup.select("a[href^='/']")
        if "/events" not in str(link["href"])
    }

    broken = [(link, path) for link, path in links.items() if client.get(link).status_code >= 400]

    assert broken == []


def test_every_page_reads_the_store_in_few_statements(
    seeded: tuple[Broadcaster, Litestar, Api, Mapping[str, str]],
) -> None:
    broadcaster, app, client, values = seeded
    selects: list[str] = []
    engine = broadcaster.context.database.db_engine

    def note(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        is_read = statement.lstrip().upper().startswith(("SELECT", "WITH"))
        if is_read and not any(table in statement for table in ("api_keys", "FROM sessions")):  # who asks
            selects.append(statement)

    counted = {}
    event.listen(engine, "before_cursor_execute", note)
    for path in _pages(app, values):
        selects.clear()
        client.get(path)
        counted[path] = len(selects)
    event.remove(engine, "before_cursor_execute", note)

    assert {path: number for path, number in counted.items() if number > _most_statements(path)} == {}


def _most_statements(path: str) -> int:
    return MOST_WITH_AUDIENCE if path.startswith("/ui/drafts/") else MOST_STATEMENTS
