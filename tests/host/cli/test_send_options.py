"""What `send` sends, and to whom: the options of its audience and its message, and the question before many people."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from pydantic import BaseModel

from host_litestar.cli.contact_file import CHOICES
from host_litestar.cli.option_types import BatchType, RateType, WindowType
from host_litestar.cli.send_audience import _CHOICES_OF_KIND
from tests.corpus.workbooks import saved
from tests.host.cli.conftest import Command
from tests.host.cli.terminal import run_in_terminal
from wabroadcast_plugins.contact_sources.csv import CsvSettings
from wabroadcast_plugins.contact_sources.excel import ExcelSettings
from wabroadcast_plugins.contact_sources.vcard import VcardSettings

PNG = b"\x89PNG\r\n\x1a\n0000"


@pytest.fixture(scope="module")
def book(server: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Three contacts with tags in the contact book of the server."""
    file = tmp_path_factory.mktemp("book") / "book.csv"
    file.write_text("Nama;No. HP;Tag\nBudi;081234561001;vip\nSiti;081234561002;vip,staff\nAgus;081234561003;staff\n")
    assert server.command("import", str(file)).returncode == 0


@pytest.mark.usefixtures("book")
@pytest.mark.parametrize(
    ("options", "people"),
    [
        pytest.param(["--tag", "vip"], "Budi Siti", id="one-tag"),
        pytest.param(["--tag", "vip", "--tag", "staff"], "Budi Siti Agus", id="any-by-default"),
        pytest.param(["--tag", "vip", "--tag", "staff", "--any"], "Budi Siti Agus", id="any"),
        pytest.param(["--tag", "vip", "--tag", "staff", "--all"], "Siti", id="all"),
        pytest.param(["--tag", "vip", "--without", "staff"], "Budi", id="without"),
        pytest.param(["--tag", "VIP", "--without", "Staff"], "Budi", id="other-case"),
        pytest.param(["--everyone", "--without", "vip"], "Agus", id="everyone"),
        pytest.param(
            ["--source", "contacts", "--field", 'tags:=["vip"]', "--field", "match=all"], "Budi Siti", id="source"
        ),
    ],
)
def test_the_audience_is_taken_from_the_contact_book(in_process: Command, options: list[str], people: str) -> None:
    done = in_process("send", *options, "-m", "Halo {{ name }}", "--preview")

    assert done.returncode == 0, done.stderr
    assert [line.removeprefix("  Halo ") for line in done.stdout.splitlines() if "Halo" in line] == people.split()


@pytest.mark.usefixtures("book")
def test_an_audience_of_no_one_is_said_and_is_no_success(in_process: Command, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("Nama;No. HP\n", encoding="utf-8")

    sent = [
        in_process("send", "-m", "Halo", *audience)
        for audience in (["--tag", "vip", "--without", "vip"], [str(tmp_path / "empty.csv")])
    ]
    previewed = in_process("send", "--tag", "vip", "--without", "vip", "-m", "Halo", "--preview")

    assert [done.returncode for done in sent] == [1, 1]
    for done in sent:
        assert "no message was sent: the audience has no recipient" in done.stdout
        assert "completed: nothing sent yet" not in done.stdout
    assert previewed.returncode == 1
    assert previewed.stdout.startswith("the audience has no recipient\n")


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        pytest.param(["--image", "{png}", "-m", "Untuk {{ name }}"], "  Untuk Budi Santoso\n  media: ", id="caption"),
        pytest.param(["--document", "{png}"], "  filename: promo.png\n", id="document-has-its-name"),
        pytest.param(["--document", "{png}", "--filename", "a.png"], "  filename: a.png\n", id="filename"),
        pytest.param(
            ["--video", "https://example.com/a.mp4"], '  media: {"url": "https://example.com/a.mp4"}\n', id="address"
        ),
        pytest.param(
            ["--template", "promo", "--language", "id", "--value", "{{ name }}", "--value", "{{ kode }}"],
            '"parameters": [{"type": "text", "text": "Budi Santoso"}, {"type": "text", "text": "BUDI01"}]}]}\n',
            id="template-values",
        ),
        pytest.param(
            [
                "--template",
                "promo",
                "--language",
                "en_US",
                "--components",
                '[{"type": "footer", "text": "{{ kode }}"}]',
            ],
            '"language": "en_US", "components": [{"type": "footer", "text": "BUDI01"}]}\n',
            id="template-components",
        ),
    ],
)
def test_a_message_may_have_a_file_or_be_a_template(
    server: Any, in_process: Command, tmp_path: Path, options: list[str], shown: str
) -> None:
    (tmp_path / "promo.png").write_bytes(PNG)
    given = [option.replace("{png}", str(tmp_path / "promo.png")) for option in options]

    done = in_process("send", str(server.sample), *given, "--preview")

    assert done.returncode == 0, done.stderr
    assert shown in done.stdout


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        pytest.param("a.csv", ["--sheet", "1B"], "a file of kind csv has no sheet: leave out --sheet", id="sheet"),
        pytest.param(
            "a.xlsx",
            ["--delimiter", ";"],
            "a file of kind excel has no delimiter: leave out --delimiter",
            id="delimiter",
        ),
        pytest.param(
            "a.xlsx",
            ["--encoding", "cp1252"],
            "a file of kind excel has no encoding: leave out --encoding",
            id="encoding",
        ),
        pytest.param(
            "a.vcf",
            ["--source", "vcard", "--column", "HP=number"],
            "a file of kind vcard has no column: leave out --column",
            id="column",
        ),
    ],
)
def test_an_option_that_does_not_fit_the_file_is_named(
    in_process: Command, tmp_path: Path, name: str, options: list[str], said: str
) -> None:
    (tmp_path / "a.csv").write_text("Nama;HP\nBudi;081234561201\n")
    (tmp_path / "a.vcf").write_text("BEGIN:VCARD\nVERSION:3.0\nFN:Budi\nTEL:081234561201\nEND:VCARD\n")
    (tmp_path / "a.xlsx").write_bytes(_classes("1A"))

    done = in_process("send", str(tmp_path / name), *options, "-m", "x")

    assert (done.returncode, done.stdout) == (2, "")
    assert said in " ".join(done.stderr.split())


