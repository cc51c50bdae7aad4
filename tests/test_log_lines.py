"""Log lines name connections and broadcasts as operators do: by the connection's name and the job id."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("wabroadcast_core", "wabroadcast_plugins", "host_litestar")
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
LOGS = re.compile(r"\blog(ger|ging)?\s*\.")  # what a module that logs has
INTERNAL_IDS = re.compile(r"(.*[._])?(connection_id|broadcast_id|(connection|broadcast|snapshot)\.id)")
BY_NUMBER = re.compile(r"\b(connection|broadcast) (%d|\{[^}]*id\})")


def log_calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
            logger = ast.unparse(node.func.value)
            if logger in {"log", "logger", "logging"}:
                yield node


def internal_ids(call: ast.Call) -> list[str]:
    """Return what a log call formats that only the store knows."""
    nodes = [node for argument in call.args for node in ast.walk(argument)]
    names = [ast.unparse(node) for node in nodes if isinstance(node, ast.Name | ast.Attribute)]
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [*filter(INTERNAL_IDS.fullmatch, names), *filter(BY_NUMBER.search, texts)]


def test_no_log_line_names_a_connection_or_a_broadcast_by_an_internal_id() -> None:
    found, calls = [], 0
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        for call in log_calls(ast.parse(source)) if LOGS.search(source) else ():
            calls += 1
            found += [f"{path.relative_to(ROOT)}:{call.lineno}: {name}" for name in internal_ids(call)]

    assert calls > 40
    assert found == []


@pytest.mark.parametrize(
    ("line", "is_found"),
    [
        ('log.warning("connection %d broke off", number)', True),
        ('log.warning("connection %s broke off", turn.connection_id)', True),
        ('log.error("%s failed", str(connection_id))', True),
        ('log.info("%s is resumed", snapshot.id)', True),
        ('log.info("broadcast %s has ended", row.broadcast_id)', True),
        ('log.info("connection %s: %d calls", snapshot.name, len(calls))', False),
        ('log.info("message %s is queued again", message.message_id)', False),
        ('log.info("broadcast %s has ended", job_id)', False),
    ],
)
def test_the_search_finds_internal_ids_in_log_calls(*, line: str, is_found: bool) -> None:
    [call] = log_calls(ast.parse(line))

    assert bool(internal_ids(call)) is is_found
