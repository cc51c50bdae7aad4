"""The test of a receiver: one event that is signed as all are, then one whose signature is wrong."""

import asyncio
import secrets
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
from pydantic_core import to_json

from wabroadcast_core.callbacks.receiver import Answer, call_receiver
from wabroadcast_core.callbacks.signing import sign
from wabroadcast_core.models.base import as_utc
from wabroadcast_core.models.callback import CALLBACK_TEST, SECRET_BYTES, CallbackTest
from wabroadcast_core.sentence_texts import say
from wabroadcast_core.settings import Settings
from wabroadcast_core.transport.http_client import make_client
from wabroadcast_core.transport.public_addresses import CallbackAddresses

REFUSALS = range(400, 500)
NOT_VERIFIED = say("receiver_trusts_all")


def run_signature_test(settings: Settings, url: str, *, shown: str, now: float) -> CallbackTest:
    """Call a receiver on an event loop of its own, twice at most.

    :param shown: the address as it may be shown.
    :param now: the time of the event (UNIX seconds, UTC).
    """
    return asyncio.run(_test(settings, url, shown=shown, now=now))


async def _test(settings: Settings, url: str, *, shown: str, now: float) -> CallbackTest:
    event_id = f"evt_test_{secrets.token_hex(8)}"
    body = to_json({"type": CALLBACK_TEST, "timestamp": as_utc(now), "data": {}})
    headers = sign(event_id, body, at=now, secrets=settings.callback_secrets)
    wrong = sign(event_id, body, at=now, secrets=[secrets.token_bytes(SECRET_BYTES)])
    look_ups = ThreadPoolExecutor(1, "wabroadcast-callback-test")  # a name server may hang
    try:
        async with make_client(
            is_allowed=CallbackAddresses(settings.callback_networks).allow, threads=look_ups
        ) as http:
            began = time.monotonic()
            answer = await _call(http, url, body, headers=headers, settings=settings)
            taken = time.monotonic() - began
            verifies = (
                await _is_refused(http, url, body, headers=wrong, settings=settings) if not answer.problem else None
            )
    finally:
        look_ups.shutdown(wait=False, cancel_futures=True)
    return CallbackTest(
        id=event_id,
        address=shown,
        delivered=answer.problem is None,
        verifies_signature=verifies,
        seconds=round(taken, 3),
        problem=NOT_VERIFIED if verifies is False else answer.problem,
        headers=headers,
        body=body.decode(),
    )


async def _is_refused(
    http: httpx.AsyncClient, url: str, body: bytes, *, headers: dict[str, str], settings: Settings
) -> bool | None:
    """Return whether a receiver refuses a call; None if it gives no answer from which that follows."""
    answer = await _call(http, url, body, headers=headers, settings=settings)
    if answer.problem is None:
        return False
    return True if answer.status in REFUSALS else None


async def _call(
    http: httpx.AsyncClient, url: str, body: bytes, *, headers: dict[str, str], settings: Settings
) -> Answer:
    return await call_receiver(http, url, body, headers=headers, seconds=settings.callback_seconds)
