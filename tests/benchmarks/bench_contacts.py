"""The contact book on SQLite: how fast a million contacts come in and go out, in how much memory, and how they list."""

import json
import random
import subprocess
import sys
import time
import timeit
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.queue.embedded import EmbeddedValkey

pytestmark = pytest.mark.timeout(900)
PEOPLE = 1_000_000
SHEET_PEOPLE = 200_000
CSV_RATE, SHEET_RATE = 30_000, 25_000  # rows a second
MEGABYTES = 150  # resident, at most
PAGE, PAGE_SECONDS = 50, 0.05
CITIES = ("Bandung", "Bogor", "Solo", "Medan", "Jakarta")
HEADER = ("Nama", "No. HP", "Kota", "Tag", "Kode")

CHILD = """
import json, sys, time
from pathlib import Path
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster

directory, redis_url, act, argument = sys.argv[1:]
with Broadcaster(Settings(data_dir=directory, redis_url=redis_url, namespace="bench")) as broadcaster:
    began, cpu_began = time.perf_counter(), time.process_time()
    if act == "import":
        contacts = broadcaster.contacts.import_file(argument, tags=["semua"], wait_seconds=3600).created
    else:
        contacts = sum(piece.count(b"\\n") for piece in broadcaster.contacts.export(argument)) - 1
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
megabytes = int(peak.split()[1]) / 1024
print(json.dumps({"contacts": contacts, "seconds": seconds, "cpu_seconds": cpu_seconds, "megabytes": megabytes}))
"""


Found = dict[str, Any]


class Store:
    """A store of its own; what is measured runs in a child process.

    :param places: the people of the CSV file that is imported at once, in the order of the file.
    """

    def __init__(self, directory: Path, redis_url: str, *, places: Sequence[int] = ()) -> None:
        self.settings = Settings.model_validate({"data_dir": directory, "redis_url": redis_url, "namespace": "bench"})
        self._arguments = [str(directory), redis_url]
        self.imported = self.import_file(csv_pieces(places)) if places else {}

    def import_file(self, pieces: Iterator[bytes]) -> Found:
        with Broadcaster(self.settings) as broadcaster:
            upload_id = broadcaster.uploads.save(pieces).upload_id
        return self.run("import", upload_id)

    def run(self, act: str, argument: str) -> Found:
        command = [sys.executable, "-c", CHILD, *self._arguments, act, argument]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, valkey: EmbeddedValkey) -> Store:
    """A store with a million contacts that came in sorted by number."""
    return Store(tmp_path_factory.mktemp("full"), valkey.url, places=range(PEOPLE))


def cells(place: int) -> tuple[str, ...]:
    tag = "vip" if place % 2 else "biasa"
    return (f"Orang {place}", f"0812{place:08d}", CITIES[place % len(CITIES)], tag, f"A{place}")


def csv_pieces(places: Sequence[int]) -> Iterator[bytes]:
    yield (",".join(HEADER) + "\n").encode()
    for start in range(0, len(places), 10_000):
        yield "".join(",".join(cells(place)) + "\n" for place in places[start : start + 10_000]).encode()


def check(what: str, found: Found, *, wanted: int | None = None) -> None:
    """The size is judged. The speed is shown: on a busy machine only the processor's time says something."""
    amount = found["contacts"]
    speed = f"{amount / found['seconds']:,.0f} a second" + (f" (wanted {wanted:,})" if wanted else "")
    print(f"\n{what}: {amount:,} contacts, {speed}, {amount / found['cpu_seconds']:,.0f} a second of processor time")
    print(f"{what}: peak {found['megabytes']:.0f} MB resident")
    assert found["megabytes"] < MEGABYTES


def test_a_csv_file_that_is_sorted(full: Store) -> None:
    check("CSV, sorted", full.imported, wanted=CSV_RATE)


def test_a_csv_file_in_no_order(tmp_path: Path, valkey: EmbeddedValkey) -> None:
    """The hard case: every chunk changes most pages of the index of numbers."""
    places = list(range(PEOPLE))
    random.Random(7).shuffle(places)

    check("CSV, shuffled", Store(tmp_path, valkey.url, places=places).imported, wanted=CSV_RATE)


def test_a_workbook(tmp_path: Path, valkey: EmbeddedValkey) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in chain([HEADER], map(cells, range(SHEET_PEOPLE))):
        sheet.append(row)
    book.save(tmp_path / "people.xlsx")
    with (tmp_path / "people.xlsx").open("rb") as file:
        found = Store(tmp_path, valkey.url).import_file(iter(partial(file.read, 1024 * 1024), b""))

    check("Excel", found, wanted=SHEET_RATE)


@pytest.mark.parametrize("tag", ["semua", "vip", None])
def test_pages(full: Store, tag: str | None) -> None:
    """Wherever they lie; the last one is one past the end."""
    with Broadcaster(full.settings) as broadcaster:
        pages = broadcaster.contacts.list(tag=tag).total // PAGE
        seconds = {
            page: min(timeit.repeat(lambda page=page: list_page(broadcaster, tag, page), number=1, repeat=3))  # type: ignore[misc]
            for page in (1, pages // 4, pages // 2, 3 * pages // 4, pages, pages + 1)
        }

    shown = ", ".join(f"{page:,}: {taken * 1000:.0f} ms" for page, taken in seconds.items())
    print(f"\npages of {pages * PAGE:,} contacts tagged {tag}: {shown}")
    assert tag is None or max(seconds.values()) < PAGE_SECONDS


def list_page(broadcaster: Broadcaster, tag: str | None, page: int) -> None:
    broadcaster.contacts.list(tag=tag, page=page, page_size=PAGE)


def test_a_search(full: Store) -> None:
    with Broadcaster(full.settings) as broadcaster:
        began = time.perf_counter()
        total = broadcaster.contacts.list(query="orang 99999").total
        print(f"\na search that finds {total} of a million: {time.perf_counter() - began:.2f} s")


def test_an_export(full: Store) -> None:
    check("export as CSV", full.run("export", "csv"))
