"""The commands, each in a process of its own, against a real server."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from host_litestar.cli import run
from host_litestar.cli.client import _read_response, trusted_by
from host_litestar.cli.errors import RefusedError
from host_litestar.cli.progress import describe_seconds
from tests.host.cli.terminal import run_in_terminal
from tests.host.programs import run_command
from tests.ports import free_port

TEXT = "Halo {{ name }}, kode {{ kode }}"


def write_contacts(directory: Path, *rows: str) -> Path:
    file = directory / "kontak.csv"
    file.write_text("\ufeff" + "\n".join(["Nama;No. HP;Kode", *rows]) + "\n", encoding="utf-8")
    return file


def test_send_delivers_and_prints_the_result(server: Any) -> None:
    done = server.command("send", str(server.sample), "-m", TEXT)

    assert (done.returncode, done.stderr) == (0, "")
    assert "10 of 10 sent" in done.stdout
    assert "\x1b" not in done.stdout


def test_send_lists_the_messages_that_were_not_sent_and_exits_with_1(server: Any, tmp_path: Path) -> None:
    file = write_contacts(
        tmp_path, "Budi;0812-0000-1001;A", "Budi lagi;+62 812-0000-1001;B", "Salah;12;C", "Tolak;+18675550103;D"
    )

    done = server.command("send", str(file), "--message", TEXT)

    assert done.returncode == 1
    assert "1 of 4 sent" in done.stdout
    for words in ("duplicate", "invalid_number", "too short", "sandbox_rejected", "row 4, 12"):
        assert words in done.stdout


def test_a_workbook_can_be_sent_to_with_a_message_from_a_file(server: Any, tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["Nama", "No. HP", "Kode"], ["Budi", 6281200001001.0, "A1"], ["Siti", "0812-0000-1002", 2]):
        sheet.append(row)
    book.save(tmp_path / "kontak.xlsx")
    (tmp_path / "pesan.txt").write_text(TEXT, encoding="utf-8")

    done = server.command("send", str(tmp_path / "kontak.xlsx"), "-m", f"@{tmp_path / 'pesan.txt'}")

    assert done.returncode == 0, done.stdout
    assert "2 of 2 sent" in done.stdout


def test_send_with_local_needs_no_server(tmp_path: Path, command: Any, sample: Path) -> None:
    done = command(
        "send", str(sample), "-m", TEXT, "--local", cwd=tmp_path, WABROADCAST_URL="http://127.0.0.1:1"
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 of 10 sent" in done.stdout
    assert (tmp_path / "wabroadcast-data" / "wabroadcast.db").exists()


def test_a_broadcast_is_paused_resumed_cancelled_and_shown(server: Any) -> None:
    sent = server.command("send", str(server.sample), "-m", "hi", "--at", "2999-01-01T00:00+07:00", "--detach")
    job_id = sent.stdout.split()[1]

    answers = [server.command(verb, job_id) for verb in ("pause", "pause", "resume", "cancel")]

    assert "starts at 2999-01-01 00:00 Asia/Jakarta (+07:00)" in sent.stdout
    assert [answer.returncode for answer in answers] == [0, 2, 0, 0]
    assert answers[1].stderr.startswith("wabroadcast: ")
    assert f"{job_id}\tcancelled" in server.command("jobs").stdout
    assert "cancelled" in server.command("status", job_id).stdout
    assert '"status": "cancelled"' in server.command("status", job_id, "--json").stdout


def test_failed_messages_are_retried(server: Any, tmp_path: Path) -> None:
    file = write_contacts(tmp_path, "Tolak;+18675550103;D")
    job_id = server.command("send", str(file), "-m", "hi").stdout.split()[1]

    again = server.command("retry", job_id)
    watched = server.command("status", job_id, "--watch")

    assert again.returncode == 0, again.stderr
    assert watched.returncode == 1
    assert "sandbox_rejected" in watched.stdout


def test_a_file_is_imported_and_its_rejected_rows_are_listed(server: Any, tmp_path: Path) -> None:
    file = write_contacts(tmp_path, "Budi;0812-0000-1001;A", "Salah;12;C")

    done = server.command("import", str(file), "--tag", "vip")

    assert done.returncode == 1, done.stderr
    assert "1 created" in done.stdout
    assert "row 3" in done.stdout


def test_connections_and_plugins_are_listed(server: Any) -> None:
    paused = server.command("connections", "pause", "sandbox")
    listed = server.command("connections")
    resumed = server.command("connections", "resume", "sandbox")

    assert (paused.returncode, resumed.returncode) == (0, 0), paused.stderr + resumed.stderr
    assert "sandbox\tsandbox\tpaused" in listed.stdout
    assert "builtin.sandbox\tactive" in server.command("plugins").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["send", "nothing.csv", "-m", "x"], "nothing.csv", id="no-file"),
        pytest.param(["send", __file__], "--message", id="no-message"),
        pytest.param(["send", "-m", "x"], "no audience", id="no-audience"),
        pytest.param(["send", __file__, "-m", "x", "--tag", "vip"], "two audiences", id="two-audiences"),
        pytest.param(["send", "--everyone", "--all", "-m", "x"], "--all", id="match-without-tags"),
        pytest.param(["send", __file__, "--without", "vip", "-m", "x"], "--without", id="without-in-a-file"),
        pytest.param(["send", "--tag", "nowhere", "-m", "x"], "no tag 'nowhere'", id="unknown-tag"),
        pytest.param(["send", __file__, "--field", "a=b", "-m", "x"], "--source", id="field-without-source"),
        pytest.param(["send", "--source", "nosuch", "-m", "x"], "nosuch", id="unknown-source"),
        pytest.param(["send", "--source", "database", "--field", "query", "-m", "x"], "NAME=VALUE", id="bad-field"),
        pytest.param(["send", __file__, "-m", "x", "--template", "t"], "several messages", id="two-messages"),
        pytest.param(["send", __file__, "-m", "x", "--audio", __file__], "no caption", id="audio-with-caption"),
        pytest.param(["send", __file__, "--template", "t"], "--language", id="template-without-language"),
        pytest.param(["send", __file__, "-m", "x", "--value", "y"], "--template", id="value-without-template"),
        pytest.param(["send", __file__, "--image", "no.png"], "no.png", id="no-media-file"),
        pytest.param(["send", __file__, "-m", "x", "--window", "8-20"], "08:00-20:00", id="bad-window"),
        pytest.param(["send", __file__, "-m", "x", "--batch", "0"], "1000/10m", id="bad-batch"),
        pytest.param(["connections", "kinds", "nosuch"], "whatsapp-cloud", id="unknown-kind"),
        pytest.param(["connections", "default", "nowhere"], "nowhere", id="no-default"),
        pytest.param(["send", __file__, "-m", "@nothing.txt"], "nothing.txt", id="no-message-file"),
        pytest.param(["send", __file__, "-m", "x", "--rate", "fast"], "fast", id="bad-rate"),
        pytest.param(["send", __file__, "-m", "x", "--at", "soon"], "soon", id="bad-time"),
        pytest.param(["send", __file__, "-m", "{{ x", "--name", "x"], "line 1", id="bad-template"),
        pytest.param(["send", __file__, "-m", "x", "-c", "nowhere"], "nowhere", id="unknown-connection"),
        pytest.param(["send", "--source", "x", "--field", "a:=NaN", "-m", "x"], "a number is infinite", id="nan"),
        pytest.param(["send", __file__, "-m", "x", "--rate", "1/inf"], "a number is infinite", id="infinite-rate"),
        pytest.param(["send", __file__, "-m", "caf\udce9"], "'\\udce9' cannot be written in utf-8", id="latin-1"),
        pytest.param(["contacts", "show", "\udce9"], "cannot be written in utf-8", id="latin-1-in-a-path"),
        pytest.param(["status", "none"], "none", id="unknown-job"),
        pytest.param(["pause", "../../x"], "no job id", id="odd-job"),
        pytest.param(["frobnicate"], "frobnicate", id="unknown-command"),
        pytest.param(["jobs", "--page", "0"], "--page", id="bad-page"),
    ],
)
def test_an_error_is_one_line_and_exit_status_2(server: Any, arguments: list[str], words: str) -> None:
    done = server.command(*arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("wabroadcast: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


def test_without_a_server_the_error_names_the_command_that_starts_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WABROADCAST_URL", "http://127.0.0.1:1")

    code = run(["jobs"])

    assert code == 2
    assert "wabroadcast serve" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["localhost:{}", "127.0.0.1:{}", " http://localhost:{}/ ", "LOCALHOST:{}/"])
def test_an_address_of_this_machine_needs_no_scheme(server: Any, address: str) -> None:
    port = server.url.rpartition(":")[2]

    done = run_command("jobs", cwd=server.directory, WABROADCAST_URL=address.format(port))

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "address",
    ["nonsense", "wa.example:3004", "http:/localhost", "http://", "ftp://x", "http://[", "http://127.0.0.1:99999"],
)
def test_an_invalid_address_is_reported_in_one_line(
    address: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WABROADCAST_URL", address)

    code = run(["jobs"])

    assert code == 2
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert "WABROADCAST_URL" in shown


@pytest.mark.parametrize(
    "address",
    [
        "http://ana:s3cret@127.0.0.1:1",
        "http://ana:s3cret@127.0.0.1:99999",
        "http://ana:s3cret#@127.0.0.1",
        "ana:s3cret@127.0.0.1",
        "ftp://ana:s3cret@127.0.0.1",
        "http://ana:s3/cr@et@127.0.0.1:1",
        "http://ana:s3cret@[",
    ],
)
def test_no_error_shows_a_password_of_the_address(
    address: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WABROADCAST_URL", address)

    assert run(["jobs"]) == 2
    shown = capsys.readouterr().err
    assert "WABROADCAST_URL" in shown
    assert not any(part in shown for part in ("ana", "s3", "cr@et"))


@pytest.mark.parametrize("status", [200, 404])
def test_the_answer_of_another_server_is_reported_without_the_password(status: int) -> None:
    request = httpx.Request("GET", "http://ana:s3cret@proxy.example/broadcast/jobs")

    with pytest.raises(RefusedError) as refused:
        _read_response(httpx.Response(status, text="<html>", request=request))

    assert str(refused.value).startswith(f"http://proxy.example/broadcast/jobs has the status {status}")


@pytest.mark.parametrize(
    "body",
    [
        '{"status": "ok"}',
        "[]",
        '"ok"',
        "null",
        "",
        '{"items": [{"id": 1}]}',
        '{"page": 1, "items": [{}], "total": 1}',
        '{"items": null}',
        '{"items": [1, "a"]}',
    ],
)
@pytest.mark.parametrize(
    "arguments",
    [
        ["jobs"],
        ["status", "last"],
        ["contacts", "list"],
        ["blacklist", "add", "081234567801"],
        ["connections"],
        ["import", __file__],
        ["message", "081234567801"],
        ["doctor", "--remote"],
    ],
)
def test_json_of_another_server_is_one_clear_error(
    stranger: Callable[[str], str],
    arguments: list[str],
    body: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WABROADCAST_URL", stranger(body))

    code = run(arguments)

    shown = capsys.readouterr()
    assert code in {1, 2}
    assert "check that WABROADCAST_URL is a wabroadcast server" in shown.err + shown.out


@pytest.fixture
def stranger() -> Iterator[Callable[[str], str]]:
    """A function that starts an HTTP server with one answer for all requests, and returns its address."""
    with ExitStack() as servers:

        def start(body: str) -> str:
            class Handler(BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    self.rfile.read(int(self.headers.get("content-length", 0)))
                    self.send_response(200)
                    self.send_header("content-length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body.encode())

                do_POST = do_GET  # noqa: N815 - the name that the server calls

                def log_message(self, *_: object) -> None: ...

            server = servers.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
            Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
            servers.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}"

        yield start


def test_a_terminal_shows_a_progress_bar(server: Any) -> None:
    code, output = run_in_terminal(server, "send", str(server.sample), "-m", TEXT)

    assert code == 0
    assert "━" in output
    assert "100%" in output
    assert "10 of 10 sent" in output


@pytest.mark.parametrize("arguments", [["--help"], ["send", "--help"], ["serve", "-h"], ["--version"]])
def test_help_exits_with_0(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (7_260, "2 h 1 min"), (-5, "0 s")]
)
def test_a_duration_is_written_for_people(seconds: float, words: str) -> None:
    assert describe_seconds(seconds) == words


def test_a_preview_shows_the_messages_and_sends_nothing(server: Any, tmp_path: Path) -> None:
    file = write_contacts(tmp_path, "Budi;0812-0000-1001;A", "Siti;081200001002;", "Salah;12;C")

    done = server.command("send", str(file), "-m", TEXT, "--name", "preview only", "--preview")
    jobs = server.command("jobs", "--search", "preview only")

    assert done.returncode == 1
    assert "1 of 3 recipients would get a message" in done.stdout
    assert "Halo Budi, kode A" in done.stdout
    for words in ("invalid_number", "missing_variable", "kode"):
        assert words in done.stdout
    assert "preview only" not in jobs.stdout


def test_a_connection_is_created_tested_and_deleted(server: Any, tmp_path: Path) -> None:
    settings = tmp_path / "shop.json"
    settings.write_text('{"sender": "sandbox", "settings": {"latencySeconds": 0.01}}', encoding="utf-8")

    made = server.command("connections", "set", "shop", str(settings))
    shown = server.command("connections", "show", "shop")
    tested = server.command("connections", "test", "shop")
    gone = server.command("connections", "delete", "shop")
    kinds = server.command("connections", "kinds")

    assert [each.returncode for each in (made, shown, tested, gone, kinds)] == [0, 0, 0, 0, 0]
    assert "shop (sandbox) is active" in made.stdout
    assert "its webhook is /webhooks/" not in made.stdout
    assert '"latencySeconds": 0.01' in shown.stdout
    assert "shop is up" in tested.stdout
    assert "latencySeconds" in kinds.stdout
    assert server.command("connections", "show", "shop").returncode == 2


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        pytest.param(
            "sandbox", ["+1 867 555 0103: the message is rejected", "receipts\tboolean\t\ttrue"], id="sandbox"
        ),
        pytest.param("whatsapp-cloud", ["accessToken\tstring\trequired secret\t\t"], id="secret"),
        pytest.param(
            "http",
            [
                "secrets\tobject\tsecret\t\t",
                "baseUrl\tstring\trequired\t\t",
                "send.providerId\tstring\t\t\tPath of the API's message id in the answer.",
                "failures[].optOut\tboolean\t\tfalse\t",
                "webhook.proof.kind\thmac\trequired\t\t",
                "checkConnection\tobject\t\t\tThe request that checks whether the account can send. Its texts are",
            ],
            id="objects",
        ),
    ],
)
def test_the_settings_of_a_kind_are_listed(server: Any, kind: str, rows: list[str]) -> None:
    shown = server.command("connections", "kinds", kind)

    assert shown.returncode == 0
    assert [row for row in rows if f"\n{row}" not in shown.stdout] == []


@pytest.mark.parametrize(
    ("is_named", "options", "code", "note"),
    [
        pytest.param(True, ["--local"], 0, "", id="local"),
        pytest.param(False, [], 0, "no server runs here", id="no-server-here"),
        pytest.param(True, [], 2, "no server answers", id="server-away"),
    ],
)
def test_the_kinds_of_sender_are_shown_without_a_server(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    is_named: bool,  # noqa: FBT001 - a case
    options: list[str],
    code: int,
    note: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("host_litestar.cli.client.DEFAULT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("WABROADCAST_URL", f"http://127.0.0.1:{free_port()}" if is_named else "")

    done = run(["connections", "kinds", "sandbox", *options])

    output = capsys.readouterr()
    assert done == code
    assert ("\nlatencySeconds\tnumber\t" in output.out) is (code == 0)
    assert note in output.err
    assert list(tmp_path.iterdir()) == []  # no store was made


def test_a_default_connection_is_chosen_and_a_used_one_deleted(server: Any, tmp_path: Path) -> None:
    settings = tmp_path / "second.json"
    settings.write_text('{"sender": "sandbox"}', encoding="utf-8")
    made = server.command("connections", "set", "second", str(settings))

    unclear = server.command("send", str(server.sample), "-m", TEXT)
    chosen = server.command("connections", "default", "second")
    listed = server.command("connections")
    sent = server.command("send", str(server.sample), "-m", TEXT)
    deleted = server.command("connections", "delete", "second")

    assert (unclear.returncode, chosen.returncode, sent.returncode, deleted.returncode) == (2, 0, 0, 0)
    assert "there is no default connection now: choose one with `wabroadcast connections default NAME`" in made.stdout
    assert "connections default" in unclear.stderr
    assert "second\tsandbox\tactive\t\tdefault" in listed.stdout
    assert "second" not in server.command("connections").stdout


def test_a_connection_file_that_is_not_json_is_named_in_the_error(server: Any, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")

    done = server.command("connections", "set", "shop", str(tmp_path / "broken.json"))

    assert done.returncode == 2
    assert "broken.json is not JSON" in done.stderr


@pytest.mark.parametrize("url", ["http://127.0.0.1:3004", "HTTP://wa.example"])
def test_a_client_without_tls_trusts_no_certificate(url: str) -> None:
    trusted = trusted_by(url)

    assert isinstance(trusted, ssl.SSLContext)
    assert (trusted.verify_mode, trusted.check_hostname) == (ssl.CERT_REQUIRED, True)  # so that no call is unverified
    assert trusted.get_ca_certs() == []


@pytest.mark.parametrize("url", ["https://wa.example", "HTTPS://wa.example", "wa.example"])
def test_a_client_with_tls_trusts_the_usual_authorities(url: str) -> None:
    assert trusted_by(url) is True
