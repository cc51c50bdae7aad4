"""Recipients from an asynchronous iterable: streamed with back pressure, and ended with the call that reads them."""

import asyncio
import json
import threading
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Mapping
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncResult, create_async_engine

from tests.servers import PostgresCluster
from tests.stores import ON_SQLITE
from wabroadcast_core import AsyncBroadcaster, InvalidInputError, Settings
from wabroadcast_core.async_api.block_reader import BLOCK_PIECES
from wabroadcast_core.async_api.threads import Threads
from wabroadcast_core.store.tables import broadcasts, uploads
from wabroadcast_core.store.uploads import open_upload

DRAFT = {"name": "Promo", "message": {"type": "text", "text": "Halo {{ name }}"}, "connection": "demo"}
CUSTOMERS = 2_500
ROWS = text("SELECT phone AS number, name FROM customers ORDER BY id")

Call = Callable[[AsyncBroadcaster, AsyncIterable[dict[str, str]]], Coroutine[Any, Any, object]]


def person(place: int) -> dict[str, str]:
    return {"number": f"0812-0000-{1000 + place}", "name": f"Budi {place}"}


async def people(amount: int) -> AsyncIterator[dict[str, str]]:
    for place in range(amount):
        yield person(place)


class Interrupted:
    """A few people, then a wait that does not end by itself."""

    def __init__(self) -> None:
        self.is_waiting = asyncio.Event()
        self.is_closed = False

    async def read(self) -> AsyncIterator[dict[str, str]]:
        try:
            yield person(0)
            self.is_waiting.set()
            await asyncio.Event().wait()
        finally:
            self.is_closed = True


def run(settings: Settings, work: Callable[[AsyncBroadcaster], Coroutine[Any, Any, None]], *, threads: int = 4) -> None:
    """Run a coroutine with a broadcaster that has one connection; no thread of it is left at the end."""

    async def main() -> None:
        async with AsyncBroadcaster(settings, threads=threads) as broadcaster:
            await broadcaster.connections.save("demo", {"sender": "sandbox"})
            await work(broadcaster)

    before = set(threading.enumerate())
    asyncio.run(asyncio.wait_for(main(), 60))
    left = set(threading.enumerate()) - before
    assert [thread.name for thread in left if thread.name.startswith("wabroadcast")] == []


def stored_people(broadcaster: AsyncBroadcaster) -> list[dict[str, str]]:
    """Return the recipients of the only broadcast, as they were stored."""
    database = broadcaster.sync.context.database
    with database.read() as conn:
        [upload_id] = conn.execute(select(uploads.c.id)).scalars()
    with open_upload(database, upload_id) as file:
        return [json.loads(line) for line in file]


def stored(broadcaster: AsyncBroadcaster) -> tuple[int, ...]:
    """Return the number of broadcasts and of uploads in the store."""
    with broadcaster.sync.context.database.read() as conn:
        return tuple(
            conn.execute(select(func.count()).select_from(each)).scalar_one() for each in (broadcasts, uploads)
        )


async def saved_draft(broadcaster: AsyncBroadcaster, some: AsyncIterable[dict[str, str]]) -> object:
    made = await broadcaster.drafts.create({"name": "Promo"})
    return await broadcaster.drafts.save(made.draft_id, DRAFT, some, versions={made.version})


async def lines(some: AsyncIterable[dict[str, str]]) -> AsyncIterator[bytes]:
    async for one in some:
        yield f"{one['number']},{one['name']}\n".encode()


# --- what is streamed --------------------------------------------------------------------------------------------


@pytest.fixture
def customers(postgres: PostgresCluster) -> AsyncEngine:
    """A main server's database, on PostgreSQL, which the tests read with coroutines."""
    return create_async_engine(postgres.new_database())


async def fill(engine: AsyncEngine) -> None:
    async with engine.begin() as conn:
        await conn.execute(text("CREATE TABLE customers (id serial PRIMARY KEY, phone text, name text)"))
        await conn.execute(
            text("INSERT INTO customers (phone, name) SELECT '0812-0000-' || (1000 + n), 'Budi ' || n "
                 "FROM generate_series(0, :last) n"), {"last": CUSTOMERS - 1}
        )  # fmt: skip


def mappings(rows: AsyncResult[Any]) -> AsyncIterable[Mapping[str, Any]]:
    return rows.mappings()  # type: ignore[return-value]  # for SQLAlchemy, the keys may be columns too


@ON_SQLITE
def test_the_customers_of_an_asynchronous_engine_are_submitted(settings: Settings, customers: AsyncEngine) -> None:
    async def work(broadcaster: AsyncBroadcaster) -> None:
        await fill(customers)
        async with customers.connect() as conn:
            preview = await broadcaster.preview(DRAFT, mappings(await conn.stream(ROWS)))
            await broadcaster.submit(DRAFT, mappings(await conn.stream(ROWS)))
        await customers.dispose()

        assert (preview.sendable, preview.messages[0].text) == (CUSTOMERS, "Halo Budi 0")
        assert stored_people(broadcaster) == [person(place) for place in range(CUSTOMERS)]

    run(settings, work)


