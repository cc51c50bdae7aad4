"""How many receipts a second one web process takes, and how many a worker works through: nothing is lost."""

import hashlib
import hmac
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

RECEIPTS = 30_000
CLIENTS = 2
PIPELINES = 64  # connections of a client
SECRET = "bench"
CONNECTION = {
    "sender": "whatsapp-cloud",
    "settings": {"phoneNumberId": "1055", "accessToken": "bench", "appSecret": SECRET, "verifyToken": "bench"},
}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "host_litestar", "serve", "--port", "0"]
    out = tmp_path / "out"
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with out.open("w") as said, subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=said) as process:
        while "--message" not in out.read_text() and process.poll() is None:
            time.sleep(0.05)
        yield out.read_text().partition("API      ")[2].split()[0]
        process.send_signal(signal.SIGTERM)


def test_receipts(served: str) -> None:
    httpx.put(f"{served}/connections/cloud", json=CONNECTION).raise_for_status()
    job_id = _submit(served)

    began = time.perf_counter()
    with multiprocessing.Pool(CLIENTS) as pool:
        taken = sum(pool.starmap(_tell, [(served, job_id, part) for part in range(CLIENTS)]))
    told = time.perf_counter() - began
    while (counts := httpx.get(f"{served}/broadcast/{job_id}/status").json()["counts"])["delivered"] < RECEIPTS:
        assert time.perf_counter() - began < 300, counts
        time.sleep(0.1)
    worked = time.perf_counter() - began

    print(f"\nwebhooks: {taken / told:,.0f} receipts a second taken by one web process, {taken:,} in all, none refused")
    print(f"webhooks: all counted after {worked:.1f} s, {RECEIPTS / worked:,.0f} a second by one worker beside it")
    assert taken == RECEIPTS


def _submit(served: str) -> str:
    """A broadcast that was sent, by the sandbox without receipts of its own; the connection's calls settle it."""
    sandbox = {"sender": "sandbox", "settings": {"latencySeconds": 0, "receipts": False}}
    httpx.put(f"{served}/connections/silent", json=sandbox).raise_for_status()
    people = [{"number": f"0812{place:06d}99"} for place in range(RECEIPTS)]  # no ending that fails
    body = {"name": "bench", "connection": "silent", "message": {"type": "text", "text": "x"}, "recipients": people}
    job_id = str(httpx.post(f"{served}/broadcast", json=body, timeout=60).json()["jobId"])
    while httpx.get(f"{served}/broadcast/{job_id}/status").json()["status"] != "completed":
        time.sleep(0.1)
    return job_id


def _tell(served: str, job_id: str, part: int) -> int:
    """Make a share of the calls, each a request of its own, over many connections. :returns: how many were taken."""
    host, port = served.removeprefix("http://").split(":")
    places = list(range(part, RECEIPTS, CLIENTS))
    doors = [socket.create_connection((host, int(port))) for _ in range(PIPELINES)]
    taken = 0
    for start in range(0, len(places), PIPELINES):
        group = list(zip(doors, places[start : start + PIPELINES], strict=False))
        for door, place in group:
            door.sendall(_request(host, f"{job_id}-{place}"))
        for door, _ in group:
            taken += _is_taken(door)
    return taken


def _is_taken(door: socket.socket) -> bool:
    """Read one whole answer: head and body may come apart."""
    answer = b""
    while not answer.endswith(b"\r\n\r\nok"):
        piece = door.recv(4_096)
        answer += piece
        if not piece or (len(answer) > len("HTTP/1.1 200") and not answer.startswith(b"HTTP/1.1 200")):
            return False
    return True


def _request(host: str, message_id: str) -> bytes:
    status = {"id": f"wamid.{message_id}", "status": "delivered", "timestamp": "1700000000"}
    status["biz_opaque_callback_data"] = message_id
    value = {"metadata": {"phone_number_id": "1055"}, "statuses": [status]}
    body = json.dumps({"entry": [{"changes": [{"field": "messages", "value": value}]}]}).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    head = (
        f"POST /webhooks/cloud HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"X-Hub-Signature-256: sha256={signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
