"""The check of the API reference finds what is missing. `nox -s docs` runs it on the generated pages."""

from pathlib import Path

from tests.api_reference import DOCUMENTED, documented_names, public_names


def write_pages(folder: Path, names: set[str]) -> None:
    """Write a page for each module, with an entry for each of the names."""
    for module in DOCUMENTED:
        page = (folder / module.replace(".", "/")).with_suffix(".html")
        page.parent.mkdir(parents=True, exist_ok=True)
        own = (name.removeprefix(f"{module}.") for name in names if name.startswith(f"{module}."))
        page.write_text("".join(f'<section id="{name}"></section>' for name in own), encoding="utf-8")


def test_a_public_name_without_an_entry_is_missing(tmp_path: Path) -> None:
    left_out = {"wabroadcast_core.Broadcaster.submit", "wabroadcast_core.testing.FakeProvider"}
    write_pages(tmp_path, public_names() - left_out)

    assert public_names() - documented_names(tmp_path) == left_out
