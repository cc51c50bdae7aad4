"""The stand-alone server under its supervisor, with real processes and real signals."""

import contextlib
import os
import re
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from host_litestar.standalone import address_of, check_access, environment_of, open_socket, start_lines
from wabroadcast_core import Settings, SetupError

Serve = Callable[..., Any]
Until = Callable[..., Any]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_start_lines_name_the_addresses_and_end_with_a_command_that_works(serve: Serve) -> None:
    server = serve()

    lines = server.output.read_text().splitlines()

    assert f"open {server.url} in a browser" in lines[0]
    assert "<h1>" in server.get("/").text
    assert server.get("/health/ready").status_code == 200
    assert server.get("/schema").status_code == 200
    assert any(str(server.directory / "data") in line for line in lines)
    assert any("no API key is set" in line for line in lines)
    sent = server.shell(lines[-1])
    assert (sent.returncode, "10 of 10 sent" in sent.stdout) == (0, True), sent.stdout + sent.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_a_signal_stops_everything_in_order(serve: Serve, until: Until, number: signal.Signals) -> None:
    server = serve("--workers", "2", as_installed=number is signal.SIGTERM)
    pids = server.children()

    code = server.stop(number)

    assert code == 0
    assert len(pids) == 4
    until(lambda: not any(map(is_alive, pids)), seconds=5)
    stops = [
        line.split(": ")[1].partition(" (")[0] for line in server.log.read_text().splitlines() if ": stopping " in line
    ]
    assert stops[0] == "stopping web"
    assert sorted(stops[1:]) == ["stopping worker 1", "stopping worker 2"]
    assert "killing" not in server.log.read_text()


def test_a_killed_supervisor_leaves_no_processes(serve: Serve, until: Until) -> None:
    server = serve(as_installed=True)
    pids = server.children()
    grandchildren = [child for pid in pids for child in server.children_of(pid)]

    server.stop(signal.SIGKILL)

    until(lambda: not any(map(is_alive, [*pids, *grandchildren])), seconds=20)


def test_crashed_processes_are_restarted(serve: Serve, until: Until) -> None:
    server = serve(as_installed=True)

    def crash(name: str) -> None:
        (pid,) = server.valkey() if name == "valkey" else server.children(name)
        os.kill(pid, signal.SIGKILL)
        until(lambda: not is_alive(pid))

    for name in ("worker 1", "web", "valkey"):
        crash(name)
        until(server.is_ready, seconds=60)
        sent = server.command("send", str(server.sample), "--message", f"after a crash of {name}")
        assert sent.returncode == 0, sent.stdout + sent.stderr + server.log.read_text()


def test_a_second_signal_stops_the_server_at_once(serve: Serve, until: Until) -> None:
    server = serve(WABROADCAST_STOP_SECONDS="60")
    server.command("send", str(server.sample), "--message", "hi", "--detach")
    (worker,) = server.children("worker 1")
    os.kill(worker, signal.SIGSTOP)  # it does not react to SIGTERM now
    server.process.send_signal(signal.SIGINT)
    until(lambda: "stopping worker 1" in server.log.read_text())

    code = server.stop(signal.SIGINT)

    assert code == 130
    assert not is_alive(worker)


def test_a_restarted_server_continues_its_broadcasts(serve: Serve, tmp_path: Path, until: Until) -> None:
    data = str(tmp_path / "data")
    first = serve("--workers", "0", "--data-dir", data)
    job_id = first.command("send", str(first.sample), "--message", "hi", "--detach").stdout.split()[1]
    first.stop(signal.SIGKILL)

    second = serve("--data-dir", data)

    until(lambda: second.get(f"/broadcast/{job_id}/status").json()["counts"]["sent"] == 10)


def test_a_port_in_use_is_reported_in_one_line(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = serve("--port", str(port))

    assert server.process.wait() == 2
    assert server.log.read_text().splitlines() == [
        f"wabroadcast: port {port} on 127.0.0.1 is in use: stop the program that uses it, or choose another with --port"
    ]


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        pytest.param(
            ["--host", "0.0.0.0"],
            {},
            "no API key is set, and other machines could reach the server on 0.0.0.0",
            id="public-without-keys",
        ),
        pytest.param(["--data-dir", "/dev/null/data"], {}, "cannot be written", id="unwritable-data"),
        pytest.param([], {"WABROADCAST_PORT": "x"}, "WABROADCAST_PORT", id="bad-setting"),
        pytest.param([], {"WABROADCAST_WORKERS": "-1"}, "WABROADCAST_WORKERS", id="setting-out-of-range"),
        pytest.param(["--host", "203.0.113.7", "--api-key", "k" * 16], {}, "203.0.113.7", id="not-our-address"),
        pytest.param([], {"WABROADCAST_REDIS_URL": "nonsense"}, "redis://", id="bad-redis-address"),
        pytest.param([], {"WABROADCAST_DATABASE_URL": "nonsense"}, "", id="bad-store-address"),
    ],
)
def test_a_fault_of_the_settings_is_reported_in_one_line(
    serve: Serve, arguments: list[str], environment: dict[str, str], words: str
) -> None:
    port = [] if "WABROADCAST_PORT" in environment else ["--port", "0"]

    server = serve(*port, *arguments, plain=True, **environment)

    assert server.process.wait() == 2
    lines = server.log.read_text().splitlines()
    assert len(lines) == 1, lines
    assert words in lines[0]


