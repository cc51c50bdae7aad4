"""Files of named queries, for tests."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_queries(path: Path, **queries: Mapping[str, Any]) -> Path:
    """Write a TOML file. JSON's texts and numbers are TOML too."""
    lines = [line for name, query in queries.items() for line in (f"[queries.{name}]", *_lines(query))]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _lines(query: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in query.items()]


def _value(value: Any) -> str:
    if not isinstance(value, dict):
        return json.dumps(value)
    return "{" + ", ".join(f"{json.dumps(key)} = {json.dumps(text)}" for key, text in value.items()) + "}"
