"""The guides for contributors are true: the files that they name exist, the list of folders is the real one."""

import re
from pathlib import Path

import pytest

from tests.test_architecture import ROOMS

ROOT = Path(__file__).parent.parent
CORE = ROOT / "wabroadcast_core"
ARCHITECTURE = (CORE / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
A_PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:py|md|toml|lua))`")


@pytest.mark.parametrize(
    ("guide", "folder"),
    [pytest.param(ARCHITECTURE, CORE, id="architecture"), pytest.param(CONTRIBUTING, ROOT, id="contributing")],
)
def test_the_files_that_a_guide_names_exist(guide: str, folder: Path) -> None:
    named = A_PATH.findall(guide)

    assert len(named) > 5
    assert [name for name in named if not (folder / name).exists() and not (ROOT / name).exists()] == []


def test_the_architecture_lists_the_folders_in_the_order_of_imports() -> None:
    table = ARCHITECTURE.partition("\n## The folders\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]

    assert [name.removesuffix(".py").rstrip("/") for row in rows for name in re.findall(r"`(.*?)`", row)] == ROOMS


def test_every_session_of_nox_but_the_parts_of_the_whole_is_explained() -> None:
    sessions = re.findall(
        r"^@nox\.session.*\ndef (\w+)", (ROOT / "noxfile.py").read_text(encoding="utf-8"), re.MULTILINE
    )

    assert {name for name in sessions if f"nox -s {name}" not in CONTRIBUTING} == {"lint", "types", "tests"}
