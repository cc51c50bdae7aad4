"""The public names: a change has a line in the changelog, and what a plugin implements is documented and public."""

import ast
import re
from pathlib import Path

import pytest

import wabroadcast_core
from tests.public_api import RELEASED, _find, list_public_api

ROOT = Path(__file__).parent.parent
HOOKSPECS = sorted((ROOT / "wabroadcast_core" / "hookspecs").glob("*.py"))
ABILITIES = (
    *HOOKSPECS,
    ROOT / "wabroadcast_core" / "inbound" / "kept_calls.py",
    ROOT / "wabroadcast_core" / "inbound" / "shared_webhooks.py",
    ROOT / "wabroadcast_core" / "transport" / "account_identity.py",
)
INNER_PARTS = {  # of values that a plugin gets and passes on, of defaults, and of results that a host reads
    "Act",
    "Attempt",
    "Cells",
    "ConnectionUse",
    "ConsentColumn",
    "ForeignNumbers",
    "NumberColumns",
    "ParameterKind",
    "PastTest",
    "Reason",
    "Rows",
    "FileKind",
    "SizeLimited",
    "Variables",
}


def changed_members(before: list[str], now: list[str]) -> list[str]:
    """Return the names whose lines differ, such as ``SenderContext.http``, without their package."""
    changed = {re.split(r": | = ", line)[0] for line in set(before) ^ set(now)}
    return sorted(name.removeprefix("wabroadcast_core.") for name in changed)


def unnamed_changes(before: list[str], now: list[str], *, changelog: str) -> list[str]:
    """Return the changed names that the section of the changelog does not name in backticks."""
    named = " ".join(re.findall(r"`([^`]+)`", changelog.partition("## [Unreleased]")[2].partition("\n## [")[0]))
    return [name for name in changed_members(before, now) if not _is_named(name, named)]


def _is_named(changed: str, named: str) -> bool:
    """Return whether a changed name, or the class that it belongs to, is among the words in backticks."""
    words = re.sub(r"^testing\.((engine|fixtures|http_contract)\.)?", "", changed).split(".")
    owner, member = words[0], words[-1]
    if member == owner or member.startswith("__"):
        return re.search(rf"\b{owner}\b", named) is not None
    return re.search(rf"\b({owner}(?!\.)|{owner}\.{member}|{owner.lower()}\.{member})\b", named) is not None


def test_a_changed_public_name_has_a_line_in_the_changelog() -> None:
    before = RELEASED.read_text(encoding="utf-8").splitlines()
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert unnamed_changes(before, list_public_api(), changelog=changelog) == [], (
        "these public names or signatures changed since the release: name them in backticks in a line of [Unreleased] "
        "in CHANGELOG.md (wabroadcast_plugins/README.md says what may change when)"
    )


BEFORE = ["wabroadcast_core.mask_number: (number: str) -> str", "wabroadcast_core.Rate.messages: int"]


@pytest.mark.parametrize(
    ("now", "changelog", "unnamed"),
    [
        pytest.param(BEFORE, "", [], id="nothing-changed"),
        pytest.param(BEFORE[1:], "", ["mask_number"], id="removed"),
        pytest.param([*BEFORE, "wabroadcast_core.Rate.burst: int"], "", ["Rate.burst"], id="member-added"),
        pytest.param([BEFORE[0], "wabroadcast_core.Rate.messages: float"], "", ["Rate.messages"], id="type-changed"),
        pytest.param(
            ["wabroadcast_core.mask_number: (number: str, *, shown: int=4) -> str", BEFORE[1]],
            "",
            ["mask_number"],
            id="argument-added",
        ),
        pytest.param(BEFORE[1:], "- `mask_number` is gone.", [], id="named"),
        pytest.param(BEFORE[1:], "- mask_number is gone.", ["mask_number"], id="named-without-backticks"),
        pytest.param(BEFORE[:1], "- `Rate.messages` is gone.", [], id="member-named"),
        pytest.param(BEFORE[:1], "- `Rate` lost a field.", [], id="class-named"),
        pytest.param(BEFORE[:1], "- `Rate.seconds` is new.", ["Rate.messages"], id="other-member-named"),
        pytest.param(BEFORE[1:], "\n## [0.1.0]\n- `mask_number` is new.", ["mask_number"], id="named-in-a-release"),
    ],
)
def test_a_change_without_its_line_is_found(now: list[str], changelog: str, unnamed: list[str]) -> None:
    assert unnamed_changes(BEFORE, now, changelog=f"## [Unreleased]\n{changelog}\n") == unnamed


def test_the_list_has_functions_classes_members_and_constants() -> None:
    lines = list_public_api()

    assert "wabroadcast_core.mask_number: (number: str) -> str" in lines
    assert "wabroadcast_core.Temporary: class" in lines
    assert "wabroadcast_core.Temporary.retry_after: float | None" in lines  # of a base that is not public
    assert "wabroadcast_core.SourceContext.region: str = 'ID'" in lines
    assert "wabroadcast_core.Sender.send: async (self, message: OutgoingMessage) -> Accepted" in lines
    assert "wabroadcast_core.Hooks.wab_before_send: (self, message: OutgoingMessage) -> None" in lines
    assert "wabroadcast_core.testing.SenderContract.make_context: (self) -> SenderContext" in lines
    assert (
        "wabroadcast_core.Recipient.number: str = Field(max_length=LONGEST_NUMBER)" in lines
    )  # without its description
    assert not [line for line in lines if ".test_" in line]


def test_public_signatures_mention_public_names_only() -> None:
    public = {*wabroadcast_core.__all__, *INNER_PARTS}
    ours = {
        node.name
        for path in (ROOT / "wabroadcast_core").rglob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    }
    lines = [line for line in list_public_api() if not re.match(r"wabroadcast_core\.(testing|\w*Broadcaster)\.", line)]
    mentioned = {
        word for line in lines for word in re.findall(r"(?<![\w.'])[A-Z]\w+", re.split(r": | = ", line, maxsplit=1)[1])
    }

    assert sorted((mentioned & ours) - public) == []


def test_public_models_name_their_defaults() -> None:
    """A type checker knows a default only by its name, unless it has pydantic's plugin."""
    defined = [(name, _find("wabroadcast_core", name)[1]) for name in wabroadcast_core.__all__]
    nameless = [
        f"{name}: {ast.unparse(call)}"
        for name, node in defined
        if isinstance(node, ast.ClassDef)
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "Field" and call.args
    ]

    assert nameless == []


def _methods() -> list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Return the hooks, and the methods of the protocols that a plugin implements."""
    return [
        (f"{node.name}.{method.name}", method)
        for path in ABILITIES
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name not in {"ReadsContacts", "Cache"}
        for method in node.body
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and not method.name.startswith("_")
    ]


@pytest.mark.parametrize(("name", "method"), [pytest.param(*each, id=each[0]) for each in _methods()])
def test_what_a_plugin_implements_is_documented(name: str, method: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    text = ast.get_docstring(method) or ""
    arguments = [each.arg for each in method.args.args if each.arg not in {"self", "cls"}]
    returns = ast.unparse(method.returns) if method.returns else "None"

    assert "Called" in text, "say when and where it is called"
    assert [argument for argument in arguments if f":param {argument}:" not in text] == []
    assert returns == "None" or ":returns:" in text
    assert ":raises " in text, "say what follows from an exception"
