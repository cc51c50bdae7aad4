"""The guide to running the server and its deployment files name only settings and commands that exist, and nginx works
as configured there."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import httpx
import pytest
import yaml  # type: ignore[import-untyped]  # it has no types

import host_litestar
from host_litestar.cli import cli
from tests.host.programs import Served
from tests.nginx import PROGRAM, Nginx
from wabroadcast_core import Settings

HOST = Path(host_litestar.__file__).parent
DEPLOY = HOST / "deploy"
GUIDE = (
    (HOST / "README.md").read_text(encoding="utf-8").partition("## Running and growing it\n")[2].partition("\n## ")[0]
)
FILES = {path.name: path.read_text(encoding="utf-8") for path in DEPLOY.iterdir() if path.suffix != ".json"}
UNITS = sorted(DEPLOY.glob("*.service"))
KEY = "the-bootstrap-key-of-the-tests"
SETTING = re.compile(r"\bWABROADCAST_([A-Z_]+)")
COMMAND = re.compile(r"(?:`|=/opt/wabroadcast/\.venv/bin/|command: )(wabroadcast [^`\n]+)")
OTHERS = {"URL", "API_KEY"}  # of the client commands


def commands() -> set[str]:
    listed = [
        " ".join(re.findall(r'"(.+?)"', line)) for line in re.findall(r"^CMD (.*)", FILES["Dockerfile"], re.MULTILINE)
    ]
    return {*listed, *(found for text in (GUIDE, *FILES.values()) for found in COMMAND.findall(text))}


def fault_of(line: str) -> str | None:
    """Return the first word of a command line that the program does not know."""
    _, *words = shlex.split(line)
    found: click.Command = cli
    known: set[str] = set()
    for word in words:
        if isinstance(found, click.Group):
            command = found.get_command(click.Context(found), word)
            if command is None:
                return word
            found, known = command, {name for each in command.params for name in each.opts}
        elif word.startswith("-") and word not in known:
            return word
    return None


def test_each_setting_exists() -> None:
    named = {name for text in (GUIDE, *FILES.values()) for name in SETTING.findall(text)}

    assert len(named) > 8
    assert {name for name in named - OTHERS if name.lower() not in Settings.model_fields} == set()


@pytest.mark.parametrize("line", sorted(commands()))
def test_each_command_exists(line: str) -> None:
    assert fault_of(line) is None


def test_an_unknown_command_or_option_would_be_found() -> None:
    assert fault_of("wabroadcast serve --wrokers 0") == "--wrokers"
    assert fault_of("wabroadcast blacklist lits") == "lits"


def test_the_guide_names_each_file_and_each_file_exists() -> None:
    named = set(re.findall(r"`([\w@-]+(?:\.\w+)?)`", GUIDE))

    assert FILES.keys() <= named


def test_the_services_of_the_composition_use_what_it_defines() -> None:
    found = yaml.safe_load(FILES["compose.yaml"])

    assert found["services"].keys() == {"web", "worker", "postgres", "valkey"}
    for service in found["services"].values():
        assert set(service.get("depends_on", {})) <= found["services"].keys()
        assert {volume.partition(":")[0] for volume in service.get("volumes", ())} <= found["volumes"].keys()


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_understands_the_units(unit: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    here = unit.read_text(encoding="utf-8").replace("/opt/wabroadcast/.venv/bin/wabroadcast", "/bin/true")
    (tmp_path / unit.name.replace("@", "@1")).write_text(here, encoding="utf-8")

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", tmp_path / unit.name.replace("@", "@1")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert unit.stem not in done.stderr
    assert done.returncode == 0, done.stderr


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    """nginx as the guide configures it, before a server."""
    if PROGRAM is None:
        pytest.skip("nginx is not installed (Debian: nginx)")
    served = Served(tmp_path, "--port", "0", "--workers", "0", environment={"WABROADCAST_API_KEYS": KEY})
    try:
        running = Nginx(tmp_path, served.url, server=FILES["nginx.conf"])
        yield running
        running.stop()
    finally:
        served.stop()


@pytest.mark.slow
def test_a_person_signs_in_and_uploads_a_large_file_through_nginx(nginx: Nginx) -> None:
    with httpx.Client(
        base_url=nginx.url, verify=nginx.certificates, timeout=60, headers={"Origin": nginx.url}
    ) as browser:
        signed_in = browser.post("/ui/session", data={"key": KEY, "next": "/ui"})
        shown = browser.get("/ui/session").json()
        uploaded = browser.post(
            "/uploads", files={"file": ("people.csv", b"0" * 3_000_000)}, headers={"X-CSRF-Token": shown["csrfToken"]}
        )

    assert signed_in.status_code == 303, signed_in.text
    assert signed_in.headers["set-cookie"].startswith("__Host-")
    assert uploaded.status_code == 201, uploaded.text
