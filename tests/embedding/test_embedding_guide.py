"""The guide to embedding is correct: its files are those of the examples, and its commands deliver a broadcast."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import redis
from sqlalchemy import NullPool, create_engine, text

from tests.embedding.guide import commands_of, files_of, read_pages, read_programs, shown_fields, table_of_fields
from tests.embedding.terminal import Terminal
from tests.host.programs import clean_environment
from tests.ports import free_port
from tests.servers import PostgresCluster
from tests.waiting import wait_for
from wabroadcast_core import FinishedMessage, MessageReceipt
from wabroadcast_core.queue.embedded import EmbeddedValkey

PAGES = read_pages()
USERS = PAGES["Your users as an audience"]
RESULTS = "What became of each message"


def test_the_files_of_the_guide_are_those_of_the_programs() -> None:
    shown = {name: code for page in PAGES.values() for name, code in files_of(page).items()}

    assert shown == read_programs(), "python -m tests.embedding.guide writes the programs into the guide"


def test_the_table_of_the_fields_of_a_broadcast_is_that_of_the_model() -> None:
    assert shown_fields() == table_of_fields(), "python -m tests.embedding.guide writes the table into the guide"


def test_the_users_of_a_main_server_are_an_audience_in_ten_lines() -> None:
    _, _, source = files_of(USERS)["customers.py"].partition("class Customers")

    assert len([line for line in source.splitlines() if line.strip()]) <= 10


def test_the_guide_lists_the_fields_of_what_a_listener_receives() -> None:
    rows = [line for line in PAGES[RESULTS].splitlines() if line.startswith("| of")]
    listed = {kind: row for row in rows for kind in (FinishedMessage, MessageReceipt) if f"`{kind.__name__}`" in row}

    missing = {
        f"{kind.__name__}.{field.name}"
        for kind in (FinishedMessage, MessageReceipt)
        for field in fields(kind)
        if f"`{field.name}`" not in listed[kind]
    }

    assert missing == set()


@pytest.fixture
def terminal(tmp_path: Path, valkey: EmbeddedValkey, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    """A terminal with the files of a page; a page that needs a Redis of its own gets that of the tests."""
    page = PAGES[request.node.callspec.params["page"]]
    for name, code in files_of("".join(PAGES.values())).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(code, encoding="utf-8")
    environment = clean_environment(WABROADCAST_NAMESPACE=f"e{abs(hash(tmp_path))}")
    if "export WABROADCAST_REDIS_URL" in page or "manage.py" in page:
        environment["WABROADCAST_REDIS_URL"] = valkey.url
    running = Terminal(tmp_path, environment, port=free_port())
    for line in commands_of(USERS):
        running.run(line)
    yield running
    running.kill()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "printed"),
    [
        pytest.param("Your WhatsApp account", "shop is active\n", id="account"),
        pytest.param("A submit in your own transaction", "queued\n", id="transaction"),
        pytest.param("A script", "1 sent\n", id="script"),
        pytest.param("An asyncio program", "1 delivered\n", id="asyncio"),
        pytest.param(
            "Operate it",
            "waits: broadcast_paused\nhistory: ['api: submit', 'ana: pause', 'ana: resume', 'ana: cancel']\n",
            id="operate",
        ),
    ],
)
def test_a_program_of_the_guide_prints_what_the_guide_says(terminal: Terminal, page: str, printed: str) -> None:
    outputs = [terminal.run(line) for line in commands_of(PAGES[page]) if line.startswith(("export", "python"))]

    assert "".join(outputs) == printed


@pytest.mark.slow
@pytest.mark.parametrize("page", ["A submit in your own transaction"])
def test_an_endpoint_stores_its_change_and_its_broadcast_together(terminal: Terminal, page: str) -> None:
    serve, submit, show = commands_of(PAGES[page])[1:]
    terminal.run(serve)

    submitted = terminal.call(submit)

    assert submitted.status_code == 202, submitted.text
    shown = show.replace("JOB", submitted.json()["jobId"])
    wait_for(lambda: terminal.call(shown).json()["counts"]["delivered"] == 1, what="the delivery", every=0.2)
    assert terminal.rows("shop.db", "SELECT city FROM customers") == [("Jakarta",)]
    terminal.stop()


@pytest.mark.slow
@pytest.mark.parametrize("page", ["An order in Django"])
def test_an_order_that_is_submitted_again_is_one_broadcast(terminal: Terminal, page: str) -> None:
    confirm, submit_missing = commands_of(PAGES[page])
    for line in commands_of(PAGES["Django"]):
        if line.startswith(("export", "python")) and not line.endswith("&"):
            terminal.run(line)
    terminal.run(confirm)
    before = terminal.rows("shop.db", "SELECT job_id FROM shop_order")

    terminal.rows("shop.db", "UPDATE shop_order SET job_id = ''")
    terminal.run(submit_missing)

    assert before[0][0]
    assert terminal.rows("shop.db", "SELECT job_id FROM shop_order") == before


@pytest.mark.slow
@pytest.mark.parametrize("page", ["People from an asynchronous query"])
def test_the_people_of_an_asynchronous_query_are_an_audience(
    terminal: Terminal, postgres: PostgresCluster, page: str
) -> None:
    database = postgres.new_database()
    db_engine = create_engine(database, poolclass=NullPool)
    with db_engine.begin() as conn:
        conn.execute(
            text("CREATE TABLE customers AS SELECT 1 AS id, '0812-0000-1001' AS phone, 'Budi' AS name, '' AS city")
        )
    terminal.run(f"export DATABASE={database}")

    assert [terminal.run(line) for line in commands_of(PAGES[page])] == ["", "queued\n"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "webhooks", "facts", "more_options"),
    [
        pytest.param("FastAPI", "/webhooks", "facts", "", id="fastapi"),
        pytest.param("Litestar", "/messages/webhooks", None, "", id="litestar"),
        pytest.param("Flask under gunicorn", "/webhooks", None, "", id="flask"),
        pytest.param("Flask under gunicorn", "/webhooks", None, "--preload", id="flask-preloaded"),
        pytest.param("Django", "/webhooks", "shop_fact", "", id="django"),
    ],
)
def test_a_server_of_the_guide_delivers_its_broadcast_and_stops_cleanly(
    terminal: Terminal, tmp_path: Path, page: str, webhooks: str, facts: str | None, more_options: str
) -> None:
    lines = commands_of(PAGES[page])
    submit, show, *others = [line for line in lines if line.startswith("curl ")]
    for line in lines:
        if not line.startswith("curl "):
            terminal.run(line.replace("gunicorn ", f"gunicorn {more_options} "))

    submitted = terminal.call(submit)
    assert submitted.status_code == 202, submitted.text
    show = show.replace("JOB", submitted.json()["jobId"])
    wait_for(lambda: terminal.call(show).json()["counts"]["delivered"] == 1, what="the delivery", every=0.2)
    if facts is not None:
        wait_for(
            lambda: {("sent",), ("delivered",)} <= {*terminal.rows("shop.db", f"SELECT fact FROM {facts}")},
            what="the facts in the host's table",
            every=0.2,
        )
    assert [terminal.call(line).status_code for line in others] == [200] * len(others)
    stranger = terminal.call(f"curl -X POST http://127.0.0.1:8000{webhooks}/none")
    assert (stranger.status_code, stranger.json()["code"]) == (403, "webhook_refused")
    missing = terminal.call(show.replace(submitted.json()["jobId"], "none"))
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    terminal.stop()

    valkey = redis.Redis.from_url(EmbeddedValkey(tmp_path / "wabroadcast-data").url)
    with valkey, pytest.raises(redis.ConnectionError):
        valkey.ping()