@ON_SQLITE
@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda it, some: it.submit(DRAFT, recipients=some), id="submit"),
        pytest.param(lambda it, some: it.preview(DRAFT, some), id="preview"),
        pytest.param(lambda it, some: it.rehearse(DRAFT, some, idempotency_key="r-1"), id="rehearse"),
        pytest.param(lambda it, some: it.send_test(DRAFT, some, test={"number": "0812-0000-1001"}), id="send_test"),
        pytest.param(lambda it, some: it.drafts.create(DRAFT, some), id="drafts.create"),
        pytest.param(saved_draft, id="drafts.save"),
        pytest.param(lambda it, some: it.uploads.save(lines(some), filename="people.csv"), id="uploads.save"),
    ],
)
def test_each_call_that_takes_people_takes_them_from_an_asynchronous_generator(settings: Settings, call: Call) -> None:
    async def work(broadcaster: AsyncBroadcaster) -> None:
        interrupted = Interrupted()
        running = asyncio.create_task(call(broadcaster, interrupted.read()))
        await interrupted.is_waiting.wait()
        running.cancel()
        await asyncio.wait([running])

        assert running.cancelled()
        assert interrupted.is_closed
        assert await call(broadcaster, people(BLOCK_PIECES + 1)) is not None

    run(settings, work)


# --- how it ends -------------------------------------------------------------------------------------------------


@ON_SQLITE
def test_a_cancelled_submit_stores_nothing(settings: Settings) -> None:
    async def work(broadcaster: AsyncBroadcaster) -> None:
        interrupted = Interrupted()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await broadcaster.submit(DRAFT, interrupted.read())
        await broadcaster.close()  # waits for the thread
        await broadcaster.start()

        assert interrupted.is_closed
        assert stored(broadcaster) == (0, 0)

    run(settings, work)


@ON_SQLITE
def test_the_exception_of_an_iterable_is_raised_by_the_submit_and_nothing_is_stored(settings: Settings) -> None:
    failure = ConnectionResetError("the database has gone")

    async def failing() -> AsyncIterator[dict[str, str]]:
        async for one in people(BLOCK_PIECES + 1):
            yield one
        raise failure

    async def work(broadcaster: AsyncBroadcaster) -> None:
        with pytest.raises(ConnectionResetError) as raised:
            await broadcaster.submit(DRAFT, failing())

        assert raised.value is failure
        assert stored(broadcaster) == (0, 0)

    run(settings, work)


@ON_SQLITE
def test_a_refused_submit_closes_the_generator_that_it_has_not_read_to_its_end(settings: Settings) -> None:
    closed = asyncio.Event()

    async def wrong() -> AsyncIterator[dict[str, str]]:
        try:
            while True:
                yield {"name": "without a number"}
        finally:
            closed.set()

    async def work(broadcaster: AsyncBroadcaster) -> None:
        with pytest.raises(InvalidInputError, match=r"recipients\.0\.number"):
            await broadcaster.submit(DRAFT, wrong())

        assert closed.is_set()

    run(settings, work)


@ON_SQLITE
def test_an_iterable_may_call_the_broadcaster_that_reads_it(settings: Settings) -> None:
    async def contacts(broadcaster: AsyncBroadcaster) -> AsyncIterator[dict[str, str]]:
        for name in await broadcaster.connections.list():
            yield person(len(name.name))

    async def work(broadcaster: AsyncBroadcaster) -> None:
        submits = (broadcaster.submit(DRAFT, contacts(broadcaster)) for _ in range(3))
        await asyncio.gather(*submits)

        assert stored(broadcaster)[0] == 3

    run(settings, work, threads=1)


# --- the loop and the memory -------------------------------------------------------------------------------------


def test_no_more_is_read_than_a_block_ahead_of_the_thread_and_in_the_task_of_the_caller() -> None:
    taken = threading.Semaphore(0)
    read: list[asyncio.Task[Any] | None] = []

    async def counted() -> AsyncIterator[int]:
        for place in range(10 * BLOCK_PIECES):
            read.append(asyncio.current_task())
            yield place

    def take_slowly(pieces: AsyncIterable[int]) -> int:
        most_ahead = 0
        for place, _ in enumerate(pieces):  # type: ignore[arg-type]  # it gets an iterator
            most_ahead = max(most_ahead, len(read) - place)
        taken.release()
        return most_ahead

    async def main() -> int:
        threads = Threads(1)
        threads.open()
        most_ahead: int = await threads.run_reading(take_slowly, counted())
        assert set(read) == {asyncio.current_task()}
        threads.close()
        return most_ahead

    assert asyncio.run(main()) <= BLOCK_PIECES


def test_an_iterable_that_never_waits_leaves_the_loop_to_others() -> None:
    async def counted(turns: list[int]) -> AsyncIterator[int]:
        for place in range(5 * BLOCK_PIECES):
            turns.append(place)
            yield place

    async def main() -> int:
        threads, turns, seen = Threads(1), list[int](), set[int]()
        threads.open()
        running = asyncio.create_task(threads.run_reading(list, counted(turns)))
        while not running.done():
            seen.add(len(turns))
            await asyncio.sleep(0)
        threads.close()
        return len(seen)

    assert asyncio.run(main()) > 5
