"""The output of the JSON schema of a plugin's settings: each field with what it needs, its default and its meaning."""

from collections.abc import Iterator, Mapping
from typing import Any

import rich_click as click

from host_litestar.cli.output import print_table

TITLES = ("SETTING", "TYPE", "NEEDED", "DEFAULT", "MEANING")
DEEPEST = 6  # levels of objects and lists that are searched for secrets
Schema = Mapping[str, Any]


def print_settings(schema: Schema) -> None:
    """Print the description of the settings, and one row for each field."""
    if schema.get("description"):
        click.echo(schema["description"])
    required = frozenset(schema.get("required", ()))
    rows = [
        (name, *_describe_field(field, definitions=schema.get("$defs", {}), required=name in required))
        for name, field in schema.get("properties", {}).items()
    ]
    if rows:
        print_table(TITLES, rows)
    else:
        click.echo("it needs no settings")


def _describe_field(field: Schema, *, definitions: Schema, required: bool) -> tuple[str, ...]:
    forms = list(_forms_of(field, definitions))
    secret = any(_is_secret(form, definitions) for form in forms)
    words = [word for word, applies in (("required", required), ("secret", secret)) if applies]
    default = field.get("default")
    shown = "" if default in (None, "", [], {}) else str(default).lower() if isinstance(default, bool) else str(default)
    meaning = field.get("description") or next((form["description"] for form in forms if "description" in form), "")
    return _describe_type(forms), " ".join(words), shown, meaning


def _forms_of(field: Schema, definitions: Schema) -> Iterator[Schema]:
    """Yield the forms that a value may have, without null."""
    for form in field.get("anyOf", field.get("oneOf", field.get("allOf", [field]))):
        resolved = definitions.get(form["$ref"].rpartition("/")[2], {}) if "$ref" in form else form
        if resolved.get("type") != "null":
            yield resolved


def _describe_type(forms: list[Schema]) -> str:
    words = [" | ".join(map(str, form["enum"])) if "enum" in form else str(form.get("type", "any")) for form in forms]
    return " | ".join(dict.fromkeys(words))


def _is_secret(form: Schema, definitions: Schema, *, levels: int = DEEPEST) -> bool:
    """Return whether a form, or a part of it on the next levels, is a secret. A form may contain itself."""
    inside = [*form.get("properties", {}).values(), *_as_schemas(form.get("items"))]
    inside += [*_as_schemas(form.get("additionalProperties")), *form.get("patternProperties", {}).values()]
    return bool(form.get("writeOnly")) or any(
        levels and _is_secret(part, definitions, levels=levels - 1)
        for field in inside
        for part in _forms_of(field, definitions)
    )


def _as_schemas(value: object) -> list[Schema]:
    return [value] if isinstance(value, dict) else []