def test_the_options_that_fit_a_file_are_the_settings_of_its_source() -> None:
    sources: Mapping[str, type[BaseModel]] = {"csv": CsvSettings, "excel": ExcelSettings, "vcard": VcardSettings}

    assert {kind: set(CHOICES) & fields.model_fields.keys() for kind, fields in sources.items()} == _CHOICES_OF_KIND


def test_a_preview_names_the_sheets_that_are_not_read(in_process: Command, tmp_path: Path) -> None:
    (tmp_path / "classes.xlsx").write_bytes(_classes("1A", "1B"))

    whole = in_process("send", str(tmp_path / "classes.xlsx"), "-m", "x", "--preview")
    chosen = in_process("send", str(tmp_path / "classes.xlsx"), "-m", "x", "--preview", "--sheet", "1B")

    assert "note: only the sheet '1A' is read, not 1B: to read another one, give its name as the sheet" in whole.stdout
    assert "note: " not in chosen.stdout


def _classes(*names: str) -> bytes:
    """Return a workbook with a sheet for each class."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name in names:
        page = book.create_sheet(name)
        page.append(["Nama", "HP"])
        page.append(["Budi", "081234561201"])
    return saved(book)


def test_a_file_is_sent_in_batches_and_a_window(server: Any, in_process: Command) -> None:
    done = in_process("send", str(server.sample), "-m", "x", "--batch", "5/1s", "--window", "0:00-23:59@Asia/Jakarta")
    job = done.stdout.split()[1]

    assert done.returncode == 0, done.stdout
    assert [line.split("\t")[:3] for line in in_process("batches", job).stdout.splitlines()[1:]] == [
        ["0", "ended", "5"],
        ["1", "ended", "5"],
    ]


@pytest.mark.parametrize(
    ("text", "batch"),
    [
        ("1000", (1000, 600)),
        ("1000/10m", (1000, 600)),
        ("5/90", (5, 90)),
        ("5 / 1.5h", (5, 5_400)),
        ("1/1d", (1, 86_400)),
        ("1/2min", (1, 120)),
    ],
)
def test_a_batch_is_written_with_its_size_and_the_time_to_the_next(text: str, batch: tuple[int, float]) -> None:
    assert BatchType().convert(text, None, None) == {"size": batch[0], "intervalSeconds": batch[1]}


@pytest.mark.parametrize(
    ("text", "rate"),
    [("20", (20, 1)), ("20/s", (20, 1)), ("100/min", (100, 60)), ("5/d", (5, 86_400)), ("100/30", (100, 30))],
)
def test_a_rate_is_written_with_its_messages_and_the_time(text: str, rate: tuple[int, float]) -> None:
    assert RateType().convert(text, None, None) == {"messages": rate[0], "perSeconds": rate[1]}


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("08:00-20:00", {"from": "08:00", "to": "20:00"}),
        ("8.00 - 20.30@Asia/Jakarta", {"from": "08:00", "to": "20:30", "timezone": "Asia/Jakarta"}),
    ],
)
def test_a_window_is_written_as_people_write_hours(text: str, window: dict[str, str]) -> None:
    assert WindowType().convert(text, None, None) == window


@pytest.mark.parametrize(
    ("rows", "options", "answer", "words", "code"),
    [
        pytest.param(101, [], "n\n", ["Send to 101 people?", "nothing was sent"], 2, id="no"),
        pytest.param(101, [], "y\n", ["Send to 101 people?", "101 of 101 sent"], 0, id="yes"),
        pytest.param(101, ["--yes"], "", ["101 of 101 sent"], 0, id="skipped"),
        pytest.param(100, [], "", ["100 of 100 sent"], 0, id="few"),
    ],
)
def test_a_terminal_is_asked_before_many_people_get_a_message(
    server: Any, tmp_path: Path, *, rows: int, options: list[str], answer: str, words: list[str], code: int
) -> None:
    file = tmp_path / "many.csv"
    file.write_text("Nama,HP\n" + "".join(f"A{number},0812345{number:05}\n" for number in range(rows)))

    returned, shown = run_in_terminal(server, "send", str(file), "-m", "hi", *options, answer=answer)

    assert returned == code
    assert [word for word in words if word not in shown] == []
    assert ("Send to" in shown) == bool(answer)


def test_a_terminal_shows_what_is_noted_about_the_audience(server: Any, tmp_path: Path) -> None:
    file = tmp_path / "two.csv"
    file.write_text("Nama,HP\nBudi,081234561201 / 081345678902\n")

    _, shown = run_in_terminal(server, "send", str(file), "-m", "hi")

    assert "note: 1 cell holds several phone numbers, the first in row 2" in shown
    assert "1 of 1 sent" in shown