def test_the_error_about_a_redis_address_does_not_show_its_password(serve: Serve) -> None:
    server = serve("--port", "0", plain=True, WABROADCAST_REDIS_URL="redis://:s3cret#word@127.0.0.1:6379")

    assert server.process.wait() == 2
    log = server.log.read_text()
    assert "WABROADCAST_REDIS_URL" in log
    assert "s3cret" not in log


def test_a_server_whose_redis_is_away_says_so_in_a_sentence_and_fills_no_log(serve: Serve) -> None:
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # nothing listens there
        server = serve("--port", "0", WABROADCAST_REDIS_URL=f"redis://127.0.0.1:{taken.getsockname()[1]}/0")
        time.sleep(6)

    sentence = "Redis cannot be reached: start it, or correct WABROADCAST_REDIS_URL"
    log = server.log.read_text().splitlines()
    assert f"NOTHING IS SENT YET: {sentence}" in server.output.read_text()
    assert any(sentence in line for line in log)
    assert not [line for line in log if "huey" in line]
    assert len(log) <= 12, log


HOLDING_PLUGIN = """
import time
from pathlib import Path

from wabroadcast_core import Accepted, Capabilities, Model, hookimpl

MARK = Path(__file__).with_name("held")


class HoldingSender:
    kind = "holding"
    Settings = Model
    capabilities = Capabilities()

    def __init__(self, settings, context):
        pass

    async def send(self, message):
        if not MARK.exists():
            MARK.touch()
            time.sleep(3_600)
        return Accepted("1")


@hookimpl
def wab_senders():
    return [HoldingSender]
"""


def install_plugin(folder: Path, name: str, source: str) -> None:
    """Install a plugin into a folder of ``PYTHONPATH``."""
    information = folder / f"{name}-1.0.dist-info"
    information.mkdir(parents=True)
    (folder / f"{name}.py").write_text(source)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[wabroadcast]\n{name} = {name}\n")


def test_a_worker_whose_event_loop_a_plugin_holds_is_named_and_started_again(
    serve: Serve, until: Until, tmp_path: Path
) -> None:
    install_plugin(tmp_path / "plugins", "holds", HOLDING_PLUGIN)
    path = os.pathsep.join([str(tmp_path / "plugins"), os.environ.get("PYTHONPATH", "")])
    server = serve("--port", "0", PYTHONPATH=path, WABROADCAST_LOOP_RESTART_SECONDS="4")
    put = httpx.put(f"{server.url}/connections/main", json={"sender": "holding", "lanes": 1}, timeout=30)
    assert put.status_code == 200, put.text

    body = {
        "name": "Promo",
        "message": {"type": "text", "text": "Halo"},
        "connection": "main",
        "recipients": [{"number": f"+62812345678{place:02}"} for place in range(5)],
    }
    submitted = httpx.post(f"{server.url}/broadcast", json=body, timeout=30)
    assert submitted.status_code == 202, submitted.text
    job_id = submitted.json()["jobId"]

    def counts() -> dict[str, int]:
        return dict(server.get(f"/broadcast/{job_id}/status").json()["counts"])

    until(lambda: counts()["sent"] + counts()["unknown"] == 5, seconds=120)

    log = server.log.read_text()
    assert 1 <= counts()["unknown"] <= 5  # its request may have left
    assert re.search(r"is held by plugin holds at plugins/holds\.py:\d+ in send", log)
    assert "the event loop has been held for" in log
    assert "worker 1 has ended (exit status 1): restarting it" in log


def test_with_a_key_other_callers_are_refused_and_the_key_is_not_shown(serve: Serve) -> None:
    server = serve("--api-key", "s3cret-key")

    assert server.get("/broadcast/jobs").status_code == 401
    refused = server.command("jobs")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert server.command("jobs", WABROADCAST_API_KEY="s3cret-key").returncode == 0
    assert "s3cret-key" not in server.output.read_text() + server.log.read_text()


