"""A submit inside a transaction of the host: the broadcast exists if and only if the host commits."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel
from sqlalchemy import Connection, Engine, create_engine, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from tests.stores import ON_POSTGRESQL, ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import AudienceRow, Fault, Model, Settings, SourceContext
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import InputError, InvalidInputError, NotFoundError
from wabroadcast_core.store.tables import uploads
from wabroadcast_core.worker import Worker

DRAFT = {"name": "Promo", "connection": "demo", "message": {"type": "text", "text": "Halo"}}
PEOPLE = [{"number": "0812-0000-1001"}, {"number": "0812-0000-1002"}]


def url_of(settings: Settings) -> str:
    if settings.database_url is None:
        return f"sqlite:///{settings.sqlite_path}"
    return settings.database_url.get_secret_value()


@pytest.fixture(params=["engine-of-the-host", "shared-engine"])
def host(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Engine]:
    """The engine of a host whose table of orders is in the database of the store."""
    engine = create_engine(url_of(settings))
    with engine.begin() as conn:
        conn.execute(text("CREATE TABLE orders (id INTEGER)"))
    yield engine
    with engine.begin() as conn:  # the database is lent to other tests afterwards
        conn.execute(text("DROP TABLE orders"))
        if engine.dialect.name == "postgresql":
            conn.execute(text("DROP SCHEMA IF EXISTS wab CASCADE"))
    engine.dispose()


@pytest.fixture
def shop(request: pytest.FixtureRequest, host: Engine, settings: Settings) -> Iterator[Broadcaster]:
    is_shared = request.node.callspec.params["host"] == "shared-engine"
    with Broadcaster(settings, db_engine=host if is_shared else None, plugins=[Meanwhile]) as broadcaster:
        broadcaster.connections.save("demo", {"sender": "sandbox"})
        yield broadcaster


def add_order(conn: Connection) -> None:
    conn.execute(text("INSERT INTO orders VALUES (1)"))


def count_orders(host: Engine) -> int:
    with host.connect() as conn:
        return int(conn.execute(text("SELECT count(*) FROM orders")).scalar_one())


def count_uploads(shop: Broadcaster) -> int:
    with shop.context.database.read() as conn:
        return int(conn.execute(select(func.count()).select_from(uploads)).scalar_one())


@pytest.mark.parametrize("order_first", [True, False], ids=["after-a-write-of-the-host", "as-the-first-statement"])
def test_a_broadcast_exists_with_the_commit_and_its_work_begins_then(
    host: Engine, shop: Broadcaster, *, order_first: bool
) -> None:
    with host.begin() as conn:
        if order_first:
            add_order(conn)
        job = shop.submit(DRAFT, PEOPLE, conn=conn)
        with pytest.raises(NotFoundError):
            shop.status(job.job_id)
        if not order_first:
            add_order(conn)
        assert shop.tasks.huey.pending_count() == 0

    wait_for(lambda: shop.tasks.huey.pending_count() == 1, what="the preparation in the queue")
    assert shop.get(job.job_id).status == "queued"
    assert count_orders(host) == 1


def test_each_transaction_of_a_connection_begins_its_own_work(host: Engine, shop: Broadcaster) -> None:
    with host.connect() as conn:
        shop.submit(DRAFT, PEOPLE, conn=conn)
        conn.rollback()
        for _ in range(2):
            shop.submit(DRAFT, PEOPLE, conn=conn)
            conn.commit()
        wait_for(lambda: shop.tasks.huey.pending_count() == 2, what="both preparations in the queue")

    assert shop.list().total == 2


@pytest.mark.parametrize("order_first", [True, False], ids=["after-a-write-of-the-host", "as-the-first-statement"])
def test_nothing_is_left_of_a_broadcast_whose_transaction_is_rolled_back(
    host: Engine, shop: Broadcaster, *, order_first: bool
) -> None:
    with host.connect() as conn:
        if order_first:
            add_order(conn)
        job = shop.submit(DRAFT, PEOPLE, conn=conn)
        conn.rollback()
    shop._committed_work.close()  # what has ended was looked at

    with pytest.raises(NotFoundError):
        shop.status(job.job_id)
    assert shop.list().total == 0
    assert count_uploads(shop) == 0
    assert shop.tasks.huey.pending_count() == 0
    assert count_orders(host) == 0


def test_a_refused_submit_leaves_nothing_and_the_transaction_of_the_host_goes_on(
    host: Engine, shop: Broadcaster
) -> None:
    with host.begin() as conn:
        add_order(conn)
        with pytest.raises(InvalidInputError, match=r"recipients\.1"):
            shop.submit(DRAFT, [*PEOPLE[:1], {"numbr": "x"}], conn=conn)
        add_order(conn)

    assert count_orders(host) == 2
    assert shop.list().total == 0
    assert count_uploads(shop) == 0


def test_a_repeated_submit_is_one_broadcast(host: Engine, shop: Broadcaster) -> None:
    with host.begin() as conn:
        first = shop.submit(DRAFT, PEOPLE, conn=conn, idempotency_key="order-1")
        again = shop.submit(DRAFT, PEOPLE, conn=conn, idempotency_key="order-1")
    after = shop.submit(DRAFT, PEOPLE, idempotency_key="order-1")

    assert first.job_id == again.job_id == after.job_id
    assert count_uploads(shop) == 1


class Meanwhile:
    """A contact source in whose check, before anything is stored, another process writes."""

    kind: ClassVar[str] = "meanwhile"
    Settings: ClassVar[type[BaseModel]] = Model
    repeatable: ClassVar[bool] = True
    act: ClassVar[Callable[[], object]] = bool

    def __init__(self, settings: Any, context: SourceContext) -> None: ...

    def check_settings(self) -> Sequence[Fault]:
        type(self).act()
        return ()

    def read(self) -> Iterable[AudienceRow]:
        yield AudienceRow(number="0812-0000-1001")


def test_a_write_of_another_process_meanwhile_does_not_disturb(
    host: Engine, shop: Broadcaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = threading.Thread(target=shop.blacklist.add, args=["0812-0000-1003"], kwargs={"reason": "asked"})

    def write_meanwhile() -> None:
        if other.ident is None:  # it is checked twice
            other.start()
        other.join(timeout=0.5)  # on SQLite it waits for the commit

    monkeypatch.setattr(Meanwhile, "act", write_meanwhile)

    with host.begin() as conn:
        job = shop.submit(DRAFT | {"source": {"type": "meanwhile"}}, conn=conn)
    other.join()

    assert shop.get(job.job_id).status == "queued"
    assert shop.blacklist.list().total == 1


def test_a_session_commits_a_broadcast_with_its_objects(host: Engine, shop: Broadcaster) -> None:
    with Session(host) as session:
        session.execute(text("INSERT INTO orders VALUES (1)"))
        job = shop.submit(DRAFT, PEOPLE, conn=session.connection())
        session.commit()
        wait_for(lambda: shop.tasks.huey.pending_count() == 1, what="the preparation in the queue")
        with pytest.raises(InputError, match=r"conn is a Session, .*session\.connection\(\)"):
            shop.submit(DRAFT, PEOPLE, conn=session)  # type: ignore[arg-type]  # on purpose

    assert [each.job_id for each in shop.list().items] == [job.job_id]
    assert count_orders(host) == 1


@ON_POSTGRESQL
def test_an_asynchronous_session_commits_a_broadcast_with_its_objects(
    host: Engine, shop: Broadcaster, settings: Settings
) -> None:
    async def submit() -> str:
        db_engine = create_async_engine(url_of(settings))
        async with AsyncSession(db_engine) as session, session.begin():
            await session.execute(text("INSERT INTO orders VALUES (1)"))
            job = await session.run_sync(lambda sync: shop.submit(DRAFT, PEOPLE, conn=sync.connection()))
            with pytest.raises(NotFoundError):
                shop.status(job.job_id)
        await db_engine.dispose()
        return job.job_id

    job_id = asyncio.run(submit())

    assert (count_orders(host), shop.status(job_id).status) == (1, "queued")
    wait_for(lambda: shop.tasks.huey.pending_count() == 1, what="the preparation in the queue")


@pytest.mark.slow
def test_a_lost_wake_up_is_found_by_the_recovery(host: Engine, shop: Broadcaster) -> None:
    with host.connect() as conn:
        job = shop.submit(DRAFT, PEOPLE, conn=conn)
        conn.connection.commit()  # past SQLAlchemy, which reports no commit so
    worker = Worker(shop)
    worker.start()
    wait_for(lambda: shop.status(job.job_id).status == "completed", what="the broadcast")
    worker.stop()

    assert shop.status(job.job_id).counts.sent == len(PEOPLE)


def test_a_connection_to_another_database_is_refused(host: Engine, shop: Broadcaster) -> None:
    other = create_engine("sqlite://")
    with other.begin() as conn, pytest.raises(InputError, match="not to the database of the store"):
        shop.submit(DRAFT, PEOPLE, conn=conn)
    other.dispose()


def test_a_connection_that_commits_each_statement_is_refused(host: Engine, shop: Broadcaster) -> None:
    each = host.execution_options(isolation_level="AUTOCOMMIT")
    with each.connect() as conn, pytest.raises(InputError, match="commits each statement"):
        shop.submit(DRAFT, PEOPLE, conn=conn)

    assert shop.list().total == 0


@ON_POSTGRESQL
@pytest.mark.parametrize("host", ["engine-of-the-host", "shared-engine"], indirect=True)
@pytest.mark.parametrize("commits", [True, False])
def test_tables_of_the_host_with_our_names_are_its_own_before_and_after(
    host: Engine, settings: Settings, request: pytest.FixtureRequest, *, commits: bool
) -> None:
    is_shared = request.node.callspec.params["host"] == "shared-engine"
    apart = settings.model_copy(update={"database_schema": "wab"})
    with Broadcaster(apart, db_engine=host if is_shared else None) as shop, host.connect() as conn:
        shop.connections.save("demo", {"sender": "sandbox"})
        job = shop.submit(DRAFT, PEOPLE, conn=conn)
        add_order(conn)  # in the schema of the host
        shown = conn.execute(text("SHOW search_path")).scalar_one()
        conn.commit() if commits else conn.rollback()

        assert "wab" not in shown
        assert [each.job_id for each in shop.list().items] == ([job.job_id] if commits else [])


@ON_SQLITE
@pytest.mark.parametrize("host", ["engine-of-the-host"], indirect=True)
def test_a_store_of_its_own_is_another_database(host: Engine, settings: Settings, shop: Broadcaster) -> None:
    other = settings.model_copy(update={"data_dir": settings.data_dir / "other", "namespace": "other"})
    with Broadcaster(other) as broadcaster, host.begin() as conn:
        broadcaster.connections.save("demo", {"sender": "sandbox"})
        with pytest.raises(InputError, match="not to the database of the store"):
            broadcaster.submit(DRAFT, PEOPLE, conn=conn)
