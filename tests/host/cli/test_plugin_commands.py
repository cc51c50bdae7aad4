"""A new plugin installs and passes at once, and ``plugins check`` names what is wrong with one."""

import json
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from host_litestar.cli import run
from host_litestar.cli.plugin_new import DESCRIPTIONS, check_free, project_files, write_project
from tests.plugin_environments import PluginEnvironment

KINDS = tuple(DESCRIPTIONS)
NEW_SECONDS = 300  # from nothing to a plugin that passes


class Done(NamedTuple):
    status: int
    output: str
    errors: str


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """A function that runs ``wabroadcast plugins`` in this process."""

    def call(*arguments: str) -> Done:
        status = run(["plugins", *arguments])
        return Done(status, *capsys.readouterr())

    return call


@pytest.mark.slow
@pytest.mark.timeout(NEW_SECONDS)
def test_new_plugins_install_and_pass_within_five_minutes(tmp_path: Path, command: Callable[..., Done]) -> None:
    started = time.monotonic()
    projects = {kind: tmp_path / f"acme_{kind}s" for kind in KINDS}
    for kind, project in projects.items():
        assert command("new", project.name, "--kind", kind, "--directory", str(tmp_path)).status == 0
    environment = PluginEnvironment(tmp_path / "environment")
    environment.unpack(*projects.values())

    for project in projects.values():
        tested = environment.run_tests(project)
        assert tested.returncode == 0, tested.stdout + tested.stderr
        assert "skipped" not in tested.stdout

    assert time.monotonic() - started < NEW_SECONDS
    switched = {"ACME_VALIDATORS_PREFIXES": "+1900", "ACME_BLACKLISTS_FILE": str(tmp_path / "blocked.txt")}
    (tmp_path / "blocked.txt").write_text("+18675550199\n", encoding="utf-8")
    listed = environment.run("host_litestar", "plugins", cwd=tmp_path, variables=switched).stdout
    for kind, project in projects.items():
        assert (
            f"{project.name}\tactive\t{project.name}\twabroadcast-{project.name.replace('_', '-')} 0.1.0" in listed
        ), kind
    (tmp_path / "people.txt").write_text("0812-0000-1001;Budi\n", encoding="utf-8")
    more = {
        "source": ["--file", "people.txt"],
        "validator": ["--blocked", "+19005550100"],
        "blacklist": ["--blocked", "+18675550199"],
    }
    for kind, project in projects.items():
        options = more.get(kind, [])
        checked = environment.fork(
            "host_litestar", "plugins", "check", project.name, *options, cwd=tmp_path, variables=switched
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert ", 0 failed, " in checked.stdout


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("my-gateway", "small letters, digits and single underscores, a letter first, such as my_gateway"),
        pytest.param("MyGateway", "such as my_gateway"),
        pytest.param("9lives", "a letter first, such as lives"),
        pytest.param("", "the name '' is no name of a module"),
        pytest.param("kirim_é", "'kirim_é' is no name of a module"),
        pytest.param("a__b", "such as a_b"),
        pytest.param("../up", "such as up"),
        pytest.param("class", "such as class_plugin"),
        pytest.param("x" * 51, "up to 50"),
        pytest.param("wabroadcast-", "the name 'wabroadcast-' is no name of a module"),
        pytest.param("wabroadcast-json", "the name 'json' is taken by the module json"),
        pytest.param("json", "taken by the module json, which is installed: choose another one"),
        pytest.param("pytest", "taken by the module pytest"),
        pytest.param("wabroadcast", "taken by wabroadcast, which reserves it"),
        pytest.param("builtin", "taken by wabroadcast, which reserves it"),
        pytest.param("sandbox", "taken by the sender sandbox"),
        pytest.param("whatsapp_cloud", "taken by the sender whatsapp_cloud"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(
    tmp_path: Path, command: Callable[..., Done], name: str, words: str
) -> None:
    done = command("new", "--kind", "sender", "--directory", str(tmp_path), "--", name)

    assert done.status == 2
    assert words in done.errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "module", "distribution"),
    [
        pytest.param("acme_post", "acme_post", "wabroadcast-acme-post", id="module"),
        pytest.param("wabroadcast-acme-post", "acme_post", "wabroadcast-acme-post", id="distribution"),
        pytest.param("wabroadcast_acme", "wabroadcast_acme", "wabroadcast-acme", id="module-with-the-prefix"),
    ],
)
def test_a_new_distribution_is_found_by_its_name(
    tmp_path: Path, command: Callable[..., Done], name: str, module: str, distribution: str
) -> None:
    done = command("new", name, "--kind", "sender", "--directory", str(tmp_path))

    project = tomllib.loads((tmp_path / module / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (project["name"], project["entry-points"]["wabroadcast"]) == (distribution, {module: module})
    assert "pip install -e '.[test]' && python -m pytest" in done.output


def test_a_name_is_taken_only_among_plugins_of_its_kind() -> None:
    check_free("sandbox", "validator")


@pytest.mark.parametrize(
    ("installed", "versions"),
    [
        pytest.param("0.1.0", ">=0.1,<0.2", id="before-1.0"),
        pytest.param("0.9rc1", ">=0.9,<0.10", id="candidate"),
        pytest.param("1.4.2", ">=1.4,<2", id="from-1.0-on"),
    ],
)
def test_a_new_plugin_states_the_versions_that_do_not_break_it(
    monkeypatch: pytest.MonkeyPatch, installed: str, versions: str
) -> None:
    monkeypatch.setattr("host_litestar.cli.plugin_new.version", lambda _: installed)

    assert f'"wabroadcast{versions}"' in project_files("acme", "sender")["pyproject.toml"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["acme", "--kind", "pigeon"], "'pigeon' is not one of 'sender', 'source'", id="kind"),
        pytest.param(["acme"], "Missing option '--kind'", id="no-kind"),
        pytest.param(["--kind", "sender"], "Missing argument 'NAME'", id="no-name"),
        pytest.param(["acme", "--kind", "sender", "--directory", "nowhere"], "there is no folder nowhere", id="folder"),
    ],
)
def test_a_wrong_command_line_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[..., Done], arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)

    done = command("new", *arguments)

    assert done.status == 2
    assert words in done.errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind_of_path", ["folder", "file", "dangling link"])
