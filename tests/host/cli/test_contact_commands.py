"""The commands for contacts, tags and the blacklist, against a real server."""

from pathlib import Path

import pytest

from tests.host.cli.conftest import Command

HEADER = "Nama;No. HP;Kota;Tag\n"


@pytest.fixture
def command(in_process: Command) -> Command:
    return in_process


def test_contacts_are_imported_listed_tagged_and_deleted(command: Command, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(f"{HEADER}Budi;0812-1000-0001;Solo;a/b\nSiti;0812-1000-0002;Bogor;lama\n")
    command("import", str(tmp_path / "in.csv"), "--tag", "masuk")

    listed = command("contacts", "list", "--tag", "masuk", "--search", "budi")
    shown = command("contacts", "show", "0812-1000-0002")
    tagged = command("contacts", "tag", "081210000001", "0812-9999-9999", "--add", "vip", "--remove", "masuk")
    deleted = command("contacts", "delete", "0812-1000-0002")
    again = command("contacts", "show", "0812-1000-0002")

    assert listed.stdout.splitlines()[1].split("\t")[:4] == ["+6281210000001", "Budi", "a/b, masuk", "in.csv"]
    assert {"kota\tBogor", "source\tin.csv", "tags\tlama, masuk"} <= set(shown.stdout.splitlines())
    assert tagged.stdout.splitlines() == [
        "1 contact: 1 tag added, 1 removed",
        "1 number is not in the contact book",
    ]
    assert (deleted.returncode, again.returncode) == (0, 2)


def test_a_dry_run_shows_how_a_file_is_read(command: Command, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("Nama\tKontak\tKota, Provinsi\nBudi\t0812-6000-0001\tSolo, Jateng\nX\t12\t\n")
    options = ["--delimiter", "tab", "--encoding", "utf-8", "--column", "Kontak=number"]

    tried = command("import", str(tmp_path / "in.csv"), *options, "--dry-run", "--tag", "coba")

    assert tried.returncode == 1
    lines = tried.stdout.splitlines()
    assert lines[:3] == ["delimiter: '\\t'", "encoding: 'utf-8'", "header row: 1"]
    assert {"Kontak\tnumber", "Nama\tname", "+6281260000001\tBudi\tcoba\tSolo, Jateng"} <= set(lines)
    assert lines[-2:] == ["2 rows: 1 created, 0 updated, 1 rejected", "  row 3, number: too short"]
    assert command("contacts", "show", "081260000001").returncode == 2


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_an_exported_file_can_be_imported(command: Command, tmp_path: Path, suffix: str) -> None:
    (tmp_path / "in.csv").write_text(f"{HEADER}Budi;0812-2000-0001;Solo;keluar\n")
    command("import", str(tmp_path / "in.csv"))
    file = tmp_path / f"out{suffix}"

    exported = command("contacts", "export", str(file), "--tag", "keluar")
    imported = command("import", str(file))

    assert exported.returncode == 0, exported.stderr
    assert imported.stdout.startswith("1 row: 0 created, 1 updated, 0 rejected")
    assert list(tmp_path.glob("*.part")) == []


def test_tags_are_renamed_merged_listed_and_deleted(command: Command, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(f"{HEADER}A;0812-3000-0001;;t/1\nB;0812-3000-0002;;t2\nC;0812-3000-0003;;t3\n")
    command("import", str(tmp_path / "in.csv"))

    renamed = command("tags", "rename", "t/1", "t 1/1")
    conflict = command("tags", "rename", "t 1/1", "t2")
    merged = command("tags", "merge", "t 1/1", "t2", "t3")
    listed = command("tags")
    deleted = command("tags", "delete", "t 1/1")

    assert renamed.stdout == "t 1/1: 1 contact\n"
    assert conflict.returncode == 2
    assert "merge" in conflict.stderr
    assert merged.stdout == "t 1/1: 3 contacts\n"
    assert "t 1/1\t3" in listed.stdout.splitlines()
    assert deleted.returncode == 0
    assert "t 1/1" not in command("tags", "--json").stdout


def test_an_erased_person_is_removed_from_old_messages(command: Command, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(f"{HEADER}Budi;0812-4000-1001;Solo;\n")
    command("import", str(tmp_path / "in.csv"))
    job_id = command("send", str(tmp_path / "in.csv"), "-m", "Halo").stdout.split()[1]

    erased = command("contacts", "erase", "0812-4000-1001")
    again = command("contacts", "erase", "0812-4000-1001")

    assert erased.stdout == "erased from 1 message, 0 of them cancelled\n"
    assert again.stdout == "erased from 0 messages, 0 of them cancelled\n"
    assert "1 sent" in command("status", job_id).stdout
    assert command("contacts", "show", "0812-4000-1001").returncode == 2


def test_numbers_are_added_to_listed_on_and_removed_from_the_blacklist(command: Command, tmp_path: Path) -> None:
    (tmp_path / "stop.csv").write_text("HP\n0812-5000-0001\n12\n0812-5000-0003\n")

    added = command("blacklist", "add", "0812-5000-0001", "0812-5000-0002", "--reason", "asked")
    imported = command("blacklist", "import", str(tmp_path / "stop.csv"), "--reason", "left")
    listed = command("blacklist", "list", "--search", "81250000")
    removed = command("blacklist", "remove", "0812-5000-0001")
    history = command("blacklist", "history", "0812-5000-0001")

    assert added.stdout.splitlines() == [
        "+6281250000001 is on the blacklist: asked",
        "+6281250000002 is on the blacklist: asked",
    ]
    assert imported.returncode == 1
    assert imported.stdout.splitlines() == ["3 rows: 1 added, 1 already listed, 1 rejected", "  row 3: too short"]
    assert {line.split("\t")[0]: line.split("\t")[2] for line in listed.stdout.splitlines()[1:]} == {
        "+6281250000001": "asked",
        "+6281250000002": "asked",
        "+6281250000003": "left",
    }
    assert removed.returncode == 0
    assert [line.split("\t")[1] for line in history.stdout.splitlines()] == ["ACTION", "opt_out", "opt_in"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["contacts", "show", "081299990000"], "081299…000", id="no-contact"),
        pytest.param(["contacts", "export", "out.pdf"], ".csv or .xlsx", id="export-to-another-kind"),
        pytest.param(["contacts", "export", "gone/out.csv"], "cannot be written", id="export-to-no-directory"),
        pytest.param(["contacts", "tag", "--add", "x"], "by numbers, or by --tag", id="tagging-without-contacts"),
        pytest.param(["tags", "delete", "gone"], "gone", id="no-tag"),
        pytest.param(["blacklist", "add", "12"], "NUMBER 1 was not added: number: the phone number", id="no-number"),
        pytest.param(["blacklist", "import", "gone.csv"], "gone.csv", id="no-file"),
        pytest.param(["import", __file__, "--delimiter", ";;"], "one character, or tab", id="no-delimiter"),
        pytest.param(["import", __file__, "--sheet", "1"], "sheet", id="no-workbook"),
    ],
)
def test_an_error_is_one_line_and_exit_status_2(command: Command, arguments: list[str], words: str) -> None:
    done = command(*arguments)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert words in done.stderr


def test_the_rejected_rows_of_an_import_are_written_to_a_file(command: Command, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(f"{HEADER}Budi;0812-7000-0001;Solo;x\nSiti;12;Bogor;x\n")
    errors = tmp_path / "errors.csv"

    done = command("import", str(tmp_path / "in.csv"), "--errors", str(errors))
    errors.write_text(errors.read_text(encoding="utf-8-sig").replace("12", "0812-7000-0002"), encoding="utf-8")
    again = command("import", str(errors))
    dry = command("import", str(errors), "--dry-run", "--errors", str(tmp_path / "other.csv"))

    assert (done.returncode, again.returncode, dry.returncode) == (1, 0, 2)
    assert f"written to {errors}" in done.stdout
    assert again.stdout.startswith("1 row: 1 created")
    assert not (tmp_path / "other.csv").exists()
