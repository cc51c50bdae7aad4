"""``plugins new``: writes a small distribution with a plugin that installs and passes its contract suite at once."""

import importlib.util
import keyword
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import distributions, entry_points, version
from pathlib import Path
from string import Template
from typing import Final

import rich_click as click

from host_litestar.cli.errors import RefusedError

TEMPLATES: Final = Path(__file__).parent / "plugin_templates"
DESCRIPTIONS: Final = {
    "sender": "Sends messages of wabroadcast through a provider.",
    "source": "Reads the recipients of a wabroadcast broadcast.",
    "validator": "Numbers that wabroadcast cannot message.",
    "blacklist": "Numbers that wabroadcast must not message.",
}
USES: Final = {
    "sender": 'A connection uses it with `"sender": "$name"`.',
    "source": 'A broadcast uses it with `"source": {"type": "$name", "uploadId": "…"}`.',
    "validator": "It is off until `$variable` is set.",
    "blacklist": "It is off until `$variable` is set.",
}
LONGEST_NAME: Final = 50  # characters
PREFIX: Final = "wabroadcast-"  # of the names of distributions, by which people find plugins
_NAME: Final = re.compile(r"[a-z](?:_?[a-z0-9])*", re.ASCII)
_RESERVED: Final = frozenset({"builtin", "conftest", "setup", "tests", "wabroadcast"})


@click.command("new")
@click.argument("name")
@click.option("--kind", type=click.Choice(list(DESCRIPTIONS)), required=True, help="What the plugin is.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Folder in which the folder NAME is made.  [default: the present one]",
)
def new(name: str, kind: str, directory: Path) -> None:
    """Write a small distribution with a plugin: pyproject.toml, one module, its contract test, and a README.

    NAME is the name of the module, of the entry point and of the folder, such as `acme_gateway`. The distribution is
    named after it, with `wabroadcast-` before it; that name may be given instead.
    """
    module = module_of(name)
    check_spelling(module, given=name)
    target = directory / module
    check_target(target)
    check_free(module, kind)
    write_project(target, project_files(module, kind))
    click.echo(f"{target} is written. Next, in this folder: pip install -e '.[test]' && python -m pytest")


def module_of(name: str) -> str:
    """Return the name of the module for a name as it is given: that of a distribution loses its prefix."""
    return name.removeprefix(PREFIX).replace("-", "_") if name.startswith(PREFIX) else name


def distribution_of(module: str) -> str:
    """Return the name of the distribution of a module."""
    return PREFIX + module.replace("_", "-").removeprefix(PREFIX)


def check_spelling(name: str, *, given: str) -> None:
    """Check that a module may have this name.

    :param given: the name as it was given, which may be that of a distribution.
    :raises RefusedError: it is no plain identifier.
    """
    if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME or keyword.iskeyword(name):
        raise RefusedError(
            f"the name {given!r} is no name of a module: use up to {LONGEST_NAME} small letters, digits and single "
            f"underscores, a letter first{_suggestion(name)}"
        )


def check_free(name: str, kind: str) -> None:
    """Check that nothing that is installed has the name.

    :raises RefusedError: it is taken; the text says by what.
    """
    for owner in _owners(name, kind):
        raise RefusedError(f"the name {name!r} is taken by {owner}: choose another one")


def _suggestion(name: str) -> str:
    plain = "_".join(re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower())).lstrip(
        "0123456789_"
    )
    plain = f"{plain}_plugin" if keyword.iskeyword(plain) else plain[:LONGEST_NAME].rstrip("_")
    return f", such as {plain}" if _NAME.fullmatch(plain) and plain != name else ""


def _owners(name: str, kind: str) -> Iterator[str]:
    """Yield what has a name already."""
    if name in _RESERVED:
        yield "wabroadcast, which reserves it"
    if importlib.util.find_spec(name) is not None:
        yield f"the module {name}, which is installed"
    names = {_plain(name), distribution_of(name)}
    yield from (
        f"the distribution {each.name}, which is installed" for each in distributions() if _plain(each.name) in names
    )
    if any(entry.name == name for entry in entry_points(group="wabroadcast")):
        yield f"the plugin {name}, which is installed"
    if any(_plain(each) == _plain(name) for each in _kinds(kind)):
        yield f"the {kind} {name}, which is installed"


def _plain(name: str | None) -> str:
    return re.sub(r"[-_.]+", "-", name or "").lower()


def _kinds(kind: str) -> Iterable[str]:
    """Return the kinds of the installed senders or contact sources."""
    if kind not in {"sender", "source"}:
        return ()
    from wabroadcast_core.plugins import build_plugins

    plugins = build_plugins()
    return plugins.senders if kind == "sender" else plugins.contact_sources


def project_files(name: str, kind: str) -> dict[str, str]:
    """Return the files of a distribution with a plugin, by path."""
    variable = f"{name.upper()}_{'FILE' if kind == 'blacklist' else 'PREFIXES'}"
    main_class = "".join(part.capitalize() for part in name.removesuffix(f"_{kind}").split("_")) + kind.capitalize()
    values = {
        "name": name,
        "distribution": distribution_of(name),
        "main_class": main_class,
        "settings_class": f"{main_class}Settings",
        "variable": variable,
        "description": DESCRIPTIONS[kind],
        "versions": _compatible_versions(version("wabroadcast")),
        "usage": Template(USES[kind]).substitute(name=name, variable=variable),
    }
    templates = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        f"{name}.py": f"{kind}.module",
        f"tests/test_{name}.py": f"{kind}.test",
    }
    return {path: _fill(template, values) for path, template in templates.items()}


def _fill(template: str, values: Mapping[str, str]) -> str:
    return Template((TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")).substitute(values)


def _compatible_versions(installed: str) -> str:
    """Return the versions that do not break a plugin: up to the next minor one before 1.0, else the next major one."""
    major, minor = map(int, re.findall(r"\d+", installed)[:2])
    return f">={major}.{minor},<{major + 1}" if major else f">=0.{minor},<0.{minor + 1}"


def check_target(target: Path) -> None:
    """Check that a new folder can have this path.

    :raises RefusedError: it exists, or the folder that it is to be in does not.
    """
    if os.path.lexists(target):
        raise RefusedError(f"{target} exists: choose another name, or another folder with --directory")
    if not target.parent.is_dir():
        raise RefusedError(f"there is no folder {target.parent}: make it first, or give another one with --directory")


def write_project(target: Path, files: Mapping[str, str]) -> None:
    """Write files into a new folder. It appears when it is complete, or not at all.

    :raises RefusedError: it cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as temporary:
            _write_files(Path(temporary) / target.name, files)
            (Path(temporary) / target.name).rename(target)
    except OSError as error:
        raise RefusedError(f"{target} cannot be written ({error.strerror}): nothing was left behind") from error


def _write_files(folder: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
