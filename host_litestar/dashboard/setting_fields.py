"""The fields of a form for settings, built from their JSON schema: texts, numbers, choices, groups, and lists.

A field is named by the path of its setting, as in ``settings.webhook.proof.kind``, which is the path of its faults too.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal, TypeAlias

Schema: TypeAlias = Mapping[str, Any]
Kind: TypeAlias = Literal["text", "number", "choice", "tick", "lines", "pairs", "value", "json", "group", "list"]

ONE_OF: Final = ("oneOf", "anyOf")
_SIMPLE: Final[Mapping[str, Kind]] = {"string": "text", "integer": "number", "number": "number", "boolean": "tick"}
_WORD: Final = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")


@dataclass(frozen=True)
class Setting:
    """A setting with its schema.

    :param path: its name in the form.
    :param schema: without references and without the null of what may be left out.
    :param is_nullable: whether it may be left out altogether.
    :param definitions: the schemas that references name.
    :param followed: the references that led to it.
    :param repeats: whether one of them is followed again: a form of fields would have no end.
    """

    path: str
    schema: Schema
    definitions: Schema
    is_required: bool = False
    is_nullable: bool = False
    followed: frozenset[str] = frozenset()
    repeats: bool = False

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]

    @property
    def title(self) -> str:
        """The title of the schema; one that was made from the name is made anew, as words."""
        words = " ".join(word if word.isupper() else word.lower() for word in _WORD.findall(self.name))
        title = str(self.schema.get("title", ""))
        is_own = title and title.replace(" ", "").lower() != self.name.replace("_", "").lower() and not self.parts
        return title if is_own else words[:1].upper() + words[1:]

    @property
    def description(self) -> str:
        """What the setting is for, in English."""
        return str(self.schema.get("description", ""))

    @cached_property
    def is_secret(self) -> bool:
        """Whether it holds a secret, which is never shown."""
        return _has_secret(self.schema, self.definitions, frozenset())

    @cached_property
    def kind(self) -> Kind:
        """How it is entered."""
        schema = self.schema
        if self.repeats:
            return "json"
        if "enum" in schema or "const" in schema:
            return "choice"
        if any(one in schema for one in ONE_OF):
            return "value" if "discriminator" not in schema else "group" if self._has_plain_variants else "json"
        match schema.get("type"):
            case "object":
                return self._kind_of_object()
            case "array":
                return self._kind_of_list()
            case other:
                kind = _SIMPLE.get(str(other), "json")
                return "choice" if kind == "tick" and self.is_nullable else kind

    @cached_property
    def members(self) -> dict[str, Any]:
        """The values of a choice without null, by the texts that the form sends for them."""
        values = [one for one in _members_of(self.schema) or (True, False) if one is not None]
        plain = [one if isinstance(one, str) else json.dumps(one) for one in values]
        are_distinct = len(set(plain)) == len(plain) and all(text and text == text.strip() for text in plain)
        return dict(zip(plain if are_distinct else map(json.dumps, values), values, strict=True))

    @property
    def default(self) -> Any:
        """The value of a setting that is left out; None if there is none."""
        return self.schema.get("default")

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes of its control."""
        if self.kind == "number":
            known = {"min": "minimum", "max": "maximum"}
            step = "1" if self.schema["type"] == "integer" else "any"
            return {"step": step, **{name: self.schema[one] for name, one in known.items() if one in self.schema}}
        return {"maxlength": self.schema["maxLength"]} if "maxLength" in self.schema else {}

    @cached_property
    def parts(self) -> "list[Setting]":
        """The settings of a group. Of one that has variants, those of all variants, the choice of one of them first."""
        if self.kind != "group":
            return []
        if "discriminator" not in self.schema:
            return list(self._parts_of(self.schema))
        by_name: dict[str, Setting] = {}
        for value, variant in self.variants.items():
            parts = self._parts_of(variant, reference=self._references_by_value[value])
            by_name |= {part.name: part for part in parts if part.name not in by_name}
        chooser = self.schema["discriminator"]["propertyName"]
        values = [_chosen_by(variant, chooser, text) for text, variant in self.variants.items()]
        choice = Setting(f"{self.path}.{chooser}", {"enum": values}, self.definitions, is_required=True)
        return [choice, *(part for name, part in by_name.items() if name != chooser)]

    @property
    def variants(self) -> dict[str, Schema]:
        """The variants of a group, by the value that chooses one."""
        references = self._references_by_value
        return {value: _found({"$ref": reference}, self.definitions) for value, reference in references.items()}

    @property
    def _references_by_value(self) -> Mapping[str, str]:
        mapping: Mapping[str, str] = self.schema.get("discriminator", {}).get("mapping", {})
        return mapping

    @property
    def _has_plain_variants(self) -> bool:
        """Whether no variant has variants itself."""
        return len(_variants_of(self.schema)) == len(self._references_by_value)

    def variants_of(self, part: "Setting") -> list[str]:
        """Return the variants that have a part; none if all have it."""
        having = [value for value, variant in self.variants.items() if part.name in variant.get("properties", {})]
        return having if len(having) < len(self.variants) else []

    def item(self, at: int) -> "Setting":
        """Return an item of a list."""
        items = self.schema.get("items", {})
        return setting_of(f"{self.path}.{at}", items, self.definitions, followed=self.followed)

    def _kind_of_object(self) -> Kind:
        if "properties" in self.schema:
            return "group"
        values = [self.schema.get("additionalProperties"), *self.schema.get("patternProperties", {}).values()]
        return (
            "pairs" if all(isinstance(one, dict) and one.get("type") == "string" for one in values if one) else "json"
        )

    def _kind_of_list(self) -> Kind:
        if self.item(0).repeats:
            return "json"
        items = _found(self.schema.get("items", {}), self.definitions)
        if items.get("type") == "string":
            return "lines"
        return "list" if "properties" in items else "json"

    def _parts_of(self, schema: Schema, *, reference: str | None = None) -> "Iterator[Setting]":
        """Yield the settings of a group.

        :param reference: that of the variant whose schema this is.
        """
        followed = self.followed | ({reference} if reference else set())
        required = schema.get("required", ())
        for name, part in schema.get("properties", {}).items():
            yield setting_of(
                f"{self.path}.{name}",
                part,
                self.definitions,
                is_required=name in required,
                followed=followed,
            )


