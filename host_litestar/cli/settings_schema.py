"""The output of the JSON schema of a plugin's settings: each field with what it needs, its default and its meaning.

The fields of an object have rows below it, with a dotted name. ``[]`` is each entry of a list, ``*`` each name.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import rich_click as click

from host_litestar.cli.output import print_table

TITLES = ("SETTING", "TYPE", "NEEDED", "DEFAULT", "MEANING")
DEEPEST = 6  # levels of objects and lists that are shown, and searched for secrets
Schema = Mapping[str, Any]


def print_settings(schema: Schema) -> None:
    """Print the description of the settings, and one row for each field."""
    if schema.get("description"):
        click.echo(schema["description"])
    if rows := describe_fields(schema):
        print_table(TITLES, rows)
    else:
        click.echo("it needs no settings")


def describe_fields(schema: Schema) -> list[tuple[str, ...]]:
    """Return a row for each field, also of the objects inside: name, type, what it needs, default and meaning."""
    rows = _fields_of(schema, "", schema.get("$defs", {}))
    return [*dict.fromkeys(rows)]  # forms of one field may share a part


def _fields_of(
    form: Schema, prefix: str, definitions: Schema, *, around: Collection[int] = ()
) -> Iterator[tuple[str, ...]]:
    """Yield a row for each field of an object, and for each field inside it.

    :param prefix: of the names: where the object is.
    :param around: the objects around this one, which may contain themselves.
    """
    if id(form) in around or len(around) > DEEPEST:
        return
    required = form.get("required", ())
    for name, field in form.get("properties", {}).items():
        yield prefix + name, *_describe_field(field, definitions=definitions, required=name in required)
        for ending, inner in _objects_in(field, definitions):
            yield from _fields_of(inner, f"{prefix}{name}{ending}.", definitions, around=(*around, id(form)))


def _objects_in(field: Schema, definitions: Schema) -> Iterator[tuple[str, Schema]]:
    """Yield the objects that a field may be, or may hold as entries, each with the ending of its name."""
    for form in _forms_of(field, definitions):
        yield "", form
        for ending, entries in (("[]", form.get("items")), (".*", form.get("additionalProperties"))):
            for entry in _as_schemas(entries):
                yield from ((ending, inner) for inner in _forms_of(entry, definitions))


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
    return " | ".join(dict.fromkeys(word for form in forms for word in _words_of(form)))


def _words_of(form: Schema) -> list[str]:
    """Return the values of a choice, or the type of everything else."""
    values = form.get("enum", [form["const"]] if "const" in form else [form.get("type", "any")])
    return [str(value) for value in values]


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