def test_what_exists_is_left_as_it_is(tmp_path: Path, command: Callable[..., Done], kind_of_path: str) -> None:
    target = tmp_path / "acme"
    match kind_of_path:
        case "folder":
            target.mkdir()
        case "file":
            target.touch()
        case _:
            target.symlink_to("none")

    done = command("new", "acme", "--kind", "source", "--directory", str(tmp_path))

    assert done.status == 2
    assert f"{target} exists: choose another name" in done.errors
    assert list(tmp_path.iterdir()) == [target]


def test_nothing_is_left_behind_if_a_file_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"acme cannot be written \(.*\): nothing was left behind"):
        write_project(tmp_path / "acme", {"first.py": "pass\n", f"{'x' * 300}.py": "pass\n"})

    assert list(tmp_path.iterdir()) == []


# check


BROKEN = """
from wabroadcast_core import Accepted, Capabilities, Model, hookimpl

class Settings(Model):
    token: str

class Broken:
    kind = "broken"
    Settings = Settings
    capabilities = Capabilities()
    def __init__(self, settings, context): pass
    async def send(self, message): raise ValueError(message.number)

@hookimpl
def wab_senders(): return [Broken]
"""


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """A function that writes a module which can be imported."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, code: str) -> None:
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")

    return write


def test_a_check_prints_what_fails_and_how_to_mend_it(
    written: Callable[[str, str], None], command: Callable[..., Done]
) -> None:
    written("acme_broken", BROKEN)

    done = command("check", "acme_broken")

    assert done.status == 1
    assert "sender broken\tits secrets are of a secret type\tfailed" in done.output
    assert "acme_broken.py:12: raise a subclass of SendError" in done.output
    assert " 3 failed, 0 skipped" in done.output
    assert "+62" not in done.output


LOCATED = """
from pathlib import Path
from wabroadcast_core import AudienceRow, Model, SourceError, hookimpl

class Settings(Model):
    location: str

class Located:
    kind = "located"
    Settings = Settings
    repeatable = True
    def __init__(self, settings, context): self.location = settings.location
    def read(self):
        if self.location != "here":
            raise SourceError("there is no such place")
        yield AudienceRow("+6281200001001")