def setting_of(
    path: str,
    schema: Schema,
    definitions: Schema,
    *,
    is_required: bool = False,
    followed: frozenset[str] = frozenset(),
) -> Setting:
    """Return the setting of a schema.

    :param followed: the references that led to it.
    """
    found, forms = _found(schema, definitions), [schema]
    choices = found.get("anyOf", ())
    others = [one for one in choices if _found(one, definitions).get("type") != "null"]
    is_nullable = len(others) < len(choices)
    if is_nullable and len(others) == 1:
        forms += others
        own = {name: value for name, value in found.items() if name != "anyOf"}
        found = {**_found(others[0], definitions), **own}
    is_nullable = is_nullable or None in _members_of(found)
    references = {one["$ref"] for one in forms if "$ref" in one}
    return Setting(
        path,
        found,
        definitions,
        is_required=is_required,
        is_nullable=is_nullable,
        followed=followed | references,
        repeats=not followed.isdisjoint({*references, *_variants_of(found)}),
    )


def settings_of(schema: Schema) -> list[Setting]:
    """Return the settings of a connection by the schema of its kind."""
    return setting_of("settings", schema, schema.get("$defs", {})).parts


def _members_of(schema: Schema) -> list[Any]:
    """Return the values of a choice; none if the schema has no list of them."""
    return list(schema.get("enum", [schema["const"]] if "const" in schema else ()))


def _chosen_by(variant: Schema, chooser: str, text: str) -> Any:
    """Return the value that chooses a variant: its text, or the number that it stands for."""
    members = _members_of(variant.get("properties", {}).get(chooser, {}))
    return next((one for one in members if str(one) == text), text)


def _variants_of(schema: Schema) -> list[str]:
    """Return the references to the variants of a schema."""
    mapping = schema.get("discriminator", {}).get("mapping", {})
    return [one for one in mapping.values() if isinstance(one, str)]


def _found(schema: Schema, definitions: Schema) -> Schema:
    """Return a schema with its reference followed; what stands beside the reference is kept."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    named: Schema = definitions[reference.rpartition("/")[2]]
    return {**named, **{name: value for name, value in schema.items() if name != "$ref"}}


def _has_secret(schema: Any, definitions: Schema, followed: frozenset[str]) -> bool:
    """Return whether a schema has a secret inside.

    :param followed: the references that led to it: a schema may name itself.
    """
    if isinstance(schema, list):
        return any(_has_secret(one, definitions, followed) for one in schema)
    if not isinstance(schema, Mapping):
        return False
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference not in followed:
        return _has_secret(_found(schema, definitions), definitions, followed | {reference})
    return schema.get("writeOnly") is True or any(_has_secret(one, definitions, followed) for one in schema.values())
