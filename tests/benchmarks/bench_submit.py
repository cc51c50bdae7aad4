"""How fast a submit with inline recipients is answered, and how much memory the web process takes for it."""

import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

BODY = {
    "name": "bench",
    "message": {"type": "text", "text": "Halo {{ name }} {{ code }}"},
    "scheduledAt": "2999-01-01T00:00:00Z",
}
MEGABYTE = 1024


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """A server without workers: its address, and the id of its web process."""
    directory = tmp_path_factory.mktemp("bench")
    command = [sys.executable, "-m", "host_litestar", "serve", "--port", "0", "--workers", "0"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    out = directory / "out"
    with out.open("w") as said, subprocess.Popen(command, cwd=directory, env=environment, stdout=said) as process:
        while "--message" not in out.read_text() and process.poll() is None:
            time.sleep(0.05)
        listed = subprocess.run(["pgrep", "-P", str(process.pid), "-f", " web "], capture_output=True, check=True)
        yield out.read_text().partition("API      ")[2].split()[0], int(listed.stdout)
        process.send_signal(signal.SIGTERM)


def write_body(path: Path, recipients: int) -> None:
    with path.open("w") as file:
        file.write(json.dumps(BODY)[:-1] + ', "recipients": [')
        for number in range(recipients):
            item = {"number": f"0812{number:08d}", "name": f"Budi {number}", "variables": {"code": f"A{number}"}}
            file.write(("," if number else "") + json.dumps(item))
        file.write("]}")


@pytest.mark.parametrize(
    ("recipients", "seconds", "megabytes"), [(100_000, 2, 200), (1_000_000, None, 200)], ids=["100,000", "1,000,000"]
)
def test_submit(web: tuple[str, int], tmp_path: Path, recipients: int, seconds: float | None, megabytes: int) -> None:
    address, pid = web
    write_body(tmp_path / "body.json", recipients)

    took = _submit(address, tmp_path / "body.json")
    peak = _peak_memory(pid)

    print(f"\n{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()}")
    print(f"submit of {recipients:,} recipients: {took:.2f} s, {recipients / took:,.0f} a second, peak {peak:.0f} MB")
    assert seconds is None or took < seconds
    assert peak < megabytes


def _submit(address: str, body: Path) -> float:
    start = time.perf_counter()
    with body.open("rb") as file:
        answer = httpx.post(
            f"{address}/broadcast", content=file, headers={"Content-Type": "application/json"}, timeout=600
        )
    assert answer.status_code == 202, answer.text
    return time.perf_counter() - start


def _peak_memory(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / MEGABYTE
