"""HTTP clients that only post one body again and again, each in a process of its own: for benchmarks."""

import argparse
import asyncio
import importlib
import json
import resource
import ssl
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from wabroadcast_core.transport.http_client import make_client
from wabroadcast_core.transport.http_requests import send_request

POSTS = 20_000
BODY = {
    "messaging_product": "whatsapp",
    "recipient_type": "individual",
    "to": "+628123456789",
    "type": "text",
    "text": {"body": "Halo Budi, kode Anda A1"},
}
HEADERS = {"Authorization": "Bearer not-a-real-one"}


@dataclass(frozen=True, slots=True)
class Cost:
    """What a message or a post costs a whole process."""

    cpu: float  # microseconds each
    rate: float  # a second

    @classmethod
    def median(cls, measured: Sequence["Cost"]) -> "Cost":
        """Return the median of each figure."""
        return cls(median(each.cpu for each in measured), median(each.rate for each in measured))

    def __str__(self) -> str:
        return f"{self.cpu:.0f} us of CPU each, {self.rate:,.0f} a second"


def measure_client(client: str, url: str, *, authority: Path, at_once: int) -> Cost:
    """Run a client in a process of its own, and return what a post costs it.

    :param client: ``aiohttp``, ``pyreqwest``, or ``wabroadcast`` for that of the senders.
    :param authority: the file with the certificate that it trusts.
    """
    command = [sys.executable, "-m", __name__, client, url, str(authority), str(at_once)]
    return Cost(*json.loads(subprocess.run(command, check=True, capture_output=True).stdout))


async def _post_all(post: Callable[[], Awaitable[None]], at_once: int) -> tuple[float, float]:
    async def post_share(amount: int) -> None:
        for _ in range(amount):
            await post()

    await asyncio.gather(*(post_share(2) for _ in range(at_once)))  # connections, caches
    began, busy = time.perf_counter(), _cpu_seconds()
    share = POSTS // at_once
    await asyncio.gather(*(post_share(share) for _ in range(at_once)))
    posts = share * at_once
    return (_cpu_seconds() - busy) / posts * 1e6, posts / (time.perf_counter() - began)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _run_wabroadcast(url: str, authority: Path, at_once: int) -> tuple[float, float]:
    async with make_client(certificates=ssl.create_default_context(cafile=authority)) as http:

        async def post() -> None:
            assert (await send_request(http, "POST", url, json=BODY, headers=HEADERS)).document

        return await _post_all(post, at_once)


async def _run_aiohttp(url: str, authority: Path, at_once: int) -> tuple[float, float]:
    aiohttp = importlib.import_module("aiohttp")
    connector = aiohttp.TCPConnector(limit=0, ssl=ssl.create_default_context(cafile=authority))
    async with aiohttp.ClientSession(connector=connector) as session:

        async def post() -> None:
            async with session.post(url, json=BODY, headers=HEADERS) as answer:
                assert await answer.json()

        return await _post_all(post, at_once)


async def _run_pyreqwest(url: str, authority: Path, at_once: int) -> tuple[float, float]:
    builder = importlib.import_module("pyreqwest.client").ClientBuilder().no_proxy()
    async with builder.add_root_certificate_pem(await asyncio.to_thread(authority.read_bytes)).build() as client:

        async def post() -> None:
            answer = await client.post(url).headers(HEADERS).body_json(BODY).build().send()
            assert await answer.json()

        return await _post_all(post, at_once)


CLIENTS = {"aiohttp": _run_aiohttp, "pyreqwest": _run_pyreqwest, "wabroadcast": _run_wabroadcast}


def _main() -> None:
    parser = argparse.ArgumentParser(description="Post one body again and again.")
    parser.add_argument("client", choices=CLIENTS)
    parser.add_argument("url")
    parser.add_argument("authority", type=Path)
    parser.add_argument("at_once", type=int)
    options = parser.parse_args()
    run = CLIENTS[options.client]
    print(json.dumps(asyncio.run(run(options.url, options.authority, options.at_once))))


if __name__ == "__main__":
    _main()
