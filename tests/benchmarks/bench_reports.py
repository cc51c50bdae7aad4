"""The report of a broadcast with a million messages on SQLite: rows a second, and memory.

``WABROADCAST_BENCH_MESSAGES`` sets another amount.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.queue.embedded import EmbeddedValkey

pytestmark = pytest.mark.timeout(900)
MESSAGES = int(os.environ.get("WABROADCAST_BENCH_MESSAGES", "1000000"))
WANTED = {"csv": 100_000, "xlsx": 20_000}  # rows a second
MEGABYTES = 50  # resident, at most, beside what the process has before

# Fill the messages of the broadcast :key: nearly all sent, delivered and read, one in fifty failed.
FILL = text(
    """
    WITH RECURSIVE places(place) AS (SELECT 0 UNION ALL SELECT place + 1 FROM places WHERE place + 1 < :amount)
    INSERT INTO messages (id, broadcast_id, batch, route, status, number, name, variables, attempts, connection_id,
      provider_id, reason, detail, sent_at, delivered_at, read_at)
    SELECT (:key << 32) | place, :key, place / 1000, 0, CASE WHEN place % 50 THEN 'sent' ELSE 'failed' END,
      '+62812' || printf('%08d', place), 'Orang ' || place, '{"kode":"A' || place || '"}', 1, 1,
      CASE WHEN place % 50 THEN 'wamid.HBgNNjI4MTIwMDAwMDAwFQIAERgS' || place END,
      CASE WHEN place % 50 THEN NULL ELSE '131026' END,
      CASE WHEN place % 50 THEN NULL ELSE 'Message undeliverable' END,
      1.8e9 + place / 80.0, 1.8e9 + place / 80.0 + place % 97,
      CASE WHEN place % 3 THEN 1.8e9 + place / 80.0 + place % 7919 END
    FROM places
    """
)

CHILD = """
import json, sys, time
from pathlib import Path
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster

directory, redis_url, job_id, file_format = sys.argv[1:]

def peak():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024

with Broadcaster(Settings(data_dir=directory, redis_url=redis_url, namespace="bench")) as broadcaster:
    before, began, cpu_began = peak(), time.perf_counter(), time.process_time()
    size = sum(map(len, broadcaster.report(job_id, file_format)))
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
print(json.dumps({"size": size, "seconds": seconds, "cpu": cpu_seconds, "megabytes": peak() - before}))
"""


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, valkey: EmbeddedValkey) -> list[str]:
    """The arguments of the child: a store with a broadcast of so many messages."""
    directory: Path = tmp_path_factory.mktemp("full")
    with Broadcaster(Settings(data_dir=directory, redis_url=valkey.url, namespace="bench")) as broadcaster:
        draft = {"name": "Promo", "message": {"type": "text", "text": "Halo"}, "scheduledAt": "2099-01-01T00:00:00Z"}
        job_id = broadcaster.submit(draft, recipients=[{"number": "081200000000"}]).job_id
        with broadcaster.context.database.write() as conn:
            key = conn.execute(text("SELECT id FROM broadcasts")).scalar_one()
            conn.execute(FILL, {"key": key, "amount": MESSAGES})
    return [str(directory), valkey.url, job_id]


@pytest.mark.parametrize("file_format", WANTED)
def test_a_report(full: list[str], file_format: str) -> None:
    """The memory is judged; the speed is shown."""
    command = [sys.executable, "-c", CHILD, *full, file_format]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout)

    speed = f"{MESSAGES / found['seconds']:,.0f} rows a second (wanted {WANTED[file_format]:,})"
    print(f"\n{file_format}: {speed}, {MESSAGES / found['cpu']:,.0f} a second of processor time")
    print(f"{file_format}: {found['size'] / 1e6:,.0f} MB, {found['megabytes']:.0f} MB more resident")
    assert found["megabytes"] < MEGABYTES
