"""What the duration of a request includes."""

import asyncio
from typing import Any

import pytest

from host_litestar.request_meter import RequestMeter
from wabroadcast_core.metrics.meters import SUM, Meters

BODY_SECONDS = 0.3


def _measured(media_type: bytes) -> float:
    """Return the measured seconds of a response whose body takes a while."""
    meters = Meters()

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", media_type)]})
        await asyncio.sleep(BODY_SECONDS)
        await send({"type": "http.response.body", "body": b"x", "more_body": False})

    async def send(_message: Any) -> None:
        pass

    scope: Any = {"type": "http", "method": "GET", "path_template": "/x"}
    receive: Any = None
    asyncio.run(RequestMeter(meters).handle(scope, receive, send, app))
    return next(amount for cell, amount in meters.take().items() if cell.part == SUM)


@pytest.mark.parametrize(
    ("media_type", "has_body"),
    [
        pytest.param(b"text/csv; charset=utf-8", True, id="file"),
        pytest.param(b"text/event-stream; charset=utf-8", False, id="event-stream"),
    ],
)
def test_a_request_is_measured_to_the_end_of_its_response_but_a_stream_to_its_begin(
    media_type: bytes, has_body: object
) -> None:
    assert (_measured(media_type) >= BODY_SECONDS) is has_body