def test_a_worker_in_burst_sends_what_is_due_and_ends(serve: Serve, until: Until) -> None:
    server = serve("--workers", "0")
    job_id = server.command("send", str(server.sample), "--message", "hi", "--detach").stdout.split()[1]

    worker = server.command("worker", "--processes", "2", "--burst", "--data-dir", str(server.data))

    assert worker.returncode == 0, worker.stderr
    assert server.get(f"/broadcast/{job_id}/status").json()["counts"]["sent"] == 10


def test_settings_are_the_same_after_a_round_trip_through_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, api_keys=["a", "b"], stop_seconds=1.5, redis_url="redis://:pw@h/1")

    for name, text in environment_of(settings).items():
        monkeypatch.setenv(name, text)

    assert Settings() == settings


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:9"),
        ("0.0.0.0", "http://127.0.0.1:9"),
        ("::", "http://[::1]:9"),
        ("api.example", "http://api.example:9"),
    ],
)
def test_the_printed_address_can_be_reached_from_this_machine(host: str, address: str) -> None:
    assert address_of(host, 9) == address


def test_a_second_socket_on_a_port_is_refused() -> None:
    with open_socket("localhost", 0) as listener, pytest.raises(SetupError, match="is in use"):
        open_socket("localhost", listener.getsockname()[1])


def test_without_keys_only_a_name_of_this_machine_is_accepted(tmp_path: Path) -> None:
    check_access(Settings(data_dir=tmp_path, host="localhost"))

    with pytest.raises(SetupError, match="WABROADCAST_API_KEYS"):
        check_access(Settings(data_dir=tmp_path, host="192.0.2.1"))


def test_a_short_key_is_accepted_on_this_machine_only(tmp_path: Path) -> None:
    check_access(Settings(data_dir=tmp_path, host="127.0.0.1", api_keys=["a"]))
    check_access(Settings(data_dir=tmp_path, host="0.0.0.0", api_keys=["k" * 16]))

    with pytest.raises(SetupError, match="less than 16 characters"):
        check_access(Settings(data_dir=tmp_path, host="0.0.0.0", api_keys=["k" * 16, "a"]))


def test_the_first_command_does_not_show_a_key(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, api_keys=["s3cret"])

    lines = start_lines(settings, "http://127.0.0.1:3004", [], needs_key=True)

    command = lines.splitlines()[-1].strip()
    assert "s3cret" not in lines
    assert command.startswith("WABROADCAST_API_KEY=")


@pytest.mark.timed
def test_no_message_starts_after_the_signal_while_a_request_keeps_the_web_process(serve: Serve, until: Until) -> None:
    server = serve()
    numbers = [{"number": f"+6281200{number:05}"} for number in range(21_000, 22_000)]
    body = {"name": "B", "connection": "sandbox", "message": {"type": "text", "text": "hi"}, "recipients": numbers}
    rate = {"messages": 50, "perSeconds": 1}
    with httpx.Client(base_url=server.url, timeout=30) as client:
        client.put(
            "/connections/sandbox", json={"sender": "sandbox", "settings": {"latencySeconds": 0.1}, "rate": rate}
        )
        client.post("/broadcast", json=body).raise_for_status()
    until(lambda: _sent_since(server.data, 0.0) > 50)
    with _unfinished_upload(server.url):
        signalled_at = time.time()
        server.process.send_signal(signal.SIGTERM)
        time.sleep(3)
        started_later = _sent_since(server.data, signalled_at + 1)
    server.stop()

    assert started_later == 0


def _sent_since(data: Path, moment: float) -> int:
    with contextlib.closing(sqlite3.connect(data / "wabroadcast.db")) as conn:
        (count,) = conn.execute("SELECT count(*) FROM messages WHERE sent_at > ?", (moment,)).fetchone()
    return int(count)


@contextlib.contextmanager
def _unfinished_upload(url: str) -> Iterator[None]:
    """A request in progress, which the web process waits for when it stops."""
    place = httpx.URL(url)
    with socket.create_connection((place.host, place.port)) as client:
        head = "POST /uploads HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        client.sendall(f"{head}Content-Length: 100000\r\n\r\n--b\r\n".encode())
        yield


def test_open_opens_a_browser_or_says_that_there_is_none(serve: Serve, tmp_path: Path, until: Until) -> None:
    program = tmp_path / "browser"
    program.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    program.chmod(0o755)

    server = serve("--open", BROWSER=str(program))

    until((tmp_path / "opened").exists)
    assert (tmp_path / "opened").read_text().strip() == server.url