@hookimpl
def wab_contact_sources(): return [Located]
"""


def test_a_fault_with_invented_settings_names_the_option_for_real_ones(
    written: Callable[[str, str], None], command: Callable[..., Done]
) -> None:
    written("acme_located", LOCATED)

    invented = command("check", "acme_located")
    given = command("check", "acme_located", "--settings", '{"location": "here"}')

    assert (invented.status, given.status) == (1, 0)
    assert "there is no such place (checked with invented values of location: give --settings JSON)" in invented.output
    assert "not checked here: it needs make_long_context in its own test" in given.output


def test_an_exception_of_a_plugin_that_is_no_exception_is_a_fault_without_its_text(
    written: Callable[[str, str], None], command: Callable[..., Done]
) -> None:
    odd = "class Odd(BaseException): ...\n"
    written("acme_odd", odd + BROKEN.replace("ValueError(message.number)", "Odd(message.number)"))

    done = command("check", "acme_odd")

    assert done.status == 1
    assert "send raised Odd at" in done.output
    assert "+62" not in done.output + done.errors


def test_an_exception_of_the_settings_of_a_plugin_is_named_without_its_text(
    written: Callable[[str, str], None], command: Callable[..., Done]
) -> None:
    checker = "    def model_post_init(self, context): raise RuntimeError(self.token)\n\nclass Broken:"
    written("acme_strict", BROKEN.replace("\nclass Broken:", checker))

    done = command("check", "acme_strict", "--settings", '{"token": "hush"}')

    assert done.status == 2
    assert "the settings cannot be checked: Settings raised RuntimeError at" in done.errors
    assert "hush" not in done.errors


@pytest.mark.parametrize(
    ("code", "what", "owner"),
    [
        pytest.param(BROKEN.replace('"broken"', '"sandbox"'), "sender kind 'sandbox'", "builtin.sandbox", id="sender"),
        pytest.param(
            LOCATED.replace('"located"', '"csv"'), "contact source kind 'csv'", "builtin.csv", id="contact-source"
        ),
    ],
)
def test_a_kind_of_a_built_in_plugin_is_a_fault_unless_that_one_is_off(
    written: Callable[[str, str], None],
    command: Callable[..., Done],
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    what: str,
    owner: str,
) -> None:
    name = f"acme_taken_{owner.replace('.', '_')}"
    written(name, code)

    taken = command("check", name)
    monkeypatch.setenv("WABROADCAST_BLOCKED_PLUGINS", owner)
    free = command("check", name)

    assert taken.status == 1
    assert f"its {what} is that of the plugin {owner} already: give it another kind" in taken.output
    assert "is that of the plugin" not in free.output


def test_required_plugins_are_no_matter_of_the_check_of_another(
    command: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WABROADCAST_REQUIRED_PLUGINS", "acme_stops")
    monkeypatch.setenv("WABROADCAST_PLUGINS_STRICT", "true")

    assert command("check", "builtin.sandbox").status == 0


def test_a_check_prints_json(written: Callable[[str, str], None], command: Callable[..., Done]) -> None:
    written("acme_json", BROKEN)

    results = json.loads(command("check", "acme_json", "--json").output)

    assert {each["result"] for each in results} == {"passed", "failed"}
    assert {each["of"] for each in results} == {"sender broken"}


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        pytest.param("builtin.sandbox", 0, "0 failed", id="name-of-a-plugin"),
        pytest.param("builtin.gowa", 0, "0 failed", id="sample-settings"),
        pytest.param("builtin.whatsapp_cloud", 2, "phoneNumberId: ", id="settings-without-a-sample"),
        pytest.param("wabroadcast_plugins.contact_sources.contacts", 0, "0 failed", id="module"),
        pytest.param("acme_nowhere", 2, "there is no plugin or module 'acme_nowhere': install it", id="absent"),
        pytest.param("builtin.nowhere", 2, "there is no plugin or module 'builtin.nowhere'", id="no-member"),
        pytest.param("not a name", 2, "there is no plugin or module 'not a name'", id="no-name"),
        pytest.param("json", 1, "it has no hook: put @hookimpl above its functions", id="no-plugin"),
        pytest.param("builtin.only_numbers", 2, "is off: set WABROADCAST_ONLY_NUMBERS", id="off"),
        pytest.param("builtin.csv", 2, "give a file for it with --file", id="no-file"),
    ],
)
def test_a_plugin_is_found_by_its_name_or_module(
    monkeypatch: pytest.MonkeyPatch, command: Callable[..., Done], name: str, status: int, words: str
) -> None:
    monkeypatch.delenv("WABROADCAST_ONLY_NUMBERS", raising=False)

    done = command("check", name)

    assert (done.status, words in done.output + done.errors) == (status, True), done


@pytest.mark.parametrize(
    ("code", "words"),
    [
        pytest.param(
            "import acme_missing_part", "cannot be imported: the module acme_missing_part is missing", id="part"
        ),
        pytest.param("raise ValueError('hush')", "cannot be imported: ValueError at ", id="raises"),
        pytest.param("raise SystemExit('hush')", "cannot be imported: SystemExit at ", id="exits"),
        pytest.param(
            "import os\ndef f(:",
            "cannot be imported: SyntaxError: invalid syntax (acme_unfit_syntax.py, line 2)",
            id="syntax",
        ),
        pytest.param(
            "class Odd(BaseException): ...\nraise Odd('hush')", "cannot be imported: Odd at ", id="own_exception"
        ),
    ],
)
def test_a_module_that_cannot_be_imported_is_named_with_the_reason(
    written: Callable[[str, str], None],
    command: Callable[..., Done],
    request: pytest.FixtureRequest,
    code: str,
    words: str,
) -> None:
    name = f"acme_unfit_{request.node.callspec.id}"
    written(name, code)

    done = command("check", name)

    assert done.status == 2
    assert words in done.errors
    assert "hush" not in done.errors


def test_a_plugin_that_is_quarantined_fails(written: Callable[[str, str], None], command: Callable[..., Done]) -> None:
    written(
        "acme_hookless", "from wabroadcast_core import hookimpl\n@hookimpl\ndef wab_blacklistd(numbers): return {}\n"
    )

    done = command("check", "acme_hookless")

    assert done.status == 1
    assert "it can be loaded\tfailed\tits hooks do not fit" in done.output


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("{", "--settings is not JSON", id="no-json"),
        pytest.param("[]", "--settings is not a JSON object", id="list"),
        pytest.param('{"latencySeconds": "slow"}', "latencySeconds", id="value"),
        pytest.param('{"speed": 1}', "speed", id="unknown"),
    ],
)
def test_settings_that_do_not_fit_are_refused(command: Callable[..., Done], text: str, words: str) -> None:
    done = command("check", "builtin.sandbox", "--settings", text)

    assert done.status == 2
    assert words in done.errors
