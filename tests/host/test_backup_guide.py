"""The lines of the guide that back up and restore a store: everybody is remembered, and nothing is sent twice."""

import os
import re
import shutil
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

import host_litestar
from tests.conftest import QUICK
from tests.servers import PostgresCluster
from tests.stores import installation_settings
from tests.waiting import wait_for
from wabroadcast_core import Settings, Worker
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.testing import FakeProvider, ProviderAnswer, ProviderRequest
from wabroadcast_core.vault import open_vault

GUIDE = (Path(host_litestar.__file__).parent / "README.md").read_text(encoding="utf-8")
BACKUP, RESTORE = (
    block.splitlines()
    for block in re.findall(r"^```sh\n(.*?)^```$", GUIDE.partition("**Backups.**")[2], re.MULTILINE | re.DOTALL)[:2]
)
KEY_LINE = re.search(r"`(openssl .+?)` makes a new key", GUIDE)

PEOPLE = [f"+6281200001{place:03d}" for place in range(9)]
STOPPED = PEOPLE[0]
TOKEN = "the-token-of-the-provider"


class Place:
    """A directory with an installation, whose store is in SQLite or PostgreSQL."""

    def __init__(self, directory: Path, settings: Settings) -> None:
        directory.mkdir(exist_ok=True)
        self.directory = directory
        self.settings = settings
        url = settings.database_url
        self.database = None if url is None else url.get_secret_value()

    def run(self, lines: list[str], folders: Path) -> None:
        """Run those of the lines that are for this kind of store, with the folders of the guide inside ``folders``."""
        of_others = "wabroadcast.db" if self.database else "pg_"
        for line in lines:
            if of_others not in line:
                here = re.sub(r"(?<![\w-])/(backup|elsewhere)/", rf"{folders}/\1/", line)
                address = {"DATABASE": self._address(), "RESTORED": self._address()}
                subprocess.run(here, shell=True, check=True, cwd=self.directory, env={**os.environ, **address})

    def _address(self) -> str:
        """Return the URL of the database for the programs of PostgreSQL."""
        return make_url(self.database or "sqlite://").set(drivername="postgresql").render_as_string(False)


class Provider(FakeProvider):
    """A provider that lets requests wait for their answer, from the third one on, while it is held."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.released = threading.Event()

    def _answer(self, request: ProviderRequest) -> ProviderAnswer:
        if len(self.requests) > 2:
            self.released.wait(timeout=20)
        return ProviderAnswer(200 if request.headers["authorization"] == f"Bearer {TOKEN}" else 401)


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


def requests_of(provider: Provider) -> "Counter[tuple[str, str]]":
    """Return how often each text was sent to each number."""
    return Counter((request.json["text"], request.json["to"]) for request in list(provider.requests))


def fill(broadcaster: Broadcaster, provider: Provider) -> None:
    settings = {
        "baseUrl": provider.url,
        "secrets": {"token": TOKEN},
        "headers": {"Authorization": "Bearer {{ secrets.token }}"},
        "send": {"body": {"to": "{{ number }}", "text": "{{ text }}"}},
    }
    broadcaster.connections.save("main", {"sender": "http", "settings": settings})
    for number in PEOPLE:
        broadcaster.contacts.upsert({"number": number, "name": "Budi", "tags": ["all"]})
    broadcaster.blacklist.add(STOPPED)


def draft(text: str, **more: Any) -> dict[str, Any]:
    source = {"type": "contacts", "tags": ["all"]}
    return {"name": text, "message": {"type": "text", "text": text}, "connection": "main", "source": source, **more}


@pytest.fixture(params=["sqlite", "postgresql"])
def places(request: pytest.FixtureRequest, tmp_path: Path, valkey: EmbeddedValkey) -> tuple[Place, Place]:
    """An installation, and a fresh place for it: on SQLite with a fresh Redis, on PostgreSQL with the old one."""
    on_postgresql = request.param == "postgresql"
    if not on_postgresql and shutil.which("sqlite3") is None:
        pytest.skip("sqlite3 is not installed (Debian: sqlite3)")
    cluster: PostgresCluster | None = request.getfixturevalue("postgres") if on_postgresql else None
    made = []
    for name in ("old", "new"):
        settings = installation_settings(
            tmp_path / name / "wabroadcast-data",
            redis_url=valkey.url,
            namespace=f"b{abs(hash(tmp_path))}" + ("" if on_postgresql else name),
            database_url=cluster.new_database() if cluster else None,
        )
        made.append(Place(tmp_path / name, settings))
    return made[0], made[1]


@pytest.mark.slow
def test_a_store_is_restored_and_nobody_is_forgotten_and_nothing_is_sent_twice(
    places: tuple[Place, Place], provider: Provider, tmp_path: Path
) -> None:
    old, new = places
    for folder in ("backup", "elsewhere", "new/wabroadcast-data"):
        (tmp_path / folder).mkdir(parents=True)
    send_and_back_up(old, provider, tmp_path)

    new.run(RESTORE, tmp_path)
    with Broadcaster(new.settings.model_copy(update=QUICK)) as broadcaster:  # as a server without workers
        found = {job.name: job for job in broadcaster.list().items}
        assert {name: job.status for name, job in found.items()} == {"running": "processing", "tonight": "scheduled"}
        for job in found.values():
            broadcaster.cancel(job.job_id)
        job_id = broadcaster.submit(draft("after")).job_id
        Worker(broadcaster).run(burst=True)
        after = broadcaster.status(job_id)

    sent = set(PEOPLE) - {STOPPED}
    assert requests_of(provider) == {(text, number): 1 for text in ("running", "tonight", "after") for number in sent}
    assert (after.status, after.counts.sent, after.skipped_by) == ("completed", len(sent), {"blacklisted": 1})


def test_the_new_key_of_the_guide_is_one() -> None:
    assert KEY_LINE is not None
    key = subprocess.run(KEY_LINE[1], shell=True, check=True, capture_output=True, text=True).stdout.strip()

    vault = open_vault(key, data_dir=Path("none"))

    assert vault.open(vault.seal({"token": TOKEN})) == {"token": TOKEN}


def send_and_back_up(old: Place, provider: Provider, folders: Path) -> None:
    """Back up a store while one broadcast is being sent and one is scheduled; both end after that."""
    with Broadcaster(old.settings.model_copy(update=QUICK)) as broadcaster:
        fill(broadcaster, provider)
        broadcaster.submit(draft("running"))
        soon = datetime.now(UTC) + timedelta(seconds=12)
        broadcaster.submit(draft("tonight", scheduledAt=soon.isoformat()))
        worker = Worker(broadcaster)
        worker.start()
        wait_for(lambda: len(provider.requests) > 2, what="a request in flight")
        old.run(BACKUP, folders)
        provider.released.set()
        wait_for(lambda: len(provider.requests) == 2 * (len(PEOPLE) - 1), what="the end of both broadcasts")
        worker.stop()
