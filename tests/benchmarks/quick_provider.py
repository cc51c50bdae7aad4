"""A Cloud API that only answers, as fast as it can, in a process of its own: for benchmarks."""

import argparse
import asyncio
import itertools
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Self

CONTACT = b'{"input":"+%s","wa_id":"%s"}'
WITH_USER_ID = b'{"input":"+%s","wa_id":"%s","user_id":"ID.%s"}'
ANSWER = b'{"messaging_product":"whatsapp","contacts":[%s],"messages":[{"id":"wamid.%d"}]}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class QuickProvider:
    """A running one.

    :param latency: seconds that an answer takes.
    :param certificate: the file with the key and the certificate of a server with TLS.
    :param user_ids: whether its answers name an id of the person beside the number.
    """

    def __init__(self, *, latency: float, certificate: Path | None = None, user_ids: bool = False) -> None:
        tls = [] if certificate is None else ["--certificate", str(certificate)]
        command = [sys.executable, "-m", __name__, str(latency), *tls, *(["--user-ids"] if user_ids else [])]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = self._process.stdout.readline() if self._process.stdout else ""
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{int(said)}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


class _Conversation(asyncio.Protocol):
    """One connection; its requests come one after the other."""

    numbers = itertools.count(1)

    def __init__(self, latency: float, contact: bytes) -> None:
        self._latency = latency
        self._contact = contact
        self._fields = contact.count(b"%s")
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found or len(body) < _length_of(head):
            return
        self._received = b""
        number = body.partition(b'"to"')[2].partition(b'"+')[2].partition(b'"')[0]
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._answer, number)
        else:
            self._answer(number)

    def _answer(self, number: bytes) -> None:
        body = ANSWER % (self._contact % ((number,) * self._fields), next(self.numbers))
        if isinstance(self._transport, asyncio.Transport):
            self._transport.write(HEAD % len(body) + body)


def _length_of(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])


async def _serve(latency: float, certificate: Path | None, contact: bytes) -> None:
    loop = asyncio.get_running_loop()
    tls = None
    if certificate is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
    server = await loop.create_server(lambda: _Conversation(latency, contact), "127.0.0.1", 0, backlog=4_096, ssl=tls)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)  # whoever started us is gone when this ends


def _main() -> None:
    parser = argparse.ArgumentParser(description="A Cloud API that only answers.")
    parser.add_argument("latency", type=float, help="seconds")
    parser.add_argument("--certificate", type=Path, help="file with a key and a certificate: answer over TLS")
    parser.add_argument("--user-ids", action="store_true", help="name an id of each person beside the number")
    options = parser.parse_args()
    asyncio.run(_serve(options.latency, options.certificate, WITH_USER_ID if options.user_ids else CONTACT))


if __name__ == "__main__":
    _main()
