"""The JSON schemas of our models in the OpenAPI document: those by which pydantic validates and writes them.

Litestar's own would be looser than the checks, and would name fields as Python does where a host has not configured its
pydantic plugin.
"""

from dataclasses import dataclass
from typing import Any

from litestar._openapi.schema_generation import SchemaCreator  # the type of an argument, which has no public name
from litestar.openapi.spec import OpenAPIType, Schema
from litestar.openapi.spec.base import BaseSchemaObject
from litestar.params import BodyKwarg
from litestar.plugins import OpenAPISchemaPlugin
from litestar.typing import FieldDefinition
from litestar.utils import is_class_and_subclass

from wabroadcast_core.models.base import Model
from wabroadcast_core.problems import Problem


@dataclass
class Verbatim(BaseSchemaObject):
    """A part of the OpenAPI document that is written as it is. Litestar would leave out its nulls."""

    document: dict[str, Any]

    def to_schema(self) -> dict[str, Any]:
        """Return the part."""
        return self.document


class ModelSchemas(OpenAPISchemaPlugin):
    """Litestar plugin that describes our models. It is used through :class:`WABroadcastPlugin`."""

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        """Return whether a type is one of our models."""
        return is_class_and_subclass(field_definition.annotation, Model)

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: SchemaCreator) -> Schema:
        """Return the schema of a model, registered as a component."""
        model = field_definition.annotation
        is_body = isinstance(field_definition.kwarg_definition, BodyKwarg)
        document = schema_of(model, is_body=is_body)
        schema = schema_creator.schema_registry.get_schema_for_field_definition(field_definition)
        schema.title = model.__name__
        schema.type = OpenAPIType.OBJECT
        schema.description = document.get("description")
        schema.properties = document.get("properties", {})
        schema.required = document.get("required")
        schema.additional_properties = document.get("additionalProperties")
        return schema


def schema_of(model: type[Model], *, is_body: bool) -> dict[str, Any]:
    """Return the JSON schema of a model, which needs no other document.

    :param is_body: whether it is the body of a request: then fields with a default may be left out.
    """
    may_lack_fields = is_body or issubclass(model, Problem)
    schema = model.model_json_schema(by_alias=True, mode="validation" if may_lack_fields else "serialization")
    inlined: dict[str, Any] = _inlined(schema, schema.get("$defs", {}))
    return inlined


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """Return the schema with each reference replaced by what it refers to.

    This ends because no model here contains itself.
    """
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        own = {name: value for name, value in schema.items() if name != "$ref"}  # as the description of the field
        return {**_inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions), **own}
    left_out = {"$defs", "discriminator"}
    return {name: _inlined(value, definitions) for name, value in schema.items() if name not in left_out}
