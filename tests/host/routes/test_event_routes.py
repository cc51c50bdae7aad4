"""The event streams of real servers: what they send, who may read them, and how they end."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.forked_programs import start_program
from tests.host.event_reader import EventReader
from tests.host.installations import bearer, draft
from tests.host.programs import Served, clean_environment
from tests.nginx import PROGRAM, Nginx
from tests.waiting import wait_for
from wabroadcast_core.queue.embedded import EmbeddedValkey

pytestmark = pytest.mark.slow

KEY = "the-bootstrap-key-of-the-tests"
NEWS_SECONDS = 5.0  # in which an event comes, whatever is between the server and its client
STOP_SECONDS = 5.0  # in which a server stops, whatever streams are open


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    environment = {"WABROADCAST_API_KEYS": KEY}
    served = Served(tmp_path_factory.mktemp("keyed"), "--port", "0", "--workers", "1", environment=environment)
    yield served
    served.stop()


def _submit(url: str, *, count: int = 3, key: str | None = KEY, **fields: Any) -> str:
    recipients = [{"number": f"08120000{place:04d}", "name": "Budi"} for place in range(count)]
    headers = bearer(key) if key else {}
    answer = httpx.post(f"{url}/broadcast", json=draft(recipients=recipients, **fields), headers=headers, timeout=60)
    return str(answer.raise_for_status().json()["jobId"])


def _post(url: str, path: str, *, key: str | None = KEY, **fields: Any) -> Any:
    headers = bearer(key) if key else {}
    return httpx.post(f"{url}{path}", headers=headers, timeout=60, **fields).raise_for_status().json()


def _later(**fields: Any) -> dict[str, Any]:
    """Return the fields of a broadcast that does not start in this test."""
    return {"scheduledAt": "2030-01-01T00:00:00Z", **fields}


def test_a_stream_follows_a_broadcast_to_its_end_and_stays_open(keyed: Served) -> None:
    job_id = _submit(keyed.url, count=60, rate={"messages": 20})

    with EventReader(f"{keyed.url}/broadcast/{job_id}/events", key=KEY) as reader:
        reader.await_status("completed")
        status = httpx.get(f"{keyed.url}/broadcast/{job_id}/status", headers=bearer(KEY), timeout=60).json()
        wait_for(lambda: reader.events[-1]["broadcast"]["counts"]["sent"] == 60)
        span = reader.moments[-1] - reader.moments[0]

        assert reader.response.headers["content-type"].startswith("text/event-stream")
        assert reader.response.headers["cache-control"] == "no-store"
        assert reader.response.headers["x-accel-buffering"] == "no"
        assert reader.events[-1]["broadcast"].keys() == status.keys()
        assert reader.ids == [event["broadcast"]["version"] for event in reader.events]
        assert 2 < len(reader.events) <= 2 * span + 2
        assert all(sum(_states(event)) == event["broadcast"]["total"] for event in reader.events)
        assert not reader.has_ended.is_set()


def _states(event: dict[str, Any]) -> list[int]:
    return [count for name, count in event["broadcast"]["counts"].items() if name not in {"delivered", "read"}]


@pytest.fixture
def nginx(keyed: Served, tmp_path: Path) -> Iterator[Nginx]:
    """nginx before the server, with TLS and its default buffering."""
    if PROGRAM is None:
        pytest.skip("nginx is not installed (Debian: nginx)")
    running = Nginx(tmp_path, keyed.url)
    yield running
    running.stop()


@pytest.mark.timed
def test_news_passes_nginx_with_tls_and_default_buffering(keyed: Served, nginx: Nginx) -> None:
    job_id = _submit(keyed.url, **_later())

    url = f"{nginx.url}/broadcast/{job_id}/events"
    with EventReader(url, key=KEY, certificates=nginx.certificates) as reader:
        first = reader.await_status("scheduled")
        _post(keyed.url, f"/broadcast/pause/{job_id}")
        news = reader.await_status("paused")

        assert "x-accel-buffering" not in reader.response.headers  # nginx has read it
        assert not reader.has_ended.is_set()
    assert max(first, news) < NEWS_SECONDS


def test_the_overview_shows_what_runs(keyed: Served) -> None:
    job_id = _submit(keyed.url, name="Ramadan", sendWindow=_closed_now())

    with EventReader(f"{keyed.url}/events", key=KEY) as reader:
        wait_for(lambda: job_id in [shown["jobId"] for shown in reader.events[-1:] and reader.events[-1]["broadcasts"]])
        [shown] = [one for one in reader.events[-1]["broadcasts"] if one["jobId"] == job_id]
        _post(keyed.url, f"/broadcast/cancel/{job_id}")
        wait_for(lambda: "cancelled" in [one["status"] for one in reader.events[-1]["broadcasts"]])

    assert shown["name"] == "Ramadan"
    assert "counts" in shown


def _closed_now() -> dict[str, str]:
    hour = time.gmtime().tm_hour
    return {"from": f"{(hour + 2) % 24:02d}:00", "to": f"{(hour + 3) % 24:02d}:00", "timezone": "UTC"}


def test_a_stream_that_cannot_begin_is_a_problem(keyed: Served) -> None:
    job_id = _submit(keyed.url, **_later())
    url = f"{keyed.url}/broadcast/{job_id}/events"

    missing = httpx.get(f"{keyed.url}/broadcast/none/events", headers=bearer(KEY), timeout=30)
    keyless = httpx.get(url, timeout=30)
    head = httpx.head(url, headers=bearer(KEY), timeout=30)
    head_of_missing = httpx.head(f"{keyed.url}/broadcast/none/events", headers=bearer(KEY), timeout=30)

    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert (keyless.status_code, keyless.json()["code"]) == (401, "unauthorized")
    assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert head_of_missing.status_code == 404


def test_a_client_that_has_the_present_event_does_not_get_it_again(keyed: Served) -> None:
    job_id = _submit(keyed.url, **_later())
    url = f"{keyed.url}/broadcast/{job_id}/events"
    with EventReader(url, key=KEY) as first:
        first.await_status("scheduled")

    with EventReader(url, key=KEY, last_id=first.ids[-1]) as again, EventReader(url, key=KEY, last_id="x") as other:
        other.await_status("scheduled")
        _post(keyed.url, f"/broadcast/cancel/{job_id}")
        again.await_status("cancelled")

    assert [event["broadcast"]["status"] for event in again.events] == ["cancelled"]


def test_a_revoked_key_ends_its_streams_and_no_others(keyed: Served) -> None:
    job_id = _submit(keyed.url, **_later())
    key = _post(keyed.url, "/keys", json={"name": "screen", "scopes": ["read"]})["key"]
    url = f"{keyed.url}/broadcast/{job_id}/events"

    with EventReader(url, key=key) as revoked, EventReader(url, key=KEY) as other:
        revoked.await_status("scheduled")
        httpx.delete(f"{keyed.url}/keys/screen", headers=bearer(KEY), timeout=30).raise_for_status()

        assert revoked.has_ended.wait(10)
        assert not other.has_ended.is_set()
    assert httpx.get(url, headers=bearer(key), timeout=30).status_code == 401


def test_the_end_of_a_session_or_of_its_key_ends_its_streams_and_no_others(keyed: Served) -> None:
    url = f"{keyed.url}/events"
    tablet = _post(keyed.url, "/keys", json={"name": "tablet", "scopes": ["read"]})["key"]
    (ended, csrf), (keyless, _), (lasting, _) = (_sign_in(keyed.url, key) for key in (KEY, tablet, KEY))

    with (
        EventReader(url, cookie=ended) as of_ended,
        EventReader(url, cookie=keyless) as of_keyless,
        EventReader(url, cookie=lasting) as of_lasting,
    ):
        wait_for(lambda: of_ended.events and of_keyless.events and of_lasting.events)
        signed_out = httpx.delete(
            f"{keyed.url}/ui/session", headers={"Cookie": ended, "X-CSRF-Token": csrf}, timeout=30
        )
        assert signed_out.status_code == 204
        assert of_ended.has_ended.wait(10)
        assert not of_keyless.has_ended.is_set()

        httpx.delete(f"{keyed.url}/keys/tablet", headers=bearer(KEY), timeout=30).raise_for_status()
        assert of_keyless.has_ended.wait(10)
        assert not of_lasting.has_ended.is_set()


def _sign_in(url: str, key: str) -> tuple[str, str]:
    """Sign in, and return the cookie of the session and the token of its changing calls."""
    answer = httpx.post(f"{url}/ui/session", json={"key": key}, timeout=30).raise_for_status()
    return answer.headers["set-cookie"].partition(";")[0], answer.json()["csrfToken"]


@pytest.mark.timed
def test_two_web_processes_show_each_others_changes_under_the_same_ids(
    serve: Callable[..., Served], tmp_path: Path, valkey: EmbeddedValkey
) -> None:
    shared = {
        "WABROADCAST_DATA_DIR": str(tmp_path / "shared"),
        "WABROADCAST_REDIS_URL": valkey.url,
        "WABROADCAST_NAMESPACE": f"e{abs(hash(tmp_path))}",
    }
    one, two = serve("--workers", "0", **shared), serve("--workers", "0", **shared)
    job_id = _submit(one.url, key=None, **_later())
    path = f"/broadcast/{job_id}/events"

    with EventReader(one.url + path) as first, EventReader(two.url + path) as second:
        first.await_status("scheduled")
        second.await_status("scheduled")
        with EventReader(two.url + path, last_id=first.ids[-1]) as moved:
            _post(one.url, f"/broadcast/cancel/{job_id}", key=None)
            took = second.await_status("cancelled")
            moved.await_status("cancelled")
            first.await_status("cancelled")

        assert first.ids == second.ids
        assert moved.ids == second.ids[1:]
    assert took < 2


@pytest.mark.timed
def test_a_server_stops_at_once_with_open_streams(serve: Callable[..., Served]) -> None:
    served = serve("--workers", "0")
    job_id = _submit(served.url, key=None, **_later())
    readers = [EventReader(f"{served.url}/broadcast/{job_id}/events") for _ in range(5)]
    for reader in readers:
        reader.await_status("scheduled")

    began = time.monotonic()
    code = served.stop()
    took = time.monotonic() - began
    ended = [reader.has_ended.wait(5) for reader in readers]
    for reader in readers:
        reader.__exit__(None, None, None)

    assert took < STOP_SECONDS
    assert code == 0
    assert ended == [True] * 5
    assert "ERROR" not in served.log.read_text()


SHOP = """
from litestar import Litestar
from host_litestar.plugin import WABroadcastPlugin
from wabroadcast_core import Settings
app = Litestar([], plugins=[WABroadcastPlugin(Settings(), path="/messages")])
"""


@pytest.mark.timed
def test_a_stream_of_a_mounted_api_does_not_hold_up_the_stop_of_uvicorn(tmp_path: Path, valkey: EmbeddedValkey) -> None:
    (tmp_path / "shop.py").write_text(SHOP, encoding="utf-8")
    with (tmp_path / "log").open("wb") as log:
        environment = clean_environment(WABROADCAST_DATA_DIR=str(tmp_path / "data"), WABROADCAST_REDIS_URL=valkey.url)
        environment |= {"WABROADCAST_NAMESPACE": f"m{abs(hash(tmp_path))}"}
        line = ["uvicorn", "shop:app", "--port", "0"]
        process = start_program(line, directory=tmp_path, environment=environment, stdout=log, stderr=log)
    try:
        found = wait_for(lambda: [line for line in _lines(tmp_path / "log") if "running on" in line], seconds=60)[0]
        url = next(word for word in found.split() if word.startswith("http")) + "/messages"
        job_id = _submit(url, key=None, **_later())
        with EventReader(f"{url}/broadcast/{job_id}/events") as reader:
            reader.await_status("scheduled")
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
            took = time.monotonic() - began

            assert reader.has_ended.wait(5)
    finally:
        process.kill()
        process.wait()

    assert took < STOP_SECONDS
    assert "Traceback" not in "".join(_lines(tmp_path / "log"))


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()
