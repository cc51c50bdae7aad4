"""Parts that a host passes to the broadcaster, and calls before its start: what is wrong is said with the way out."""

import asyncio
from typing import Any

import pytest
import redis.asyncio
from sqlalchemy import create_engine
from sqlalchemy.orm import Session, sessionmaker

from wabroadcast_core import AsyncBroadcaster, Broadcaster
from wabroadcast_core.errors import BroadcastError, SetupError

S3CRET = "postgresql://shop:s3cret@db/shop"


class AsyncEngine:
    """What ``create_async_engine`` of SQLAlchemy returns, by name."""


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {"db_engine": AsyncEngine()},
            "db_engine is an AsyncEngine: pass an Engine, as create_engine",
        ),
        ({"db_engine": sessionmaker()}, "db_engine is a sessionmaker: pass an Engine"),
        ({"db_engine": Session()}, "db_engine is a Session: pass an Engine"),
        ({"db_engine": S3CRET}, "db_engine is a str: pass an Engine"),
        (
            {"redis_client": redis.asyncio.Redis()},
            "redis_client is a Redis: pass a redis.Redis; an async",
        ),
        ({"redis_client": "redis://:s3cret@host"}, "redis_client is a str: pass a redis.Redis, or set"),
        ({"huey": "redis://:s3cret@host"}, "huey is a str: pass a Huey object"),
    ],
)
def test_a_part_of_another_type_is_refused_with_what_to_pass(given: dict[str, Any], text: str) -> None:
    with pytest.raises(SetupError) as raised:
        Broadcaster(**given)

    assert str(raised.value).startswith(text)
    assert "s3cret" not in str(raised.value)


def test_a_connection_in_the_place_of_an_engine_is_refused() -> None:
    db_engine = create_engine("sqlite://")
    with db_engine.connect() as conn, pytest.raises(SetupError, match="db_engine is a Connection: pass"):
        Broadcaster(db_engine=conn)  # type: ignore[arg-type]
    db_engine.dispose()


NAMESPACES = sorted(Broadcaster.__annotations__)


def test_a_namespace_before_the_start_says_that_the_broadcaster_is_not_started() -> None:
    broadcaster = Broadcaster()

    for name in NAMESPACES:
        with pytest.raises(BroadcastError, match="the broadcaster is not started: call start"):
            getattr(broadcaster, name)
    with pytest.raises(AttributeError, match="no attribute 'conections'"):
        _ = broadcaster.conections
    assert {"connections", "contacts", "live"} <= set(NAMESPACES)


def test_a_namespace_of_the_asynchronous_broadcaster_says_so_too() -> None:
    async def run() -> None:
        with pytest.raises(BroadcastError, match="the broadcaster is not started: call start"):
            await AsyncBroadcaster().connections.list()

    asyncio.run(run())
