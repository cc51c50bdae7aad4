"""The guide to embedding: its pages, with the files that they show.

``python -m tests.embedding.guide`` writes the files of ``programs/`` and the table of a draft's fields into the guide.
"""

import re
from pathlib import Path

from host_litestar.cli.settings_schema import describe_fields
from wabroadcast_core import BroadcastDraft

PROGRAMS = Path(__file__).parent / "programs"
PATH = Path(__file__).parents[2] / "wabroadcast_core" / "EMBEDDING.md"
_FILE = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
_FIELDS = re.compile(r"(?<=^<!-- fields -->\n).*?(?=^<!-- /fields -->$)", flags=re.MULTILINE | re.DOTALL)
_COMMANDS = re.compile(r"^```sh\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)


def read_pages() -> dict[str, str]:
    """Return the pages of the guide by their headings."""
    text = PATH.read_text(encoding="utf-8")
    return dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL))


def files_of(page: str) -> dict[str, str]:
    """Return the files that a page shows, by their paths."""
    return dict(_FILE.findall(page))


def commands_of(page: str) -> list[str]:
    """Return the commands of a page but those of pip."""
    lines = [line for block in _COMMANDS.findall(page) for line in block.splitlines()]
    return [line for line in lines if not line.startswith("pip ")]


def read_programs() -> dict[str, str]:
    """Return the files of ``programs/``, by their paths there."""
    return {path.relative_to(PROGRAMS).as_posix(): path.read_text(encoding="utf-8") for path in PROGRAMS.rglob("*.py")}


def table_of_fields() -> str:
    """Return the Markdown table of the fields of a draft."""
    rows = [
        (f"`{name}`", kind.replace(" | ", ", "), "required" if needed else default, meaning)
        for name, kind, needed, default, meaning in describe_fields(BroadcastDraft.model_json_schema())
    ]
    titles = [("field", "type or values", "default", "meaning"), ("---",) * 4]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in [*titles, *rows])


def shown_fields() -> str:
    """Return the table of the fields of a draft as the guide shows it."""
    [table] = _FIELDS.findall(PATH.read_text(encoding="utf-8"))
    return str(table)


def renew() -> None:
    """Write the files of ``programs/`` and the table of the fields into the guide."""
    programs = read_programs()
    text = PATH.read_text(encoding="utf-8")
    shown = _FILE.sub(lambda block: f"```python\n# {block[1]}\n{programs[block[1]]}```", text)
    PATH.write_text(_FIELDS.sub(lambda _: table_of_fields(), shown), encoding="utf-8")


if __name__ == "__main__":
    renew()
