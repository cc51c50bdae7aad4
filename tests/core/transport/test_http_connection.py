"""What a connection knows of its request, over a real pair of sockets. Its failures are in test_http_failures.py."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.core.transport.misbehaving import OK
from wabroadcast_core.transport.http_connection import PIECE_BYTES, HttpConnection, IncompleteRequestError

HEAD = b"POST / HTTP/1.1\r\n\r\n"


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[tuple[HttpConnection, socket.socket]]:
    """Yield a connection, and the socket of its server, which takes little that it does not read."""
    ours, theirs = socket.socketpair()
    with theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        ours.setblocking(False)
        theirs.setblocking(False)
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: HttpConnection(loop), sock=ours)
        yield connection, theirs
        connection.abort()


def test_a_request_counts_as_written_once_its_last_piece_is_on_its_way() -> None:
    async def write() -> HttpConnection:
        async with connected() as (connection, _):
            async with asyncio.timeout(10):
                await connection.send(HEAD, bytes(2 * PIECE_BYTES))
            connection.expire()
            with pytest.raises(httpx.ReadTimeout):
                await connection.read_head()
        return connection

    assert asyncio.run(write()).is_written


def test_a_request_whose_time_is_over_before_its_last_piece_was_not_sent() -> None:
    async def write() -> HttpConnection:
        async with connected() as (connection, _):
            asyncio.get_running_loop().call_later(0.05, connection.expire)
            with pytest.raises(IncompleteRequestError, match="did not take the whole request"):
                await connection.send(HEAD, bytes(3 * PIECE_BYTES))
        return connection

    assert not asyncio.run(write()).is_written


@pytest.mark.parametrize("is_late", [False, True], ids=["in-time", "when-its-time-was-just-over"])
def test_a_connection_is_used_again_after_an_answer_in_time(*, is_late: bool) -> None:
    async def exchange() -> bool:
        async with connected() as (connection, _):
            await connection.send(HEAD, b"")
            if is_late:
                connection.expire()
            connection.data_received(OK)
            await connection.read_head()
            assert await connection.read_part() == b'{"id":"1"}'
            return connection.is_reusable

    assert asyncio.run(exchange()) is not is_late


def test_a_connection_with_an_answer_that_was_not_read_to_its_end_is_not_used_again() -> None:
    async def exchange() -> list[bool]:
        async with connected() as (connection, _):
            await connection.send(HEAD, b"")
            connection.data_received(OK)
            await connection.read_head()
            unread = connection.is_reusable
            await connection.read_part()
            return [unread, connection.is_reusable]

    assert asyncio.run(exchange()) == [False, True]
